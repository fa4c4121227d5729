/** What an administrator is asked before an account changes for good, and a password, shown once. */
import { useState } from "preact/hooks";
import { asProblem, type Problem } from "../lib/http";
import {
  changePerson,
  newPassword,
  type Person,
  type PersonAnswer,
  removePerson,
  wrong,
} from "../lib/people-admin";
import { t } from "../lib/words";
import { Dialog } from "./dialog";
import { Notice, problemText } from "./parts";

interface AskProps {
  person: Person;
  done: (answer: PersonAnswer | null) => void;
  closed: () => void;
}

export function AskPassword({ person, done, closed }: AskProps) {
  const { name } = person;
  return (
    <Ask
      title={t("people.passwordAsk", { name })}
      hint={t("people.passwordAskHint", { name })}
      button={t("people.newPassword")}
      act={() => newPassword(person.id).then(done)}
      closed={closed}
    />
  );
}

export function AskOff({ person, done, closed }: AskProps) {
  const { name } = person;
  return (
    <Ask
      title={t("people.offAsk", { name })}
      hint={t("people.offHint", { name })}
      button={t("people.switchOff")}
      act={() => changePerson(person.id, { active: false }).then(done)}
      closed={closed}
    />
  );
}

export function AskRemove({ person, done, closed }: AskProps) {
  const { name } = person;
  return (
    <Ask
      title={t("people.removeAsk", { name })}
      hint={t("people.removeHint", { name })}
      button={t("people.remove")}
      act={() => removePerson(person.id).then(() => done(null))}
      closed={closed}
    />
  );
}

interface Props {
  title: string;
  hint: string;
  button: string;
  act: () => Promise<void>;
  closed: () => void;
}

function Ask({ title, hint, button, act, closed }: Props) {
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<Problem | null>(null);
  const go = async () => {
    setBusy(true);
    setProblem(null);
    try {
      await act();
    } catch (error) {
      setProblem(asProblem(error));
      setBusy(false);
    }
  };
  return (
    <Dialog title={title} closed={closed}>
      <p>{hint}</p>
      {problem && <Notice tone="danger">{wrong(problem) ?? problemText(problem)}</Notice>}
      <p class="actions">
        <button class="danger" type="button" disabled={busy} onClick={() => void go()}>
          {button}
        </button>
        <button type="button" onClick={closed}>
          {t("app.cancel")}
        </button>
      </p>
    </Dialog>
  );
}

interface ShownProps {
  name: string;
  password: string;
  closed: () => void;
}

export function PasswordShown({ name, password, closed }: ShownProps) {
  const [copied, setCopied] = useState(false);
  return (
    <Dialog title={t("people.passwordTitle", { name })} closed={closed} firm>
      <p class="password-shown">{password}</p>
      <p>{t("people.passwordOnce")}</p>
      <p class="actions">
        <button class="primary" type="button" onClick={closed}>
          {t("people.passwordDone")}
        </button>
        <button
          type="button"
          onClick={() =>
            void navigator.clipboard?.writeText(password).then(
              () => setCopied(true),
              () => undefined, // it stands there to be written down
            )
          }
        >
          {t(copied ? "people.passwordCopied" : "people.passwordCopy")}
        </button>
      </p>
    </Dialog>
  );
}
