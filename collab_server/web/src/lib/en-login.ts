/** English words of signing in at a provider; `en` takes them in. */
export const enLogin = {
  "login.provider": "Sign in with {provider}",
  "login.or": "or with a password",

  "login.refused.denied": "{provider} did not let you in, or you cancelled.",
  "login.refused.expired": "This sign-in took too long or was used already. Sign in again.",
  "login.refused.down": "{provider} does not answer right now. Try again in a moment.",
  "login.refused.failed":
    "The answer of {provider} could not be accepted. If that stays so, tell your administrator.",
  "login.refused.account":
    "{provider} knows you, but no account here is yours. Ask your administrator for one.",
  "login.refused.unverified":
    "{provider} has not verified your e-mail address. Have it verified there, then sign in again.",
  "login.refused.busy": "Too many people are signing in. Try again in a moment.",
};
