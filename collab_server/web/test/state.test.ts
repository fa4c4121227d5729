import { beforeAll, describe, expect, test, vi } from "vitest";
import type { Situation } from "../src/lib/state";
import type { Presence, View } from "../src/lib/types";

let numberUri: typeof import("../src/lib/placed").numberUri;
let statusOf: typeof import("../src/lib/state").statusOf;

beforeAll(async () => {
  vi.stubGlobal("document", { documentElement: {}, hidden: false, addEventListener: () => {} });
  vi.stubGlobal("navigator", { languages: ["en"] });
  await import("../src/lib/words-agent");
  ({ statusOf } = await import("../src/lib/state"));
  ({ numberUri } = await import("../src/lib/placed"));
});

const here: Presence = { connected: true, since: "2026-11-23T12:00:00Z", joined: true };
const never: Presence = { connected: false, since: null, joined: false };

function situation(changes: Partial<View>, more: Partial<Situation> = {}): Situation {
  const view: View = {
    id: "s",
    state: "active",
    reason: null,
    type: "chat",
    initiator: "user",
    user: { uri: "sip:+31205550142@example.org" },
    agent: { uri: "sip:wang@example.org" },
    queue: "support",
    position: null,
    held: false,
    created: "2026-11-23T12:00:00Z",
    since: "2026-11-23T12:00:00Z",
    ended: null,
    presence: { user: here, agent: here },
    word: "lotus 12",
    brand: { name: "Acme" },
    panels: ["chat"],
    ...changes,
  };
  return { role: "user", view, link: "online", gone: null, kept: true, before: null, ...more };
}

const said = (...given: Parameters<typeof situation>) => {
  const status = statusOf(situation(...given));
  return [status.tone, status.word, status.sentence];
};

const asked = (state: "asked" | "refused", before: string | null = "sip:li@example.org") => ({
  consent: { state, since: "2026-11-23T12:00:00Z", before: before ? { uri: before } : null },
});

describe("while the caller's yes is lacking", () => {
  test("the caller reads who came after whom, also where nobody was before", () => {
    expect(said(asked("asked"))[2]).toBe("li → wang, nothing is lost.");
    expect(said(asked("asked", null))[2]).toBe("You are talking with wang now.");
    // The page asks it once, in the box below; a screen reader hears it with the news.
    expect(statusOf(situation(asked("asked"))).asks).toBe("May wang see this page?");
    expect(said(asked("refused"))[2]).toContain("wang does not see this page.");
    expect(said({ ...asked("asked"), held: true })[1]).toBe("Transferred");
  });

  test("the agent reads what is waited for", () => {
    const agent = { role: "agent" } as const;
    const away: Presence = { ...here, connected: false };
    expect(said(asked("asked"), agent)[1]).toBe("Asking the caller");
    expect(said({ ...asked("asked"), presence: { user: away, agent: here } }, agent)[2]).toBe(
      "The caller is away. They are asked when they are back.",
    );
    expect(said(asked("refused"), agent)[1]).toBe("Not shared");
    expect(said({ ...asked("asked"), state: "suspended" }, agent)[1]).toBe("No agent");
  });
});

describe("the caller reads", () => {
  test("the place in line, no minutes, and that the page may be left", () => {
    expect(said({ state: "queued", agent: null, position: 3 })).toEqual([
      "calm",
      "Waiting",
      "You are in line for an agent. Place in line: 3. You may leave this page; your call stays.",
    ]);
  });
  test("who is there and what is shared", () => {
    expect(said({})).toEqual(["live", "Connected", "You and wang are here. Shared: messages."]);
  });
  test("that the agent's page is away", () => {
    const away = { ...here, connected: false };
    expect(said({ presence: { user: here, agent: away } })[2]).toContain("not on this page");
  });
  test("that hold does not stop typing, whoever is there", () => {
    expect(said({ held: true })).toEqual(["hold", "On hold", "You can keep typing."]);
  });
  test("both names after a transfer", () => {
    expect(said({ agent: { uri: "sip:li@example.org" } }, { before: "wang" })[2]).toBe(
      "wang → li, nothing is lost.",
    );
  });
  test("that nothing is lost while nobody serves the call", () => {
    expect(said({ state: "suspended", agent: null })[2]).toContain("Nothing is lost.");
  });
  test("that the call goes on without the network", () => {
    expect(said({}, { link: "offline" })).toEqual([
      "hold",
      "Offline",
      "Your phone call continues. Saved on this device.",
    ]);
  });
  test("the truth when the device keeps nothing", () => {
    expect(said({}, { link: "offline", kept: false })[2]).toContain("Keep this page open");
  });
  test("the end rather than the network", () => {
    expect(said({ state: "ended", reason: "hangup" }, { link: "offline" })).toEqual([
      "calm",
      "Ended",
      "The phone call has ended.",
    ]);
  });
  test("a plain end for a reason the page does not know", () => {
    expect(said({ state: "ended", reason: "weather" })[2]).toContain("cannot go on here");
  });
});

