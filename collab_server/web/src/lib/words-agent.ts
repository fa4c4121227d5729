/** Teaches the words of whoever serves, supervises or administers; callers' pages load none. */
import { enDesk } from "./en-desk";
import { enFloor } from "./en-floor";
import { enLogin } from "./en-login";
import { enSetup } from "./en-setup";
import { teach } from "./words";
import { zhDesk } from "./zh-desk";
import { zhFloor } from "./zh-floor";
import { zhLogin } from "./zh-login";
import { zhSetup } from "./zh-setup";

teach(enLogin, zhLogin);
teach(enDesk, zhDesk);
teach(enFloor, zhFloor);
teach(enSetup, zhSetup);
