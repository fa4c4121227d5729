/** The strip over a session: the call's state in one word and one sentence. */
import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
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

/** How long a change stands for screen readers; who reads the page later finds the strip alone. */
const SAID_MS = 3000;

/** Says a change of state to screen readers: the word and the sentence, not each tick of a timer. */
export function Said({ status }: { status: Status }) {
  const sentence = status.sentence.replace(/\d+:\d\d(:\d\d)?/g, "");
  const words = [`${status.word}.`, sentence, status.asks].filter(Boolean).join(" ");
  const first = useRef(true);
  const [said, setSaid] = useState("");
  useEffect(() => {
    if (first.current) {
      first.current = false;
      return;
    }
    setSaid(words);
    const timer = setTimeout(() => setSaid(""), SAID_MS);
    return () => clearTimeout(timer);
  }, [words]);
  return (
    <p class="hidden" role="status" data-said>
      {said}
    </p>
  );
}
