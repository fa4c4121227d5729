import { describe, expect, test } from "vitest";
import {
  agentRows,
  due,
  type FloorAgent,
  type FloorSession,
  ordered,
  standing,
  waitingRows,
} from "../src/lib/floor";

const START = Date.parse("2026-11-27T12:00:00Z");
const at = (seconds: number) => new Date(START + seconds * 1000).toISOString();

function session(id: string, agent: string | null, changes: Partial<FloorSession> = {}) {
  const here = { connected: true, since: at(0), joined: true };
  return {
    id,
    state: agent ? "active" : "queued",
    reason: null,
    type: "chat",
    initiator: "user",
    user: { uri: `sip:caller-${id}@example.org` },
    agent: agent ? { uri: agent } : null,
    held: false,
    created: at(0),
    since: at(0),
    ended: null,
    presence: { user: here, agent: here },
    word: "",
    brand: { name: "" },
    panels: [],
    signs: [],
    ...changes,
  } as FloorSession;
}

function agent(name: string, changes: Partial<FloorAgent> = {}): FloorAgent {
  const silent = { team: "", desk: null, ready: false, reason: "", since: null };
  const busy = { pause: null, wrap_up: null };
  return { name, uri: `sip:${name}@example.org`, ...silent, ...busy, ...changes };
}

const agents = [agent("wang", { desk: at(5) }), agent("li")];
const sign = (kind: string, since: number, after: number) => ({ kind, since: at(since), after });

describe("the floor", () => {
  test("has a row for each session of an agent, and one for who has none", () => {
    const sessions = [
      session("a", "sip:wang@example.org"),
      session("b", "sip:wang@example.org"),
      session("c", "sip:zhao@example.org"),
      session("d", null),
    ];
    const rows = agentRows(agents, sessions, () => "zhao");
    expect(rows.map((row) => [row.name, row.session?.id ?? null])).toEqual([
      ["wang", "a"],
      ["wang", "b"],
      ["zhao", "c"],
      ["li", null],
    ]);
    expect(waitingRows(sessions).map((one) => one.id)).toEqual(["d"]);
  });

  test("says how an agent without a session stands, and since when", () => {
    const desk = at(5);
    expect(standing(agent("li"))).toEqual(["away", null]);
    expect(standing(agent("li", { desk }))).toEqual(["open", desk]);
    expect(standing(agent("li", { desk, since: at(7), ready: true }))).toEqual(["ready", at(7)]);
    expect(standing(agent("li", { desk, since: at(8) }))).toEqual(["paused", at(8)]);
    const wrapping = agent("li", { desk, ready: true, wrap_up: { count: 1, since: at(9) } });
    expect(standing(wrapping)).toEqual(["wrapUp", at(9)]);
    expect(standing({ ...wrapping, desk: null })).toEqual(["away", null]);
  });

  test("shows a sign when it has lasted, to the second, the longest first", () => {
    const shown = session("a", "x", { signs: [sign("held", 0, 60), sign("refused", 10, 0)] });
    expect(due(shown, START + 9_999)).toEqual([]);
    expect(due(shown, START + 10_000).map((one) => one.kind)).toEqual(["refused"]);
    expect(due(shown, START + 60_000).map((one) => one.kind)).toEqual(["refused", "held"]);
  });

  test("has what is out of the ordinary first, then who serves, then by age", () => {
    const sessions = [
      session("quiet", "sip:wang@example.org", { created: at(1) }),
      session("late", "sip:wang@example.org", { signs: [sign("held", 5, 20)] }),
      session("later", "sip:wang@example.org", { signs: [sign("refused", 30, 0)] }),
    ];
    const rows = agentRows(agents, sessions, () => "");
    const names = (by: "signs" | "time" | "name", down: boolean, now: number) =>
      ordered(rows, by, down, START + now * 1000, () => "").map((row) => row.session?.id ?? "li");
    expect(names("signs", false, 40)).toEqual(["late", "later", "quiet", "li"]);
    expect(names("signs", false, 0)).toEqual(["late", "later", "quiet", "li"]);
    expect(names("time", true, 0)[0]).toBe("li");
    expect(names("name", false, 0)[0]).toBe("li");
  });
});
