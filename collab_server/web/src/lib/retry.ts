/** When a socket that broke is opened again: after longer and longer waits, each a little random. */

const LONGEST_WAIT_MS = 5_000;
/** Close code by which a server says that it restarts. */
const RESTARTS = 1012;
/** A restart takes some seconds; until then the page looks often, since it knows what it waits for. */
const RESTART_MS = 10_000;
const RESTART_WAIT_MS = 800;

export class Retry {
  /** Attempts that failed since the socket stood last. */
  failures = 0;
  #restarting = 0;

  constructor(private readonly firstWaitMs: number) {}

  /** A socket closed with this code. */
  closed(code: number): void {
    if (code === RESTARTS) this.#restarting = performance.now() + RESTART_MS;
  }

  /** Count a failure and give the milliseconds to wait until the next attempt. */
  next(): number {
    const longest = performance.now() < this.#restarting ? RESTART_WAIT_MS : LONGEST_WAIT_MS;
    const wait = Math.min(this.firstWaitMs * 2 ** this.failures, longest);
    this.failures = Math.min(this.failures + 1, 10);
    return wait * (0.5 + Math.random() / 2);
  }
}
