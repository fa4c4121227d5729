/** Turning a call without a telephone into a voice call: the user says the number, the agent asks. */
import { useRef, useState } from "preact/hooks";
import { asProblem, type Problem, request } from "../lib/http";
import { personName } from "../lib/people";
import { noTelephone, numberText, numberUri } from "../lib/placed";
import type { Role, View } from "../lib/types";
import { t } from "../lib/words";
import { Icon } from "./icons";
import { Notice, ProblemNotice } from "./parts";

/** Whether there may be a (further) voice call in this session. */
function mayCall(view: View): boolean {
  const state = view.placed?.voice?.state;
  return noTelephone(view) && view.state === "active" && state !== "calling";
}

interface Sending {
  busy: boolean;
  problem: Problem | null;
  /** True when the server took it. */
  send: (method: "POST" | "DELETE", uri?: string | null) => Promise<boolean>;
}

function useVoice(view: View, role: Role): Sending {
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<Problem | null>(null);
  const send = async (method: "POST" | "DELETE", uri?: string | null) => {
    setBusy(true);
    setProblem(null);
    const path = `/v1/sessions/${encodeURIComponent(view.id)}/voice`;
    try {
      if (method === "POST") await request("POST", path, { role, ...(uri ? { uri } : {}) });
      else await request("DELETE", `${path}?role=${role}`);
      return true;
    } catch (error) {
      setProblem(asProblem(error));
      return false;
    } finally {
      setBusy(false);
    }
  };
  return { busy, problem, send };
}

interface FormProps {
  view: View;
  sending: Sending;
  done: () => void;
  no: () => void;
  noWords: string;
}

/** The user's number, in a field of their own page: typing it is their word. */
function NumberForm({ view, sending, done, no, noWords }: FormProps) {
  const [typed, setTyped] = useState(() => numberText(view.placed?.voice?.number));
  const [wrong, setWrong] = useState(false);
  const agent = personName(view.agent) || t("role.agent");
  const call = async (event: Event) => {
    event.preventDefault();
    const uri = numberUri(typed);
    setWrong(!uri);
    if (uri && (await sending.send("POST", uri))) done();
  };
  return (
    <form class="voice-form" onSubmit={(event) => void call(event)} noValidate>
      <label>
        {t("voice.number")}
        <input
          type="tel"
          autocomplete="tel"
          value={typed}
          aria-invalid={wrong}
          aria-describedby="voice-hint"
          onInput={(event) => setTyped(event.currentTarget.value)}
        />
      </label>
      <p class="small" id="voice-hint" role={wrong ? "alert" : undefined}>
        {wrong ? t("voice.bad") : t("voice.hint", { agent })}
      </p>
      {sending.problem && <ProblemNotice problem={sending.problem} />}
      <p class="actions">
        <button class="primary" type="submit" disabled={sending.busy}>
          {t("voice.callMe")}
        </button>
        <button type="button" onClick={no}>
          {noWords}
        </button>
      </p>
    </form>
  );
}

/** In the user's bar: opens the question for their number. */
export function TalkByPhone({ view }: { view: View }) {
  const dialog = useRef<HTMLDialogElement>(null);
  const sending = useVoice(view, "user");
  const close = () => dialog.current?.close();
  if (!mayCall(view) || view.placed?.voice?.state === "asked") return null;
  return (
    <>
      <button class="bar-button" type="button" onClick={() => dialog.current?.showModal()}>
        <Icon name="phone" />
        {t("voice.open")}
      </button>
      <dialog ref={dialog} aria-labelledby="voice-title">
        <h2 id="voice-title">{t("voice.open")}</h2>
        <NumberForm
          view={view}
          sending={sending}
          done={close}
          no={close}
          noWords={t("app.cancel")}
        />
      </dialog>
    </>
  );
}

/** Over the user's panel: what the agent asks, and how the call stands. */
export function VoiceNotice({ view }: { view: View }) {
  const voice = view.placed?.voice;
  const sending = useVoice(view, "user");
  const agent = personName(view.agent) || t("role.agent");
  if (!voice || view.state === "ended") return null;
  switch (voice.state) {
    case "asked":
      return (
        <Notice>
          <p>{t("voice.asked", { agent })}</p>
          <NumberForm
            key={voice.number}
            view={view}
            sending={sending}
            done={() => undefined}
            no={() => void sending.send("DELETE")}
            noWords={t("voice.no")}
          />
        </Notice>
      );
    case "calling":
      return <Notice>{t("voice.calling", { number: numberText(voice.number) })}</Notice>;
    case "connected":
      return <Notice tone="live">{t("voice.connected", { agent })}</Notice>;
    case "failed":
      return <Notice tone="hold">{t("voice.failed")}</Notice>;
    default:
      return null;
  }
}

/** At the agent's side: ask the caller for a phone call, and see what came of it. */
export function VoiceBox({ view }: { view: View }) {
  const [number, setNumber] = useState("");
  const [wrong, setWrong] = useState(false);
  const sending = useVoice(view, "agent");
  if (!view.placed || view.state === "ended" || (!view.placed.voice && !mayCall(view))) return null;
  const offer = async (event: Event) => {
    event.preventDefault();
    const uri = number.trim() ? numberUri(number) : null;
    setWrong(!!number.trim() && !uri);
    if (!number.trim() || uri) await sending.send("POST", uri);
  };
  const voice = view.placed.voice;
  const asked = voice?.state === "asked";
  return (
    <section class="voice">
      <h2>{t("voice.title")}</h2>
      {voice && <p role="status">{standing(view)}</p>}
      {asked && (
        <p class="actions">
          <button type="button" onClick={() => void sending.send("DELETE")}>
            {t("voice.takeBack")}
          </button>
        </p>
      )}
      {mayCall(view) && !asked && (
        <form class="voice-form" onSubmit={(event) => void offer(event)} noValidate>
          <label>
            {t("voice.offerNumber")}
            <input
              type="tel"
              autocomplete="off"
              value={number}
              aria-invalid={wrong}
              aria-describedby="voice-offer-hint"
              onInput={(event) => setNumber(event.currentTarget.value)}
            />
          </label>
          <p class="muted" id="voice-offer-hint" role={wrong ? "alert" : undefined}>
            {t(wrong ? "voice.bad" : "voice.offerHint")}
          </p>
          <p class="actions">
            <button type="submit" disabled={sending.busy}>
              <Icon name="phone" />
              {t("voice.offer")}
            </button>
          </p>
        </form>
      )}
      {sending.problem && <ProblemNotice problem={sending.problem} />}
    </section>
  );
}

function standing(view: View): string {
  const voice = view.placed?.voice;
  const number = numberText(voice?.number);
  switch (voice?.state) {
    case "asked":
      return t("voice.offered");
    case "declined":
      return t("voice.declined");
    case "calling":
      return t("voice.agentCalling", { number });
    case "connected":
      return t("voice.agentConnected");
    default:
      return t("voice.agentFailed", { why: voice?.detail || t("error.other") });
  }
}
