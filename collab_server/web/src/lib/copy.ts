/** The copy of a chat that a person takes along: a text file made in the browser. */
import { exactTime } from "./clock";
import type { Line } from "./lines";
import { authorName } from "./people";
import type { View } from "./types";
import { t } from "./words";

export function copyText(lines: readonly Line[], view: View | null): string {
  const head = [view?.brand.name ?? t("app.name"), t("copy.title")];
  if (view) head.push(new Date(view.created).toLocaleString(), t("copy.session", { id: view.id }));
  const body = lines.map((line) => {
    const name = authorName(line.author, view);
    return `[${exactTime(line.at).slice(0, 8)}] ${name}: ${line.text}`;
  });
  return [...head, "", ...(body.length ? body : [t("copy.empty")]), ""].join("\r\n");
}

/** Hand the text to the browser as a file to save. */
export function download(name: string, text: string): void {
  const link = document.createElement("a");
  // The mark at the front makes old editors read the file as UTF-8.
  link.href = URL.createObjectURL(new Blob(["\ufeff", text], { type: "text/plain;charset=utf-8" }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
