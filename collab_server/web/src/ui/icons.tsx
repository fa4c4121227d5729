/** The few drawings the pages use; each stands beside its word and is hidden from screen readers. */

const PATHS = {
  check: "M3.5 8.5l3 3 6-7",
  clock: "M8 4.5V8l2.5 1.5M14 8A6 6 0 1 1 2 8a6 6 0 0 1 12 0z",
  device: "M5 2h6a1 1 0 0 1 1 1v10a1 1 0 0 1-1 1H5a1 1 0 0 1-1-1V3a1 1 0 0 1 1-1zM7 11.5h2",
  cross: "M4 4l8 8M12 4l-8 8",
  dash: "M4 8h8",
  send: "M2.5 8h10M8.5 4l4 4-4 4",
  message: "M3 3h10a1 1 0 0 1 1 1v6a1 1 0 0 1-1 1H7l-3 2.5V11H3a1 1 0 0 1-1-1V4a1 1 0 0 1 1-1z",
  stop: "M4.5 4.5h7v7h-7z",
  bell: "M8 2.5a3.5 3.5 0 0 0-3.5 3.5c0 3.5-1.5 4.5-1.5 4.5h10s-1.5-1-1.5-4.5A3.5 3.5 0 0 0 8 2.5zM6.7 13a1.4 1.4 0 0 0 2.6 0",
  bellOff:
    "M12.5 10.5S11.5 9.5 11.5 6A3.5 3.5 0 0 0 6 3.1M4.5 6c0 3.5-1.5 4.5-1.5 4.5h7.5M6.7 13a1.4 1.4 0 0 0 2.6 0M2.5 2.5l11 11",
  pause: "M5.5 3.5v9M10.5 3.5v9",
  phone:
    "M5.5 2.5l1.3 3-1.6 1.3a8 8 0 0 0 4 4l1.3-1.6 3 1.3v2a1.3 1.3 0 0 1-1.3 1.3A9.9 9.9 0 0 1 2.2 3.8 1.3 1.3 0 0 1 3.5 2.5z",
  out: "M9 3h4v4M13 3L7.5 8.5M11 9.5V13H3V5h3.5",
  down: "M8 3v10M4 9l4 4 4-4",
  back: "M10 3.5L5.5 8l4.5 4.5",
  side: "M2.5 3.5h11v9h-11zM10 3.5v9",
  eye: "M1.5 8S4 3.5 8 3.5 14.5 8 14.5 8 12 12.5 8 12.5 1.5 8 1.5 8zM8 10a2 2 0 1 0 0-4 2 2 0 0 0 0 4z",
  link: "M6.5 9.5l3-3M7 4.5l1.2-1.2a2.6 2.6 0 0 1 3.7 3.7L10.5 8.3M9 11.5l-1.2 1.2a2.6 2.6 0 0 1-3.7-3.7l1.4-1.3",
  search: "M7 12A5 5 0 1 0 7 2a5 5 0 0 0 0 10zM10.7 10.7L14 14",
  globe:
    "M8 14A6 6 0 1 0 8 2a6 6 0 0 0 0 12zM2 8h12M8 2c2 1.6 2.6 3.6 2.6 6S10 12.4 8 14C6 12.4 5.4 10.4 5.4 8S6 3.6 8 2z",
  save: "M8 2.5v7.5M4.5 7L8 10.5 11.5 7M3 13.5h10",
} as const;

export type IconName = keyof typeof PATHS;

export function Icon({ name }: { name: IconName }) {
  return (
    <svg class="icon" viewBox="0 0 16 16" aria-hidden="true" focusable="false">
      <path d={PATHS[name]} />
    </svg>
  );
}

/** The product's mark: two circles that overlap. */
export function Mark() {
  return (
    <svg class="mark" viewBox="0 0 32 32" aria-hidden="true" focusable="false">
      <circle class="mark-agent" cx="11.5" cy="16" r="9.5" />
      <circle class="mark-user" cx="20.5" cy="16" r="9.5" />
    </svg>
  );
}
