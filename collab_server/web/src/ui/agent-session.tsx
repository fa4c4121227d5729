/** /s/{id} for an agent who came by a join link: the desk's workspace for that one session. */
import "../lib/words-agent";
import { useEffect, useState } from "preact/hooks";
import { brand } from "../lib/brand";
import { personName } from "../lib/people";
import type { Room } from "../lib/room";
import { t } from "../lib/words";
import { Brand, LanguageSwitch, ProblemNotice } from "./parts";
import { Side } from "./side";
import { Workspace } from "./workspace";
import "../style/agent.css";

export function AgentSession({ room }: { room: Room }) {
  const view = room.view.value;
  const [details, setDetails] = useState(() => innerWidth >= 1000);
  useEffect(() => {
    document.title = view ? `${personName(view.user)} · ${brand.value.name}` : brand.value.name;
  }, [view?.user.uri]);
  return (
    <div class="agent desk-frame">
      <div class={`desk desk-single ${details ? "desk-wide" : ""}`}>
        <header class="desk-top">
          <Brand name={view?.brand.name} />
          <span class="grow" />
          <LanguageSwitch />
        </header>
        {view ? (
          <>
            <Workspace
              view={view}
              room={room}
              details={details}
              toggleDetails={() => setDetails(!details)}
            />
            {details && (
              <Side
                view={view}
                gone={room.socket.gone.value}
                mine={room.socket.gone.value !== "transferred"}
              />
            )}
          </>
        ) : (
          <main class="workspace">
            {room.socket.gone.value ? (
              <div class="empty">
                <h1>
                  {t(
                    room.socket.gone.value === "transferred"
                      ? "join.revoked.title"
                      : "join.ended.title",
                  )}
                </h1>
              </div>
            ) : room.socket.fault.value ? (
              <ProblemNotice problem={room.socket.fault.value} retry={room.socket.wake} />
            ) : (
              <p class="loading">{t("app.loading")}</p>
            )}
          </main>
        )}
      </div>
    </div>
  );
}
