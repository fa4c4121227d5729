/** A button that opens a small panel under itself; Escape or a click elsewhere closes it. */
import type { ComponentChildren } from "preact";
import { useId, useLayoutEffect, useRef, useState } from "preact/hooks";

/** Between the panel and the window's edge. */
const MARGIN = 8;

interface Props {
  /** Of the button. */
  label: ComponentChildren;
  /** Said of the button where its label does not say enough. */
  name?: string;
  look?: string;
  disabled?: boolean;
  /** The panel; `close` gives the focus back to the button. */
  children: (close: () => void) => ComponentChildren;
}

export function Menu({ label, name, look = "", disabled = false, children }: Props) {
  const id = useId();
  const button = useRef<HTMLButtonElement>(null);
  const panel = useRef<HTMLDivElement>(null);
  const [open, setOpen] = useState(false);

  useLayoutEffect(() => {
    if (!open) return;
    const place = () => {
      const [at, box] = [button.current?.getBoundingClientRect(), panel.current];
      if (!at || !box) return;
      const across = document.documentElement.clientWidth - box.offsetWidth - MARGIN;
      const down = document.documentElement.clientHeight - box.offsetHeight - MARGIN;
      box.style.left = `${Math.max(MARGIN, Math.min(at.left, across))}px`;
      box.style.top = `${Math.max(MARGIN, Math.min(at.bottom + 4, down))}px`;
    };
    place();
    panel.current?.querySelector<HTMLElement>("button, input, select, a")?.focus();
    addEventListener("resize", place);
    return () => removeEventListener("resize", place);
  }, [open]);
  return (
    <>
      <button
        ref={button}
        class={look}
        type="button"
        disabled={disabled}
        aria-label={name}
        aria-haspopup="dialog"
        aria-expanded={open}
        aria-controls={id}
        popovertarget={id}
      >
        {label}
        <svg class="icon caret" viewBox="0 0 16 16" aria-hidden="true" focusable="false">
          <path d="M4.5 6.5L8 10l3.5-3.5" />
        </svg>
      </button>
      <div
        ref={panel}
        id={id}
        class="menu"
        popover="auto"
        role="dialog"
        aria-label={name ?? (typeof label === "string" ? label : undefined)}
        onToggle={(event) => setOpen(event.newState === "open")}
      >
        {open && children(() => panel.current?.hidePopover())}
      </div>
    </>
  );
}
