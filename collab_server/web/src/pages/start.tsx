/** /: type the code that somebody told, or show one to say or key in; the language. */
import { useEffect, useState } from "preact/hooks";
import { asProblem, type Problem, rememberCsrf } from "../lib/http";
import {
  claimCode,
  enterBy,
  makeCode,
  type Paired,
  type PairingMade,
  watchCode,
} from "../lib/pairing";
import { go, handOver } from "../lib/routes";
import { t } from "../lib/words";
import { useBrand, Welcome } from "../ui/brand";
import { CardPage } from "../ui/card-page";
import { CodeField, PairingProblem, ShownCode } from "../ui/pairing-code";

/** What an ordinary call becomes: a business may link to `/?type=cobrowse`. */
const TYPES = ["form", "cobrowse", "chat", "whiteboard", "files", "screen", "video"];

function wanted(): { type?: string } {
  const type = new URLSearchParams(location.search).get("type") ?? "";
  return TYPES.includes(type) ? { type } : {};
}

export default function StartPage() {
  const brand = useBrand();
  const [shows, setShows] = useState(false);
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<Problem | null>(null);

  const enter = (paired: Paired) => {
    rememberCsrf(paired.csrf);
    handOver(paired);
    go(`/s/${paired.session}`, true);
  };
  const attempt = async (doing: () => Promise<Paired>) => {
    setBusy(true);
    setProblem(null);
    try {
      enter(await doing());
    } catch (error) {
      setProblem(asProblem(error));
    } finally {
      setBusy(false);
    }
  };
  const turn = () => {
    setProblem(null);
    setShows(!shows);
  };

  return (
    <CardPage brand={brand} title={t("start.title")}>
      <Welcome />
      {shows ? (
        <Showing enter={(id) => void attempt(() => enterBy(id))} failed={setProblem} />
      ) : (
        <CodeField
          label={t("start.code")}
          hint={t("start.codeHint")}
          button={t("start.enter")}
          busy={busy}
          enter={(code) => void attempt(() => claimCode(code, {}))}
        />
      )}
      {problem && <PairingProblem problem={problem} />}
      <p>
        <button class="wide" type="button" onClick={turn}>
          {t(shows ? "start.typeInstead" : "start.showInstead")}
        </button>
      </p>
      <p class="muted">{t("start.link")}</p>
    </CardPage>
  );
}

interface ShowingProps {
  enter: (id: string) => void;
  failed: (problem: Problem | null) => void;
}

/** The code of this page, and a new one when asked for. */
function Showing({ enter, failed }: ShowingProps) {
  const [made, setMade] = useState<PairingMade | null>(null);
  /** The code that is known to be over: the news may come when there is another one already. */
  const [overId, setOverId] = useState("");
  const over = made !== null && made.id === overId;

  const renew = () => {
    failed(null);
    makeCode(wanted()).then(setMade, (error: unknown) => failed(asProblem(error)));
  };
  useEffect(renew, []);
  useEffect(() => {
    if (!made) return;
    return watchCode(
      made,
      () => enter(made.id),
      () => setOverId(made.id),
    );
  }, [made?.id]);

  return (
    <>
      <p>{t("start.shown")}</p>
      {made ? <ShownCode made={made} over={over} /> : <p class="muted">{t("app.loading")}</p>}
      <p>
        {/* A new code kills the one that is being keyed in: no button to press by habit. */}
        <button class={`wide ${over ? "primary" : ""}`} type="button" onClick={renew}>
          {t("pair.renew")}
        </button>
      </p>
    </>
  );
}
