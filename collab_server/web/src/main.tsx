/** Entry of every page: the path says which one, and only that page's code is loaded. */
import { type ComponentType, render } from "preact";
import { useEffect, useState } from "preact/hooks";
import { brand, languagesOf, paint } from "./lib/brand";
import { keepFocus } from "./lib/focus";
import { path } from "./lib/routes";
import { type Language, LANGUAGES, offer, t } from "./lib/words";
import { Guard } from "./ui/guard";
import "./style/base.css";

type Props = Record<string, string>;
type Load = () => Promise<{ default: ComponentType<Props> }>;

const PAGES: [RegExp, Load][] = [
  [/^\/$/, () => import("./pages/start")],
  [/^\/join\/?$/, () => import("./pages/join")],
  [/^\/s\/(?<id>[\w.~-]+)\/?$/, () => import("./pages/session")],
  [/^\/desk\/?$/, () => import("./pages/desk")],
  [/^\/setup\/?$/, () => import("./pages/setup")],
  [/^\/floor\/?$/, () => import("./pages/floor")],
];

/** Pages of those who work here, in whichever language they like. */
const INSIDE = /^\/(desk|setup|floor)\/?$/;

const missing: Load = () => import("./pages/missing");

interface Shown {
  Page: ComponentType<Props>;
  props: Props;
}

function App() {
  const here = path.value;
  const [shown, setShown] = useState<Shown | null>(null);
  const [failed, setFailed] = useState(false);
  useEffect(() => {
    let current = true;
    const found = PAGES.find(([pattern]) => pattern.test(here));
    const props = { key: here, ...found?.[0].exec(here)?.groups };
    setFailed(false);
    (found?.[1] ?? missing)().then(
      (module) => current && setShown({ Page: module.default, props }),
      () => current && setFailed(true),
    );
    return () => {
      current = false;
    };
  }, [here]);
  if (failed) return <Broken />;
  if (!shown) return <p class="loading">{t("app.loading")}</p>;
  const { Page, props } = shown;
  return (
    <Guard otherwise={<Broken />}>
      <Page {...props} />
    </Guard>
  );
}

function Broken() {
  return (
    <main class="user middle">
      <div class="card">
        <h1>{t("app.failed")}</h1>
        <p>
          <button class="primary" type="button" onClick={() => location.reload()}>
            {t("app.retry")}
          </button>
        </p>
      </div>
    </main>
  );
}

paint(brand.value);
offer(
  INSIDE.test(location.pathname)
    ? (Object.keys(LANGUAGES) as Language[])
    : languagesOf(brand.value),
);
keepFocus();
const root = document.getElementById("app");
if (root) render(<App />, root);
