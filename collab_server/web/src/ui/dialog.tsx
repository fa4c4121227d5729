/** A native dialog that asks before something is done, or shows a form; open while it is rendered. */
import type { ComponentChildren } from "preact";
import { useId, useLayoutEffect, useRef } from "preact/hooks";

interface Props {
  title: string;
  /** Escape was pressed, or `close` said so. */
  closed: () => void;
  /** Escape does not close it: what it shows is not shown again. */
  firm?: boolean;
  children: ComponentChildren;
}

export function Dialog({ title, closed, firm = false, children }: Props) {
  const id = useId();
  const dialog = useRef<HTMLDialogElement>(null);
  useLayoutEffect(() => {
    const back = document.activeElement as HTMLElement | null;
    dialog.current?.showModal();
    // What led here may be gone by then: the browser gives the focus back only where it is not.
    return () => {
      if (back?.isConnected) back.focus();
    };
  }, []);
  return (
    <dialog
      ref={dialog}
      aria-labelledby={id}
      onClose={closed}
      onCancel={(event) => firm && event.preventDefault()}
    >
      <h2 id={id}>{title}</h2>
      {children}
    </dialog>
  );
}
