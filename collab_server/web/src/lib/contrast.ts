/** Whether text can be read on a colour: WCAG 2's contrast, as the server checks it too. */

export const READABLE = 4.5;
/** A button stands out from the page by this much. */
export const DISTINCT = 3;
export const WHITE = "#ffffff";
export const DARK = "#1b1f24";
/** The pages' background in the dark scheme. */
export const DARK_PAGE = "#15181c";

export const isColor = (text: string) => /^#[0-9a-f]{6}$/i.test(text);

/** 1 (the same) to 21 (black and white). */
export function contrast(one: string, other: string): number {
  const [a, b] = [luminance(one), luminance(other)];
  return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
}

/** White or dark text, whichever is read better on this colour. */
export function inkOn(color: string): string {
  return contrast(WHITE, color) >= contrast(DARK, color) ? WHITE : DARK;
}

function luminance(color: string): number {
  const part = (at: number) => {
    const value = parseInt(color.slice(at, at + 2), 16) / 255;
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  };
  return 0.2126 * part(1) + 0.7152 * part(3) + 0.0722 * part(5);
}
