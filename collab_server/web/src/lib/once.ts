/** What must happen once in a browser, however many windows of the desk are open in it. */

const HELD_MS = 2_000;

/** Do it in the window that comes first; the others hear of the same thing within this time. */
export function onceInBrowser(what: string, act: () => void): void {
  if (!navigator.locks) return act(); // only pages over https, or of this machine, have locks
  void navigator.locks.request(`tandem.once.${what}`, { ifAvailable: true }, async (mine) => {
    if (!mine) return;
    act();
    await new Promise((done) => setTimeout(done, HELD_MS));
  });
}

/** Keep a browser from freezing this page while it is in the background. Takes that back. */
export function stayAwake(): () => void {
  let over: () => void = () => undefined;
  const until = new Promise<void>((done) => (over = done));
  void navigator.locks?.request("tandem.awake", { mode: "shared" }, () => until);
  return over;
}
