/** Right of the workspace: the caller, the invitation, the note and the outcome. */
import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import { shortTime, since } from "../lib/clock";
import type { Gone } from "../lib/sync-link";
import type { View, WayShown } from "../lib/types";
import { t, tOr } from "../lib/words";
import { EarlierSessions } from "./earlier";
import { EndSession } from "./end-session";
import { Fold } from "./fold";
import { DIAL, InvitationBox } from "./invitation";
import { PairBox } from "./pair-box";
import { RecordBox } from "./record";
import { VoiceBox } from "./voice-box";
import { WrapUpForm, WrapUpRead } from "./wrap-up";

interface Props {
  view: View;
  gone: Gone | null;
  /** What came before with the caller is for the desk. */
  atDesk?: boolean;
  /** Administrators get the way to the call's trace. */
  admin?: boolean;
  /** After the wrap-up of an ended session is saved. */
  done?: () => void;
  /** The session is this agent's; else it waits for one, or has gone to another. */
  mine: boolean;
}

/** A link has gone out by a way that stands so. */
const OUT: WayShown["state"][] = ["sent", "opened", "confirm", "unknown"];

/**
 * Whether the caller's page shows the session's word, or will. Who comes by a text message sees
 * another, made for that browser, until they are let in: the agent would ask for the wrong one.
 */
function seesWord({ presence, invitation }: View): boolean {
  const ways = (invitation?.user.ways ?? [])
    .filter(({ way, state }) => way !== DIAL && OUT.includes(state))
    .map(({ way }) => way);
  return presence.user.joined || !ways.includes("message") || ways.length > 1;
}

export function Side({ view, gone, atDesk = false, admin = false, done, mine }: Props) {
  const over = view.state === "ended" || gone !== null;
  // Once it is used it stays open: what came of the pairing is said in it.
  const [pairing, setPairing] = useState(false);
  return (
    <aside class="side" aria-label={t("side.title")}>
      {over && mine && <WrapUpForm key={view.id} view={view} {...(done ? { done } : {})} />}
      {!mine && view.agent && <WrapUpRead key={view.id} view={view} />}
      <section>
        <h2>{t("side.caller")}</h2>
        <dl>
          {view.user.name && (
            <Fact name={t("side.name")}>
              <span class="break">{view.user.name}</span>
              <p class="muted">{t("side.unchecked")}</p>
            </Fact>
          )}
          <Fact name={t("side.address")}>
            <span class="break">{view.user.label || view.user.uri}</span>
            {view.user.label && <p class="muted">{t("side.paired")}</p>}
          </Fact>
          <Fact name={t("side.presence")}>{whereabouts(view)}</Fact>
          {view.queue && <Fact name={t("side.queue")}>{view.queue}</Fact>}
          {seesWord(view) && <Fact name={t("side.word")}>{view.word}</Fact>}
        </dl>
        <Fold title={t("side.more")} open={view.invitation?.user.state === "failed"}>
          <dl>
            <Fact name={t("side.type")}>{tOr(`type.${view.type}`, view.type)}</Fact>
            <Fact name={t("side.started")}>{shortTime(view.created)}</Fact>
            {view.call && (
              <Fact name={t("side.call")}>
                <span class="break code">
                  {view.call.pbx} {view.call.id}
                </span>
                {admin && <TraceLink call={view.call} />}
              </Fact>
            )}
          </dl>
        </Fold>
      </section>
      {mine && <RecordBox view={view} />}
      {!over && mine && view.invitation && <InvitationBox key={view.id} view={view} />}
      {!over && mine && <VoiceBox key={`voice ${view.id}`} view={view} />}
      {!over && mine && (
        <section>
          <Fold title={t("pair.title")} open={pairing || !view.presence.user.joined}>
            <PairBox
              key={view.id}
              target={{ session: view.id }}
              user={view.user.uri}
              begun={() => setPairing(true)}
            />
          </Fold>
        </section>
      )}
      {!over && mine && <WrapUpForm key={view.id} view={view} />}
      {atDesk && <EarlierSessions key={view.id} view={view} mine={mine} />}
      {!over && mine && <EndSession view={view} />}
    </aside>
  );
}

function Fact({ name, children }: { name: string; children: ComponentChildren }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

function whereabouts(view: View): string {
  const caller = view.presence.user;
  if (caller.connected) return t("side.here");
  return caller.joined ? t("side.away", { time: since(caller.since) }) : t("side.never");
}

export function TraceLink({ call }: { call: { pbx: string; id: string } }) {
  const query = new URLSearchParams({ call: `${call.pbx}/${call.id}` });
  return (
    <a class="trace-link" href={`/setup?${query}`} target="_blank" rel="noopener">
      {t("side.trace")}
    </a>
  );
}
