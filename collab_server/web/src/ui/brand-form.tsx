/** Brand: the form an administrator fills in, and beside it what callers will see of it. */
import { useEffect, useState } from "preact/hooks";
import { brand as shownNow, type BrandShown, paint } from "../lib/brand";
import { contrast, inkOn, isColor, READABLE, WHITE } from "../lib/contrast";
import { asProblem, Problem, request } from "../lib/http";
import { type Key, t } from "../lib/words";
import { ColorSaid, Said } from "./brand-notes";
import { BrandPreview } from "./brand-preview";
import { ProblemNotice } from "./parts";
import { Tick } from "./person-form";
import { SetUpEvents } from "./set-up-events";
import "../style/people.css";

const ADDRESS = "/v1/setup/brand";
const MAX_BYTES = 256 * 1024;
const PICTURES = "image/png,image/jpeg,image/webp";
const FIRST_COLOR = "#0b5cad";

export interface BrandSet extends BrandShown {
  version: number;
}

export function BrandPage({ signedOut }: { signedOut: () => void }) {
  const [kept, setKept] = useState<BrandSet | null>(null);
  const [problem, setProblem] = useState<Problem | null>(null);
  const [turn, setTurn] = useState(0);

  const failed = (error: unknown) => {
    const said = asProblem(error);
    if (said.status === 401 || said.status === 403) signedOut();
    else setProblem(said);
  };
  const load = () => {
    setProblem(null);
    request<BrandSet>("GET", ADDRESS).then((found) => {
      setKept(found);
      setTurn((before) => before + 1);
    }, failed);
  };
  useEffect(load, []);
  if (problem) return <ProblemNotice problem={problem} retry={load} />;
  if (!kept) return <p class="muted">{t("app.loading")}</p>;
  const saved = (made: BrandSet) => {
    setKept(made);
    shownNow.value = made; // this page shows it too
    paint(made);
  };
  return (
    <section class="box" aria-labelledby="brand-title">
      <h2 id="brand-title">{t("brand.title")}</h2>
      <p class="small muted">{t("brand.hint")}</p>
      <BrandForm key={turn} kept={kept} saved={saved} reload={load} signedOut={signedOut} />
      <SetUpEvents turn={kept.version} />
    </section>
  );
}

interface Props {
  kept: BrandSet;
  saved: (made: BrandSet) => void;
  /** Somebody else's is to be looked at. */
  reload: () => void;
  signedOut: () => void;
}

