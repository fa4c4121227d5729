/** A web socket that carries JSON one way, opened again whenever it broke, until it is closed. */
import { signal } from "@preact/signals";
import { Retry } from "./retry";

const FIRST_WAIT_MS = 300;
/** The socket is quiet for long; this tells a slow start from a dead network. */
const PATIENCE_MS = 1_500;

export class LiveSocket {
  readonly online = signal(true);

  #socket: WebSocket | null = null;
  readonly #retry = new Retry(FIRST_WAIT_MS);
  #timer = 0;
  #patience = 0;
  #closed = false;

  /** `take` gets each message that is an object; `denied` hears that there will be none. */
  constructor(
    private readonly path: string,
    private readonly take: (message: Record<string, unknown>) => void,
    private readonly denied: () => void,
  ) {
    addEventListener("pageshow", this.wake);
    addEventListener("online", this.wake);
    document.addEventListener("visibilitychange", this.#seen);
    this.#open();
  }

  close(): void {
    this.#closed = true;
    removeEventListener("pageshow", this.wake);
    removeEventListener("online", this.wake);
    document.removeEventListener("visibilitychange", this.#seen);
    clearTimeout(this.#timer);
    clearTimeout(this.#patience);
    this.#socket?.close();
  }

  readonly wake = (): void => {
    if (this.#closed || this.#socket?.readyState === WebSocket.OPEN) return;
    this.#retry.failures = 0;
    this.#open();
  };

  readonly #seen = (): void => {
    if (!document.hidden) this.wake();
  };

  #open(): void {
    if (this.#closed || this.#socket) return;
    clearTimeout(this.#timer);
    const address = new URL(this.path, location.href);
    address.protocol = address.protocol.replace("http", "ws");
    const socket = new WebSocket(address);
    this.#socket = socket;
    this.#impatient();
    socket.onmessage = (event) => {
      const message = parse(String(event.data));
      if (!message) return;
      this.#retry.failures = 0;
      this.online.value = true;
      this.take(message);
    };
    socket.onclose = (event) => {
      this.#socket = null;
      if (this.#closed) return;
      if (event.code === 4401 || event.code === 4403) return this.denied();
      this.#retry.closed(event.code);
      this.#timer = window.setTimeout(() => this.#open(), this.#retry.next());
      this.#impatient();
    };
  }

  #impatient(): void {
    this.#patience ||= window.setTimeout(() => {
      this.#patience = 0;
      this.online.value = this.#socket?.readyState === WebSocket.OPEN;
    }, PATIENCE_MS);
  }
}

function parse(text: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}