const placed = {
  id: "c",
  stage: "stands" as const,
  phone: true,
  problem: null,
  voice: null,
};

describe("who has no telephone reads", () => {
  test("that the page keeps the place, whatever the call does elsewhere", () => {
    const waiting = { state: "queued" as const, agent: null, position: 3, placed };
    expect(said(waiting)).toEqual([
      "calm",
      "Waiting",
      "Keep this page open: closing it gives up your place.",
    ]);
  });
  test("nothing about a phone call that there is not", () => {
    const away = { user: here, agent: { ...here, connected: false } };
    for (const sentence of [
      said({ placed }, { link: "offline" })[2],
      said({ placed, presence: away })[2],
      said({ placed, held: true })[2],
      said({ placed, state: "ended", reason: "hangup" })[2],
    ]) {
      expect(sentence).not.toMatch(/phone|hold/i);
    }
  });
  test("what any caller reads once it has become a phone call", () => {
    const looked = { user: { state: "opened" }, agent: { state: "none" } } as View["invitation"];
    const unjoined = { placed, presence: { user: never, agent: here } };
    expect(said(unjoined, { role: "agent" })[2]).toBe("The caller has not opened the page yet.");
    expect(said({ ...unjoined, invitation: looked! }, { role: "agent" })[2]).toBe(
      "The caller has looked at the link and has not joined yet.",
    );
    const voice = { ...placed, stage: "voice" as const };
    expect(said({ placed: voice }, { link: "offline" })[2]).toContain("Your phone call continues.");
  });
  test("why the line could not be joined", () => {
    const refused = { ...placed, problem: "refused" as const };
    const ended = { state: "ended" as const, reason: "lost", placed: refused };
    expect(said(ended)[2]).toContain("cannot be joined right now");
  });
});

describe("a number is understood as people type it", () => {
  test.each([
    ["+49 (30) 12-34", "tel:+49301234"],
    ["030.1234", "tel:0301234"],
    ["tel:+49301234", "tel:+49301234"],
    [" alice@example.org ", "sip:alice@example.org"],
    ["sip:alice@example.org", "sip:alice@example.org"],
    ["call me", null],
    ["*22", null],
    ["alice@exa mple", null],
    ["1", null],
    ["", null],
  ])("%s", (typed, uri) => expect(numberUri(typed)).toBe(uri));
});

describe("the agent reads", () => {
  test("that the queue counts them as busy once the phone is down", () => {
    expect(said({ placed }, { role: "agent" })[2]).not.toContain("busy");
    const down = { ...placed, phone: false };
    expect(said({ placed: down }, { role: "agent" })[2]).toContain("counts you as busy");
  });
  test("how far the invitation got until the caller is there", () => {
    const waiting = { state: "inviting" as const, presence: { user: never, agent: here } };
    const invitation = (state: "sent" | "failed") => ({
      ...waiting,
      invitation: { user: { state }, agent: { state: "joined" as const } },
    });
    expect(said(invitation("sent"), { role: "agent" })[2]).toContain("has not opened it yet");
    expect(said(invitation("failed"), { role: "agent" })[0]).toBe("danger");
  });
  test("since when the caller is away", () => {
    const since = new Date(Date.now() - 40_500).toISOString();
    const user = { connected: false, since, joined: true };
    expect(said({ presence: { user, agent: here } }, { role: "agent" })).toEqual([
      "hold",
      "Away",
      "Caller away 0:40.",
    ]);
  });
  test("who has the session now, when it was passed on", () => {
    const passed = said(
      { agent: { uri: "sip:li@example.org" } },
      { role: "agent", gone: "transferred", before: "wang" },
    );
    expect(passed[2]).toContain("wang → li");
  });
});