function BrandForm({ kept, saved, reload, signedOut }: Props) {
  const [name, setName] = useState(kept.name);
  /** An address of the picture: its path, or the bytes of one just chosen. */
  const [logo, setLogo] = useState(kept.logo);
  const [colored, setColored] = useState(kept.color !== "");
  const [color, setColor] = useState(kept.color || FIRST_COLOR);
  const [phone, setPhone] = useState(kept.phone);
  const [privacy, setPrivacy] = useState(kept.privacy_url);
  const [en, setEn] = useState(kept.welcome.en);
  const [zh, setZh] = useState(kept.welcome.zh);
  const [languages, setLanguages] = useState(kept.languages);
  const [busy, setBusy] = useState(false);
  const [done, setDone] = useState(false);
  const [problem, setProblem] = useState<Problem | null>(null);

  const usable = isColor(color);
  const ink = usable ? inkOn(color) : WHITE;
  const ratio = usable ? contrast(ink, color) : 0;
  const readable = !colored || ratio >= READABLE;
  const shown: BrandShown = {
    name,
    logo,
    color: colored && usable ? color : "",
    ink,
    phone,
    privacy_url: privacy,
    welcome: { en, zh },
    languages,
  };

  const choose = async (field: HTMLInputElement) => {
    const [file] = field.files ?? [];
    field.value = ""; // the same picture again is another choice
    if (!file) return;
    setProblem(null);
    setDone(false);
    if (file.size > MAX_BYTES) return setProblem(tooLarge());
    try {
      setLogo(await asAddress(file));
    } catch (error) {
      setProblem(asProblem(error));
    }
  };
  const save = async () => {
    setBusy(true);
    setProblem(null);
    setDone(false);
    const picture = logo === kept.logo ? {} : { logo: logo ? (logo.split(",")[1] ?? "") : null };
    try {
      const made = await request<BrandSet>("POST", ADDRESS, {
        version: kept.version,
        name: name.trim(),
        color: colored ? color : "",
        phone: phone.trim(),
        privacy_url: privacy.trim(),
        welcome: { en: en.trim(), zh: zh.trim() },
        languages,
        ...picture,
      });
      saved(made);
      setLogo(made.logo);
      setDone(true);
    } catch (error) {
      const said = asProblem(error);
      if (said.status === 401 || said.kind === "forbidden") return signedOut();
      setProblem(said);
    } finally {
      setBusy(false);
    }
  };
  const bad = (field: string) => (problem?.field.startsWith(field) ? "true" : undefined);
  const speaks = (tag: string) => (on: boolean) =>
    setLanguages(on ? [...languages, tag] : languages.filter((one) => one !== tag));

  return (
    <div class="brand-parts">
      <form
        class="person-form"
        onInput={() => setDone(false)}
        onSubmit={(event) => {
          event.preventDefault();
          void save();
        }}
      >
        <label>
          <span>{t("brand.name")}</span>
          <input
            name="name"
            required
            maxLength={60}
            autocomplete="organization"
            aria-invalid={bad("name")}
            value={name}
            onInput={(event) => setName(event.currentTarget.value)}
          />
        </label>
        <fieldset>
          <legend>{t("brand.logo")}</legend>
          <p class="actions">
            <label class="button">
              {t("brand.logoChoose")}
              <input
                class="hidden"
                type="file"
                name="logo"
                accept={PICTURES}
                aria-describedby="brand-logo"
                onChange={(event) => void choose(event.currentTarget)}
              />
            </label>
            {logo && (
              <button class="quiet" type="button" onClick={() => setLogo(null)}>
                {t("brand.logoRemove")}
              </button>
            )}
          </p>
          <p class="small muted" id="brand-logo">
            {t("brand.logoHint")}
          </p>
        </fieldset>
        <fieldset>
          <legend>{t("brand.color")}</legend>
          <Tick label={t("brand.colorOn")} checked={colored} set={setColored} />
          {colored && (
            <div class="color-fields">
              <input
                type="color"
                aria-label={t("brand.color")}
                value={usable ? color : FIRST_COLOR}
                onInput={(event) => setColor(event.currentTarget.value)}
              />
              <input
                name="color"
                aria-label={`${t("brand.color")} #rrggbb`}
                maxLength={7}
                spellcheck={false}
                autocomplete="off"
                aria-invalid={readable ? bad("color") : "true"}
                aria-describedby="brand-contrast"
                value={color}
                onInput={(event) => setColor(event.currentTarget.value.trim())}
              />
            </div>
          )}
          <div id="brand-contrast" role="status">
            {colored && <ColorSaid color={color} ratio={ratio} readable={readable} />}
          </div>
        </fieldset>
        <label>
          <span>{t("brand.phone")}</span>
          <input
            name="phone"
            type="tel"
            maxLength={40}
            autocomplete="off"
            aria-invalid={bad("phone")}
            aria-describedby="brand-phone"
            value={phone}
            onInput={(event) => setPhone(event.currentTarget.value)}
          />
        </label>
        <p class="small muted" id="brand-phone">
          {t("brand.phoneHint")}
        </p>
        <label>
          <span>{t("brand.privacyUrl")}</span>
          <input
            name="privacy"
            inputMode="url"
            maxLength={500}
            autocomplete="off"
            spellcheck={false}
            aria-invalid={bad("privacy_url")}
            aria-describedby="brand-privacy"
            value={privacy}
            onInput={(event) => setPrivacy(event.currentTarget.value)}
          />
        </label>
        <p class="small muted" id="brand-privacy">
          {t("brand.privacyHint")}
        </p>
        <Sentence label="brand.welcomeEn" lang="en" value={en} set={setEn} bad={bad("welcome")} />
        <Sentence
          label="brand.welcomeZh"
          lang="zh-CN"
          value={zh}
          set={setZh}
          bad={bad("welcome")}
        />
        <fieldset>
          <legend>{t("brand.languages")}</legend>
          <Tick label="English" checked={languages.includes("en")} set={speaks("en")} />
          <Tick label="简体中文" checked={languages.includes("zh")} set={speaks("zh")} />
        </fieldset>
        {problem && <Said problem={problem} reload={reload} />}
        <div class="actions">
          <button class="primary" type="submit" disabled={busy || !readable}>
            {t(busy ? "people.saving" : "brand.save")}
          </button>
          <span class="ink-live" role="status">
            {done ? t("brand.saved") : ""}
          </span>
        </div>
      </form>
      <BrandPreview shown={shown} />
    </div>
  );
}

/** Said by the page itself, before anything is sent. */
const tooLarge = () => new Problem(413, "too-large", "the logo may have 256 KiB");

interface SentenceProps {
  label: Key;
  lang: string;
  value: string;
  set: (words: string) => void;
  bad: "true" | undefined;
}

function Sentence({ label, lang, value, set, bad }: SentenceProps) {
  return (
    <label>
      <span>{t(label)}</span>
      <input
        name={`welcome-${lang}`}
        lang={lang}
        maxLength={300}
        autocomplete="off"
        aria-invalid={bad}
        value={value}
        onInput={(event) => set(event.currentTarget.value)}
      />
    </label>
  );
}

/** A file as an address that holds it, for the preview and to be sent. */
function asAddress(file: File): Promise<string> {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(String(reader.result));
    reader.onerror = () => reject(reader.error ?? new Error("the file could not be read"));
    reader.readAsDataURL(file);
  });
}
