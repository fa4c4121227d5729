/** 'Invite': somebody with whom there is no call, by an address, and a call to them on wish. */
import { useLayoutEffect, useRef, useState } from "preact/hooks";
import { asUri, callable } from "../lib/addresses";
import { asProblem, type Problem, request } from "../lib/http";
import { t } from "../lib/words";
import { Icon } from "./icons";
import { Notice, problemText } from "./parts";
import "../style/invite.css";

const TYPES = ["form", "cobrowse", "chat", "whiteboard", "files", "screen", "video"] as const;

interface Pbx {
  name: string;
  linked: boolean;
}

/** `opened` is told the id of the session that was made. */
export function InviteButton({ opened }: { opened: (session: string) => void }) {
  const dialog = useRef<HTMLDialogElement>(null);
  const [turn, setTurn] = useState(0);
  const [pbxs, setPbxs] = useState<readonly Pbx[]>([]);

  const show = () => {
    setTurn(turn + 1);
    request<{ pbxs: Pbx[] }>("GET", "/v1/desk/invitations").then(
      (found) => setPbxs(found.pbxs),
      () => undefined, // the server says which one it needs, if it does
    );
  };
  // Only the new, empty form may take the focus.
  useLayoutEffect(() => {
    if (turn) dialog.current?.showModal();
  }, [turn]);
  const made = (session: string) => {
    dialog.current?.close();
    opened(session);
  };

  return (
    <>
      <button type="button" onClick={show}>
        <Icon name="link" />
        {t("invite.button")}
      </button>
      <dialog ref={dialog} aria-labelledby="invite-title">
        <h2 class="invite-title" id="invite-title">
          {t("invite.title")}
        </h2>
        <InviteForm key={turn} pbxs={pbxs} made={made} cancel={() => dialog.current?.close()} />
      </dialog>
    </>
  );
}

interface FormProps {
  pbxs: readonly Pbx[];
  made: (session: string) => void;
  cancel: () => void;
}

function InviteForm({ pbxs, made, cancel }: FormProps) {
  const [address, setAddress] = useState("");
  const [type, setType] = useState<string>("form");
  const [call, setCall] = useState(false);
  const [pbx, setPbx] = useState("");
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<Problem | null>(null);
  const uri = asUri(address);
  const calls = call && callable(uri);
  const first = pbxs.find((one) => one.linked) ?? pbxs[0];

  const invite = async () => {
    setBusy(true);
    setProblem(null);
    const by = calls && pbxs.length > 1 ? { pbx: pbx || first?.name } : {};
    try {
      const session = await request<{ id: string }>("POST", "/v1/desk/invitations", {
        user_uri: uri,
        type,
        call: calls,
        ...by,
      });
      made(session.id);
    } catch (error) {
      setProblem(asProblem(error));
      setBusy(false);
    }
  };

  return (
    <form
      class="invite"
      onSubmit={(event) => {
        event.preventDefault();
        void invite();
      }}
    >
      <label>
        <span>{t("invite.address")}</span>
        <input
          name="address"
          autocomplete="off"
          autocapitalize="off"
          spellcheck={false}
          required
          maxLength={255}
          aria-describedby="invite-hint"
          value={address}
          onInput={(event) => setAddress(event.currentTarget.value)}
        />
      </label>
      <p class="small muted" id="invite-hint">
        {t("invite.hint")}
      </p>
      <label>
        <span>{t("side.type")}</span>
        <select value={type} onChange={(event) => setType(event.currentTarget.value)}>
          {TYPES.map((each) => (
            <option key={each} value={each}>
              {t(`type.${each}`)}
            </option>
          ))}
        </select>
      </label>
      <label class="check">
        <input
          type="checkbox"
          checked={call}
          disabled={!callable(uri)}
          onChange={(event) => setCall(event.currentTarget.checked)}
        />
        <span>{t("invite.call")}</span>
      </label>
      {calls && pbxs.length > 1 && (
        <label>
          <span>{t("invite.pbx")}</span>
          <select
            value={pbx || first?.name}
            onChange={(event) => setPbx(event.currentTarget.value)}
          >
            {pbxs.map((one) => (
              <option key={one.name} value={one.name}>
                {one.name}
                {one.linked ? "" : ` (${t("invite.notLinked")})`}
              </option>
            ))}
          </select>
        </label>
      )}
      {problem && (
        <Notice tone="danger">
          {problem.status === 422 && problem.detail.startsWith("user_uri")
            ? t("invite.wrong")
            : problemText(problem)}
        </Notice>
      )}
      <p class="actions">
        <button class="primary" type="submit" disabled={busy}>
          {t(busy ? "invite.busy" : "invite.send")}
        </button>
        <button type="button" onClick={cancel}>
          {t("app.cancel")}
        </button>
      </p>
    </form>
  );
}
