/** Small things kept on the device. A browser may forbid that or be full: then they are not kept. */

function store(kind: "local" | "session"): Storage | null {
  try {
    return kind === "local" ? window.localStorage : window.sessionStorage;
  } catch {
    return null;
  }
}

export function recall(key: string, kind: "local" | "session" = "local"): string | null {
  try {
    return store(kind)?.getItem(key) ?? null;
  } catch {
    return null;
  }
}

/** The keys that begin so. */
export function kept(prefix: string): string[] {
  try {
    return Object.keys(store("local") ?? {}).filter((key) => key.startsWith(prefix));
  } catch {
    return [];
  }
}

/** Keep `value` (null: forget it); tells whether the device did. */
export function remember(
  key: string,
  value: string | null,
  kind: "local" | "session" = "local",
): boolean {
  const place = store(kind);
  if (!place) return false;
  try {
    if (value === null) place.removeItem(key);
    else place.setItem(key, value);
    return true;
  } catch {
    return false;
  }
}
