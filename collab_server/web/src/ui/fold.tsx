/** A part of the agent's right column that is opened when it is needed. */
import type { ComponentChildren } from "preact";
import { useEffect, useState } from "preact/hooks";

interface Props {
  title: ComponentChildren;
  /** Needed now; when that changes, so does the fold, and in between it is the agent's. */
  open?: boolean;
  children: ComponentChildren;
}

export function Fold({ title, open = false, children }: Props) {
  const [shown, setShown] = useState(open);
  useEffect(() => setShown(open), [open]);
  return (
    <details
      class="fold"
      open={shown}
      onToggle={(event) => setShown((event.currentTarget as HTMLDetailsElement).open)}
    >
      <summary>{title}</summary>
      {children}
    </details>
  );
}
