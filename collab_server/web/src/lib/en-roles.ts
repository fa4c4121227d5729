/** English words of consent and supervisors on callers' pages; `en` takes them in. */
export const enRoles = {
  "role.supervisor": "Supervisor",
  "role.of": "{name}, {role}",

  "join.supervisors.always": "If a supervisor reads along or joins, this page says so.",
  "join.supervisors.joined": "A supervisor may read along; this page says so when one joins.",

  "consent.title": "May {agent} see this page?",
  "consent.about": "On this page: {type}.",
  "consent.text": "{agent} sees the messages here once you agree.",
  "consent.yes": "Go on with {agent}",
  "consent.no": "Not now",
  "consent.change": "Let {agent} see it",
  "consent.newAgent": "You are talking with {agent} now.",
  "consent.userRefused": "{agent} does not see this page. Your phone call continues.",
  "consent.stateRefused": "Not shared",

  "watch.reads": "{name} (supervisor) reads along.",
  "watch.joined": "{name} (supervisor) is here.",
} as const;
