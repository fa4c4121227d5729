/** The strip over a session: the call's state in one word and one sentence. */
import type { ComponentChildren } from "preact";
import type { Status } from "../lib/state";

interface Props {
  status: Status;
  children?: ComponentChildren;
}

export function Strip({ status, children }: Props) {
  return (
    <div class={`strip tone-${status.tone}`}>
      <p class="strip-state">
        <span class="dot" aria-hidden="true" />
        <strong>{status.word}</strong>
        <span class="strip-text">{status.sentence}</span>
      </p>
      {children}
    </div>
  );
}

/** Says a change of state to screen readers: the word and the sentence, not each tick of a timer. */
export function Said({ status }: { status: Status }) {
  const steady = status.sentence.replace(/\d+:\d\d(:\d\d)?/g, "");
  return (
    <p class="hidden" role="status" data-said>
      {status.word}. {steady}
    </p>
  );
}
