/** Where a line is written: Enter sends, Shift+Enter breaks, a composition is never cut short. */
import { useEffect, useRef, useState } from "preact/hooks";
import { recall, remember } from "../lib/device";
import { LONGEST } from "../lib/lines";
import type { Room } from "../lib/room";
import { t } from "../lib/words";
import { Icon } from "./icons";

export function Composer({ room }: { room: Room }) {
  const field = useRef<HTMLTextAreaElement>(null);
  const composing = useRef(false);
  const store = `tandem.draft.${room.session}`;
  const [empty, setEmpty] = useState(true);

  useEffect(() => {
    const box = field.current;
    if (!box) return;
    box.value = recall(store, "session") ?? "";
    setEmpty(!box.value.trim());
    fit(box);
  }, [store]);

  const changed = () => {
    const box = field.current;
    if (!box) return;
    setEmpty(!box.value.trim());
    fit(box);
    remember(store, box.value || null, "session");
    room.setTyping(box.value.trim() !== "");
  };

  const send = () => {
    const box = field.current;
    const text = box?.value.trim();
    if (!box || !text || composing.current) return;
    room.say(text);
    box.value = "";
    changed();
    box.focus();
  };

  return (
    <form
      class="composer"
      onSubmit={(event) => {
        event.preventDefault();
        send();
      }}
    >
      <label class="hidden" for="message">
        {t("chat.label")}
      </label>
      <textarea
        id="message"
        ref={field}
        rows={1}
        maxLength={LONGEST}
        placeholder={t("chat.placeholder")}
        autocomplete="off"
        enterkeyhint="send"
        dir="auto"
        onInput={changed}
        onBlur={() => room.setTyping(false)}
        onCompositionStart={() => {
          composing.current = true;
        }}
        onCompositionEnd={() => {
          composing.current = false;
        }}
        onKeyDown={(event) => {
          // 229: Safari sends the Enter that ends a composition after the composition's end.
          const plain = event.key === "Enter" && !event.shiftKey && !event.isComposing;
          if (!plain || event.keyCode === 229 || composing.current) return;
          event.preventDefault();
          send();
        }}
      />
      <button class="primary" type="submit" disabled={empty}>
        <Icon name="send" />
        <span>{t("chat.send")}</span>
      </button>
    </form>
  );
}

/** As many rows as the text has, six at most. */
function fit(box: HTMLTextAreaElement): void {
  const lines = box.value.split("\n").length;
  box.rows = Math.min(6, Math.max(1, lines));
  while (box.rows < 6 && box.scrollHeight > box.clientHeight + 2) box.rows += 1;
}
