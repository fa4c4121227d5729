/** People: who may log in, a page of them at a time, and what an administrator does with each. */
import { useEffect, useRef, useState } from "preact/hooks";
import { asProblem, type Problem } from "../lib/http";
import {
  changePerson,
  findPeople,
  type Person,
  type PersonAnswer,
  type PersonOrder,
  type PersonPage,
  rolesOf,
} from "../lib/people-admin";
import type { AgentAccount } from "../lib/types";
import { type Key, t } from "../lib/words";
import { Icon } from "./icons";
import { Menu } from "./menu";
import { ProblemNotice } from "./parts";
import { AskOff, AskPassword, AskRemove, PasswordShown } from "./person-asks";
import { PersonForm } from "./person-form";
import { SetUpEvents } from "./set-up-events";
import { SortHead, useSorting } from "./sort-head";
import "../style/desk.css";
import "../style/floor.css";
import "../style/people.css";

const AT_ONCE = 50;
/** Between the last key stroke and the question. */
const PAUSE_MS = 200;

const COLUMNS: [PersonOrder, Key][] = [
  ["name", "people.name"],
  ["uri", "people.uri"],
  ["role", "people.role"],
  ["team", "people.team"],
  ["active", "people.state"],
];

/** What is open over the list. */
type Open =
  | { what: "add" }
  | { what: "edit" | "password" | "off" | "remove"; person: Person }
  | { what: "made"; person: Person; password: string };

interface Props {
  me: AgentAccount;
  /** The administrator has ended their own log-in, or is none any more. */
  signedOut: () => void;
}

export function People({ me, signedOut }: Props) {
  const [page, setPage] = useState<PersonPage | null>(null);
  const [problem, setProblem] = useState<Problem | null>(null);
  const [words, setWords] = useState("");
  const sorting = useSorting<PersonOrder>("name");
  const { order, descending } = sorting;
  const [offset, setOffset] = useState(0);
  const [turn, setTurn] = useState(0);
  const [open, setOpen] = useState<Open | null>(null);
  const asked = useRef(0);

  const failed = (error: unknown) => {
    const said = asProblem(error);
    if (said.status === 401 || said.status === 403) signedOut();
    else setProblem(said);
  };
  const load = () => {
    const mine = ++asked.current; // a later question's answer may come first
    findPeople(words, order, descending, offset, AT_ONCE).then(
      (found) => {
        if (mine !== asked.current) return;
        setProblem(null);
        setPage(found);
      },
      (error: unknown) => mine === asked.current && failed(error),
    );
  };
  useEffect(() => {
    const timer = setTimeout(load, words && page ? PAUSE_MS : 0);
    return () => clearTimeout(timer);
  }, [words, order, descending, offset, turn]);

  const close = () => setOpen(null);
  const again = () => setTurn((before) => before + 1);
  const choose = (column: PersonOrder) => {
    sorting.choose(column);
    setOffset(0);
  };
  const done = (answer: PersonAnswer | null) => {
    const password = answer?.password;
    if (answer && password) return setOpen({ what: "made", person: answer.person, password });
    close();
    again();
  };
  /** Only now: the administrator's own new password has ended their log-in. */
  const noted = () => {
    close();
    again();
  };
  const switchOn = (person: Person) => changePerson(person.id, { active: true }).then(done, failed);
  const last = Math.min(offset + AT_ONCE, page?.total ?? 0);

  return (
    <>
      <section class="box people" aria-labelledby="people-title">
        <div class="box-head">
          <h2 id="people-title">{t("people.title")}</h2>
          <button class="primary" type="button" onClick={() => setOpen({ what: "add" })}>
            {t("people.add")}
          </button>
        </div>
        <p class="small muted">{t("people.hint")}</p>
        <label class="search">
          <Icon name="search" />
          <span class="hidden">{t("people.search")}</span>
          <input
            type="search"
            value={words}
            maxLength={200}
            placeholder={t("people.searchHint")}
            onInput={(event) => {
              setWords(event.currentTarget.value);
              setOffset(0);
            }}
          />
        </label>
        {problem && <ProblemNotice problem={problem} retry={again} />}
        {!page && !problem && <p class="muted">{t("app.loading")}</p>}
        {page?.total === 0 && <p class="muted">{t("people.none")}</p>}
        {page && page.total > 0 && (
          <table class="floor-table">
            <SortHead columns={COLUMNS} sorting={{ ...sorting, choose }} actions="people.actions" />
            <tbody>
              {page.items.map((person) => (
                <Row
                  key={person.id}
                  person={person}
                  mine={person.name === me.name}
                  open={setOpen}
                  switchOn={switchOn}
                />
              ))}
            </tbody>
          </table>
        )}
        {page && page.total > AT_ONCE && (
          <p class="actions">
            <button
              type="button"
              disabled={offset === 0}
              onClick={() => setOffset(Math.max(0, offset - AT_ONCE))}
            >
              {t("people.before")}
            </button>
            <button
              type="button"
              disabled={last >= page.total}
              onClick={() => setOffset(offset + AT_ONCE)}
            >
              {t("people.after")}
            </button>
            <span class="muted" role="status">
              {t("people.range", { from: offset + 1, to: last, total: page.total })}
            </span>
          </p>
        )}
        <SetUpEvents turn={turn} />
      </section>
      {open?.what === "add" && <PersonForm teams={page?.teams ?? []} done={done} closed={close} />}
      {open?.what === "edit" && (
        <PersonForm person={open.person} teams={page?.teams ?? []} done={done} closed={close} />
      )}
      {open?.what === "password" && <AskPassword person={open.person} done={done} closed={close} />}
      {open?.what === "off" && <AskOff person={open.person} done={done} closed={close} />}
      {open?.what === "remove" && <AskRemove person={open.person} done={done} closed={close} />}
      {open?.what === "made" && (
        <PasswordShown name={open.person.name} password={open.password} closed={noted} />
      )}
    </>
  );
}

