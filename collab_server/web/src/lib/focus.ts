/**
 * Keeps the keyboard's place. What had the focus may go away under it: a question that is answered,
 * a dialog whose button is gone, a page that another one follows. Browsers then begin at the top
 * again, and screen readers with them; here the nearest part of the page that is left gets it.
 */

const PARTS = "main, aside, dialog[open], [tabindex='-1']";

const shown = (element: Element) => element.isConnected && element.getClientRects().length > 0;

export function keepFocus(): void {
  /** What had the focus last, and what it stood in, innermost first. */
  let last: Element[] = [];
  document.addEventListener("focusin", (event) => {
    last = event.composedPath().filter((each) => each instanceof Element);
  });
  const look = () => {
    const [held] = last;
    if (!held || document.activeElement !== document.body || shown(held)) return;
    const around = last.find((each) => each !== held && shown(each));
    const part = around?.closest(PARTS) ?? document.querySelector("main");
    if (!part) return; // nothing to go on at yet: the next change is looked at again
    const own = part.hasAttribute("tabindex");
    const target =
      (own ? null : part.querySelector<HTMLElement>("h1, h2")) ?? (part as HTMLElement);
    if (!target.hasAttribute("tabindex")) target.tabIndex = -1;
    target.focus({ preventScroll: true });
  };
  const changes = { childList: true, subtree: true, attributeFilter: ["open", "hidden"] };
  new MutationObserver(look).observe(document.body, changes);
}
