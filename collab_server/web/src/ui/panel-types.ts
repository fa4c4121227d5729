/** What a session may be opened with, or have added. */
export const TYPES = [
  "form",
  "cobrowse",
  "chat",
  "whiteboard",
  "files",
  "screen",
  "video",
] as const;
