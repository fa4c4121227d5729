/** What an agent types for somebody's address, as the URI it means. The server has the last word. */

export function asUri(typed: string): string {
  const text = typed.trim();
  if (/^(sips?|tel|mailto|web):/i.test(text)) return text;
  if (/^(\+|00)[\d\s().-]+$/.test(text)) return `tel:${text.replace(/^00/, "+")}`;
  return text.includes("@") ? `mailto:${text}` : text;
}

/** Whether a PBX can call it. */
export function callable(uri: string): boolean {
  return /^(sip|tel):/i.test(uri);
}
