/** Turning a call without a telephone into a voice call: the user says the number. */
import { useRef, useState } from "preact/hooks";
import { personName } from "../lib/people";
import { numberText, numberUri } from "../lib/placed";
import type { View } from "../lib/types";
import { whyText } from "../lib/why";
import { t, tOr } from "../lib/words";
import { Icon } from "./icons";
import { Notice, ProblemNotice } from "./parts";
import { mayCall, type Sending, useVoice } from "./use-voice";

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
      return (
        <Notice tone="hold">
          {t("voice.failed")} {tOr(`voice.${voice.code}`, whyText(voice.code))}
        </Notice>
      );
    default:
      return null;
  }
}