interface RowProps {
  person: Person;
  /** It is the administrator's own. */
  mine: boolean;
  open: (what: Open) => void;
  switchOn: (person: Person) => void;
}

function Row({ person, mine, open, switchOn }: RowProps) {
  const { name } = person;
  return (
    <tr data-person={name} class={person.active ? "" : "person-off"}>
      <th scope="row">
        {name} {mine && <span class="muted">({t("people.you")})</span>}
        {person.display_name && <span class="row-user">{person.display_name}</span>}
        {person.provider && (
          <span class="row-user">{t("people.provider", { provider: person.provider })}</span>
        )}
      </th>
      <td data-label={t("people.uri")}>
        <span>
          {person.uri}
          {person.warnings.map((warning) => (
            <span class="odd" key={warning}>
              {t(`people.${warning}`)}
            </span>
          ))}
        </span>
      </td>
      <td data-label={t("people.role")}>{rolesOf(person)}</td>
      <td data-label={t("people.team")}>{person.team}</td>
      <td data-label={t("people.state")}>
        <span class={`row-state ink-${person.active ? "live" : "calm"}`}>
          <span class="dot" aria-hidden="true" />
          {t(person.active ? "people.on" : "people.off")}
        </span>
      </td>
      <td class="row-actions">
        <button
          type="button"
          aria-label={t("people.editThat", { name })}
          onClick={() => open({ what: "edit", person })}
        >
          {t("people.edit")}
        </button>
        <Menu label={t("people.more")} name={t("people.moreThat", { name })}>
          {(close) => {
            const then = (act: () => void) => () => {
              close();
              act();
            };
            return (
              <div class="menu-list">
                <button
                  class="quiet"
                  type="button"
                  onClick={then(() => open({ what: "password", person }))}
                >
                  {t("people.newPassword")}
                </button>
                <button
                  class="quiet"
                  type="button"
                  onClick={then(() =>
                    person.active ? open({ what: "off", person }) : switchOn(person),
                  )}
                >
                  {t(person.active ? "people.switchOff" : "people.switchOn")}
                </button>
                <button
                  class="quiet ink-danger"
                  type="button"
                  onClick={then(() => open({ what: "remove", person }))}
                >
                  {t("people.remove")}
                </button>
              </div>
            );
          }}
        </Menu>
      </td>
    </tr>
  );
}
