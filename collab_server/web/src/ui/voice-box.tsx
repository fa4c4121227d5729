/** Turning a call without a telephone into a voice call: the agent asks, and sees what comes of it. */
import { useState } from "preact/hooks";
import { numberText, numberUri } from "../lib/placed";
import type { View } from "../lib/types";
import { whyText } from "../lib/why";
import { t } from "../lib/words";
import { Icon } from "./icons";
import { ProblemNotice } from "./parts";
import { mayCall, useVoice } from "./use-voice";

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
      return t("voice.agentFailed", { why: whyText(voice?.code) || t("error.other") });
  }
}
