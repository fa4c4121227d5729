/** Teaches the words of whoever serves, supervises or administers; callers' pages load none. */
import { enDesk } from "./en-desk";
import { enFloor } from "./en-floor";
import { enSetup } from "./en-setup";
import { teach } from "./words";
import { zhDesk } from "./zh-desk";
import { zhFloor } from "./zh-floor";
import { zhSetup } from "./zh-setup";

teach(enDesk, zhDesk);
teach(enFloor, zhFloor);
teach(enSetup, zhSetup);
