/** A pairing code as people type, write and say it. */

export const DIGITS = 6;

/** The digits of what was typed, pasted or filled in: with spaces, dashes or full-width digits. */
export function digitsOf(text: string): string {
  return text.normalize("NFKC").replace(/\D/g, "").slice(0, DIGITS);
}

/** "123 456". */
export function grouped(code: string): string {
  return code.length > 3 ? `${code.slice(0, 3)} ${code.slice(3)}` : code;
}

/** "1 2 3 4 5 6", as a screen reader is to say it. */
export function spelled(code: string): string {
  return [...code].join(" ");
}
