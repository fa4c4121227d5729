/** What who opened the link of a SIP MESSAGE sees until the agent has confirmed their word. */
import { useEffect } from "preact/hooks";
import { t } from "../lib/words";
import { CardPage } from "./card-page";

const ASK_MS = 1_500;

interface Props {
  word: string;
  /** Asks the server again. */
  again: () => void;
}

export function HeldPage({ word, again }: Props) {
  useEffect(() => {
    const timer = setInterval(again, ASK_MS);
    return () => clearInterval(timer);
  }, [again]);
  return (
    <CardPage title={t("held.title")}>
      <p>{t("held.ask")}</p>
      <p class="word-big" role="status">
        {word}
      </p>
      <p class="small muted">{t("held.nothing")}</p>
    </CardPage>
  );
}
