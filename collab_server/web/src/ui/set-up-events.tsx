/** Who changed people and brand, and when. */
import { useEffect, useState } from "preact/hooks";
import { shortTime } from "../lib/clock";
import { request } from "../lib/http";
import type { SetUpEvent } from "../lib/people-admin";
import type { Page } from "../lib/types";
import { type Key, language, t } from "../lib/words";
import { Fold } from "./fold";

const EVENTS = "/v1/setup/events?limit=20";

const FIELDS: Record<string, Key> = {
  uri: "people.uri",
  admin: "people.admin",
  supervisor: "people.supervisor",
  team: "people.team",
  display_name: "people.displayName",
  active: "events.active",
  provider: "events.provider",
  name: "brand.name",
  logo: "brand.logo",
  color: "brand.color",
  phone: "brand.phone",
  privacy_url: "brand.privacyUrl",
  languages: "brand.languages",
};

/** `turn` counts up when something may have been changed here. */
export function SetUpEvents({ turn }: { turn: number }) {
  const [events, setEvents] = useState<SetUpEvent[]>([]);
  const [next, setNext] = useState<string | null>(null);
  const load = (before: string | null) =>
    request<Page<SetUpEvent>>("GET", before ? `${EVENTS}&before=${before}` : EVENTS).then(
      (page) => {
        setEvents((known) => (before ? [...known, ...page.items] : page.items));
        setNext(page.next);
      },
      () => undefined, // the list above says what is the matter
    );
  useEffect(() => void load(null), [turn]);
  return (
    <Fold title={t("events.title")}>
      {events.length === 0 && <p class="muted">{t("events.none")}</p>}
      <ul class="events">
        {events.map((event) => (
          <li key={event.id}>
            <time class="small muted" dateTime={event.at}>
              {shortTime(event.at)}
            </time>
            <span>
              {t(`events.${event.what}`, {
                by: event.by === null ? t("events.commandLine") : named(event.by),
                whom: event.whom ?? "",
              })}
              <span class="small muted">{details(event)}</span>
            </span>
          </li>
        ))}
      </ul>
      {next && (
        <p>
          <button type="button" onClick={() => void load(next)}>
            {t("events.more")}
          </button>
        </p>
      )}
    </Fold>
  );
}

/** A name among Chinese words has a blank behind it; the others have theirs in the sentence. */
const named = (name: string) => (language.value === "en" ? name : `${name} `);

function details({ changes }: SetUpEvent): string {
  return Object.entries(changes)
    .map(([field, [before, after]]) => {
      if (field === "welcome") return t("brand.welcome"); // two sentences are too much for a line
      const words = { field: FIELDS[field] ? t(FIELDS[field]) : field, after: value(field, after) };
      return before === null && field !== "logo"
        ? t("events.first", words)
        : t("events.field", { ...words, before: value(field, before) });
    })
    .join(" · ");
}

const LANGUAGE: Record<string, string> = { en: "English", zh: "简体中文" };

function value(field: string, one: unknown): string {
  if (typeof one === "boolean") return t(one ? "events.yes" : "events.no");
  if (one === null || one === "") return t("events.nothing");
  if (field === "logo") return t("events.other");
  return Array.isArray(one)
    ? one.map((tag) => LANGUAGE[String(tag)] ?? String(tag)).join(t("app.and"))
    : String(one);
}
