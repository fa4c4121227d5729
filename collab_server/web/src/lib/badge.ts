/** How many things nobody has seen yet: in the title, on the tab's icon, on the installed page. */

type Badged = Navigator & { setAppBadge?: (count: number) => Promise<void> };

let plain: string | null = null;

export function showCount(count: number, title: string): void {
  document.title = count ? `(${count}) ${title}` : title;
  (navigator as Badged).setAppBadge?.(count).catch(() => undefined);
  const icon = document.querySelector<HTMLLinkElement>("link[rel=icon]");
  if (!icon) return;
  plain ??= icon.href;
  icon.href = count ? badged(count > 9 ? "9+" : String(count)) : plain;
}

/** The product's mark with a number on it. */
function badged(text: string): string {
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32">
<circle cx="11.5" cy="16" r="9.5" fill="#0b5cad"/>
<circle cx="20.5" cy="16" r="9.5" fill="#8a3ffc" fill-opacity=".82"/>
<circle cx="22" cy="10" r="10" fill="#b42318" stroke="#fff" stroke-width="1.5"/>
<text x="22" y="15" text-anchor="middle" font-family="sans-serif" font-weight="700"
 font-size="14" fill="#fff">${text}</text></svg>`;
  return `data:image/svg+xml,${encodeURIComponent(svg)}`;
}
