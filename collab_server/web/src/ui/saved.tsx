/** Saved, saving, offline: how the reader's own lines stand. */
import type { Room } from "../lib/room";
import { type Key, t } from "../lib/words";
import { Icon, type IconName } from "./icons";

const SHOWN: Record<string, [IconName, Key, string]> = {
  saved: ["check", "save.saved", "live"],
  saving: ["clock", "save.saving", "calm"],
  device: ["device", "save.device", "hold"],
  nowhere: ["cross", "save.nowhere", "danger"],
  offline: ["device", "save.offline", "hold"],
};

export function Saved({ room }: { room: Room }) {
  const save = room.save.value;
  const state = save === "saved" && room.socket.state.value !== "online" ? "offline" : save;
  const [icon, key, tone] = SHOWN[state] ?? (SHOWN["saved"] as [IconName, Key, string]);
  return (
    <p class={`saved ink-${tone}`} data-save={state}>
      <Icon name={icon} />
      {t(key)}
    </p>
  );
}
