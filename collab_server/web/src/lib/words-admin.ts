/** Teaches the words of people and brand; only /setup loads them. */
import { enAdmin } from "./en-admin";
import { teach } from "./words";
import { zhAdmin } from "./zh-admin";

teach(enAdmin, zhAdmin);
