/** English words of the log-in; zh-login.ts has the same keys. */
export const enLogin = {
  "login.title": "Agent log-in",
  "login.name": "Name",
  "login.password": "Password",
  "login.button": "Log in",
  "login.busy": "Logging in …",
  "login.wrong": "Name or password is wrong.",
  "login.off": "This account is switched off. Ask your administrator.",
  "login.slow": "Too many attempts. Wait {seconds} s, then try again.",
  "login.out": "Log out",
  "login.help":
    "No log-in yet? Your administrator makes one, under People or with: tandem-server agent add",
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
  "login.refused.off": "Your account here is switched off. Ask your administrator.",
  "login.refused.busy": "Too many people are signing in. Try again in a moment.",
};
