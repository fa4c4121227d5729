import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Retry } from "../src/lib/retry";

beforeEach(() => void vi.useFakeTimers({ toFake: ["performance"] }));
afterEach(() => void vi.useRealTimers());

const RESTARTS = 1012;
const waits = (retry: Retry, times: number) => Array.from({ length: times }, () => retry.next());

test("waits grow up to five seconds, each between half of it and all of it", () => {
  const retry = new Retry(300);
  [300, 600, 1200, 2400, 4800, 5000, 5000].forEach((most) => {
    const wait = retry.next();
    expect(wait).toBeGreaterThanOrEqual(most / 2);
    expect(wait).toBeLessThanOrEqual(most);
  });
});

test("a server that says it restarts is looked for often, for ten seconds", () => {
  const retry = new Retry(300);
  retry.closed(RESTARTS);
  expect(Math.max(...waits(retry, 20))).toBeLessThanOrEqual(800);
  retry.closed(1006);
  vi.advanceTimersByTime(9_900);
  expect(retry.next()).toBeLessThanOrEqual(800);
  vi.advanceTimersByTime(200);
  expect(retry.next()).toBeGreaterThanOrEqual(2_500);
});

test("a server that only went away is not", () => {
  const retry = new Retry(300);
  retry.closed(1006);
  expect(Math.max(...waits(retry, 20))).toBeGreaterThanOrEqual(2_500);
});
