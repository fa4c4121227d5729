/** At the desk: pair the caller's browser with this session or call, by a code in either direction. */
import { useEffect, useRef, useState } from "preact/hooks";
import { asProblem, type Problem } from "../lib/http";
import { claimCode, makeCode, type PairingMade, type Target } from "../lib/pairing";
import { t } from "../lib/words";
import { CodeField, PairingProblem, ShownCode } from "./pairing-code";
import { Notice } from "./parts";

interface Props {
  /** The session, or the standing call, that a browser is to be paired with. */
  target: Target;
  /** The user's address: when it changes, a code that was given has been used. */
  user: string;
  /** A code has been typed or asked for. */
  begun?: () => void;
  /** Told of the session that a call has by it. */
  paired?: (session: string) => void;
}

export function PairBox({ target, user, begun, paired }: Props) {
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<Problem | null>(null);
  const [made, setMade] = useState<PairingMade | null>(null);
  const [word, setWord] = useState("");
  const [turn, setTurn] = useState(0);
  const box = useRef<HTMLDivElement>(null);
  useEffect(() => setMade(null), [user]);

  const attempt = async (doing: () => Promise<void>) => {
    setBusy(true);
    setProblem(null);
    setWord("");
    begun?.();
    try {
      await doing();
    } catch (error) {
      setProblem(asProblem(error));
    } finally {
      setBusy(false);
    }
  };
  const type = (code: string) =>
    attempt(async () => {
      const answer = await claimCode(code, target);
      setMade(null);
      setWord(answer.word);
      setTurn(turn + 1); // an empty field again
      box.current?.focus({ preventScroll: true }); // the full one had the focus, and is gone
      paired?.(answer.session);
    });
  const give = () => attempt(async () => setMade(await makeCode(target)));

  return (
    <div class="pair" ref={box} tabIndex={-1}>
      <CodeField
        key={turn}
        label={t("pair.field")}
        button={t("pair.do")}
        busy={busy}
        enter={(code) => void type(code)}
      />
      {made && (
        <>
          <ShownCode made={made} over={false} />
          <p class="small">{t("pair.giveHint", { address: location.host })}</p>
        </>
      )}
      <p>
        <button type="button" disabled={busy} onClick={() => void give()}>
          {t(made ? "pair.renew" : "pair.give")}
        </button>
      </p>
      {problem && <PairingProblem problem={problem} />}
      {word && <Notice tone="live">{t("pair.done", { word })}</Notice>}
    </div>
  );
}
