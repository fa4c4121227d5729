/** The form of an account: a new one, or one that is changed. */
import { useState } from "preact/hooks";
import { asProblem, type Problem } from "../lib/http";
import {
  addPerson,
  changePerson,
  type Person,
  type PersonAnswer,
  wrong,
} from "../lib/people-admin";
import { t } from "../lib/words";
import { Dialog } from "./dialog";
import { Notice, problemText } from "./parts";

interface Props {
  /** Absent: a new one. */
  person?: Person;
  /** Teams there are, to choose from. */
  teams: readonly string[];
  done: (answer: PersonAnswer) => void;
  closed: () => void;
}

export function PersonForm({ person, teams, done, closed }: Props) {
  const [name, setName] = useState("");
  const [uri, setUri] = useState(person?.uri ?? "sip:");
  const [displayName, setDisplayName] = useState(person?.display_name ?? "");
  const [team, setTeam] = useState(person?.team ?? "");
  const [supervisor, setSupervisor] = useState(person?.supervisor ?? false);
  const [admin, setAdmin] = useState(person?.admin ?? false);
  const [own, setOwn] = useState(false);
  const [password, setPassword] = useState("");
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<Problem | null>(null);

  const save = async () => {
    setBusy(true);
    setProblem(null);
    const fields = {
      uri: uri.trim(),
      display_name: displayName.trim(),
      team: team.trim(),
      supervisor,
      admin,
    };
    try {
      done(
        await (person
          ? changePerson(person.id, fields)
          : addPerson(name.trim(), fields, own ? password : null)),
      );
    } catch (error) {
      setProblem(asProblem(error));
      setBusy(false);
    }
  };
  const bad = (field: string) => (problem?.field === field ? "true" : undefined);
  const title = person ? t("people.editTitle", { name: person.name }) : t("people.add");

  return (
    <Dialog title={title} closed={closed}>
      <form
        class="person-form"
        onSubmit={(event) => {
          event.preventDefault();
          void save();
        }}
      >
        {!person && (
          <label>
            <span>{t("people.name")}</span>
            <input
              name="name"
              required
              maxLength={80}
              autocomplete="off"
              autocapitalize="none"
              spellcheck={false}
              aria-invalid={bad("name")}
              value={name}
              onInput={(event) => setName(event.currentTarget.value)}
            />
          </label>
        )}
        <label>
          <span>{t("people.uri")}</span>
          <input
            name="uri"
            required
            maxLength={255}
            autocomplete="off"
            autocapitalize="none"
            spellcheck={false}
            aria-invalid={bad("uri")}
            aria-describedby="person-uri"
            value={uri}
            onInput={(event) => setUri(event.currentTarget.value)}
          />
        </label>
        <p class="small muted" id="person-uri">
          {t("people.uriHint")}
        </p>
        <label>
          <span>{t("people.displayName")}</span>
          <input
            name="display_name"
            maxLength={60}
            autocomplete="off"
            spellcheck={false}
            aria-invalid={bad("display_name")}
            aria-describedby="person-display-name"
            value={displayName}
            onInput={(event) => setDisplayName(event.currentTarget.value)}
          />
        </label>
        <p class="small muted" id="person-display-name">
          {t("people.displayNameHint")}
        </p>
        <label>
          <span>{t("people.team")}</span>
          <input
            name="team"
            maxLength={60}
            autocomplete="off"
            list="person-teams"
            aria-invalid={bad("team")}
            aria-describedby="person-team"
            value={team}
            onInput={(event) => setTeam(event.currentTarget.value)}
          />
          <datalist id="person-teams">
            {teams.map((one) => (
              <option key={one} value={one} />
            ))}
          </datalist>
        </label>
        <p class="small muted" id="person-team">
          {t("people.teamHint")}
        </p>
        <fieldset>
          <legend>{t("people.rights")}</legend>
          <Tick
            label={t("people.supervisorHint")}
            checked={supervisor}
            set={setSupervisor}
            fixed={person?.given.includes("supervisor")}
          />
          <Tick
            label={t("people.adminHint")}
            checked={admin}
            set={setAdmin}
            fixed={person?.given.includes("admin")}
          />
          {person?.given.length ? <p class="small muted">{t("people.given")}</p> : null}
        </fieldset>
        {person ? (
          <p class="small muted">{t("people.anew")}</p>
        ) : (
          <fieldset>
            <legend>{t("people.password")}</legend>
            <label class="tick-box">
              <input type="radio" name="how" checked={!own} onChange={() => setOwn(false)} />
              {t("people.passwordMade")}
            </label>
            <label class="tick-box">
              <input type="radio" name="how" checked={own} onChange={() => setOwn(true)} />
              {t("people.passwordOwn")}
            </label>
            {own && (
              <input
                name="password"
                type="password"
                required
                minLength={8}
                maxLength={1024}
                autocomplete="new-password"
                aria-label={t("people.password")}
                aria-invalid={bad("password")}
                placeholder={t("people.passwordHint")}
                value={password}
                onInput={(event) => setPassword(event.currentTarget.value)}
              />
            )}
          </fieldset>
        )}
        {problem && <Notice tone="danger">{wrong(problem) ?? problemText(problem)}</Notice>}
        <p class="actions">
          <button class="primary" type="submit" disabled={busy}>
            {t(busy ? "people.saving" : person ? "people.save" : "people.add")}
          </button>
          <button type="button" onClick={closed}>
            {t("app.cancel")}
          </button>
        </p>
      </form>
    </Dialog>
  );
}

interface TickProps {
  label: string;
  checked: boolean;
  set: (checked: boolean) => void;
  /** Not to be changed here. */
  fixed?: boolean | undefined;
}

export function Tick({ label, checked, set, fixed }: TickProps) {
  return (
    <label class="tick-box">
      <input
        type="checkbox"
        checked={checked}
        disabled={fixed}
        onChange={(event) => set(event.currentTarget.checked)}
      />
      {label}
    </label>
  );
}
