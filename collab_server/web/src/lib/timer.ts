/** Timers that run on time in a tab nobody looks at: a worker's are not slowed down. */

const waiting = new Map<number, () => void>();
let last = 0;
let worker: Worker | null | undefined;

/** Call `act` after `ms`; the function given back takes that back. */
export function later(ms: number, act: () => void): () => void {
  const id = ++last;
  const counter = clock();
  if (!counter) {
    const timer = setTimeout(act, ms);
    return () => clearTimeout(timer);
  }
  waiting.set(id, act);
  counter.postMessage({ id, ms });
  return () => {
    if (waiting.delete(id)) counter.postMessage({ id, ms: null });
  };
}

function clock(): Worker | null {
  if (worker !== undefined) return worker;
  try {
    worker = new Worker(new URL("./timer-worker.ts", import.meta.url), { type: "module" });
    worker.onmessage = ({ data }: MessageEvent<number>) => run(data);
    worker.onerror = () => {
      // It could not be loaded: what waits for it happens now, what comes takes the page's timers.
      worker = null;
      [...waiting.keys()].forEach(run);
    };
  } catch {
    worker = null;
  }
  return worker;
}

function run(id: number): void {
  const act = waiting.get(id);
  waiting.delete(id);
  act?.();
}
