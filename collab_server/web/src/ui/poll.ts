/** Asks again every few seconds while the page is looked at. */
import { useEffect, useRef } from "preact/hooks";

/** Call `ask` now, then `ms` after each answer, and at once when the page comes to the front. */
export function usePoll(ask: () => Promise<void>, ms: number, key: string): void {
  const latest = useRef(ask);
  latest.current = ask;
  useEffect(() => {
    let timer = 0;
    let stopped = false;
    let asking = false;
    const turn = async () => {
      clearTimeout(timer);
      if (stopped || asking) return;
      if (!document.hidden) {
        asking = true;
        await latest.current();
        asking = false;
      }
      if (!stopped) timer = window.setTimeout(() => void turn(), ms);
    };
    const seen = () => {
      if (!document.hidden) void turn();
    };
    document.addEventListener("visibilitychange", seen);
    void turn();
    return () => {
      stopped = true;
      clearTimeout(timer);
      document.removeEventListener("visibilitychange", seen);
    };
  }, [ms, key]);
}
