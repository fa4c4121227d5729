/** Accounts, as administrators ask for and change them. */
import { type Problem, request } from "./http";
import { type Key, t } from "./words";

export interface Person {
  id: number;
  name: string;
  uri: string;
  /** What callers read; empty: the number in the address. */
  display_name: string;
  admin: boolean;
  supervisor: boolean;
  team: string;
  active: boolean;
  /** Where they sign in instead of here; null: they do so here. */
  provider: string | null;
  /** Roles that the provider says at each log-in. */
  given: ("admin" | "supervisor")[];
  created: string;
  warnings: ("shared" | "unnamed")[];
}

export interface PersonPage {
  items: Person[];
  total: number;
  teams: string[];
}

/** `password` where one was made: it is shown once. */
export interface PersonAnswer {
  person: Person;
  password: string | null;
}

export type PersonOrder = "name" | "uri" | "role" | "team" | "active";

export interface PersonFields {
  uri: string;
  display_name: string;
  admin: boolean;
  supervisor: boolean;
  team: string;
}

export interface SetUpEvent {
  id: number;
  at: string;
  /** Null: somebody on the command line. */
  by: string | null;
  what: "added" | "changed" | "password" | "removed" | "brand";
  whom: string | null;
  changes: Record<string, [unknown, unknown]>;
}

const PEOPLE = "/v1/setup/people";

export function findPeople(
  search: string,
  order: PersonOrder,
  descending: boolean,
  offset: number,
  limit: number,
): Promise<PersonPage> {
  const asked = new URLSearchParams({ search, order, offset: `${offset}`, limit: `${limit}` });
  if (descending) asked.set("descending", "true");
  return request("GET", `${PEOPLE}?${asked}`);
}

export const addPerson = (name: string, fields: PersonFields, password: string | null) =>
  request<PersonAnswer>("POST", PEOPLE, { name, ...fields, ...(password ? { password } : {}) });

export const changePerson = (id: number, changes: Partial<PersonFields & { active: boolean }>) =>
  request<PersonAnswer>("POST", `${PEOPLE}/${id}`, changes);

export const newPassword = (id: number) =>
  request<PersonAnswer>("POST", `${PEOPLE}/${id}/password`, {});

export const removePerson = (id: number) => request<null>("DELETE", `${PEOPLE}/${id}`);

export function rolesOf(person: Person): string {
  const roles: Key[] = person.supervisor ? ["people.supervisor"] : [];
  if (person.admin) roles.push("people.admin");
  return (roles.length ? roles : (["people.agent"] as Key[]))
    .map((key) => t(key))
    .join(t("app.and"));
}

const WRONG: Record<string, Key> = {
  name: "people.bad.name",
  uri: "people.bad.uri",
  display_name: "people.bad.displayName",
  team: "people.bad.team",
  password: "people.bad.password",
};

/** What is wrong with a field, in the page's words; null: it is nothing about a field. */
export function wrong(problem: Problem): string | null {
  if (problem.why === "taken") return t("people.bad.taken");
  if (problem.why === "last-administrator") return t("people.last");
  if (problem.why === "given") return t("people.given");
  const key = problem.status === 422 ? WRONG[problem.field] : undefined;
  return key ? t(key) : problem.status === 404 ? t("people.gone") : null;
}
