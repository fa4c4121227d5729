/** Chinese words of signing in at a provider; `zh` takes them in. */
import type { enLogin } from "./en-login";

export const zhLogin: Record<keyof typeof enLogin, string> = {
  "login.provider": "使用 {provider} 登录",
  "login.or": "或使用密码",

  "login.refused.denied": "{provider} 未允许登录，或您已取消。",
  "login.refused.expired": "本次登录超时或已使用过，请重新登录。",
  "login.refused.down": "{provider} 暂时没有响应，请稍后再试。",
  "login.refused.failed": "无法接受 {provider} 的答复。如果一直如此，请告知管理员。",
  "login.refused.account": "{provider} 认识您，但这里没有您的账号。请联系管理员开通。",
  "login.refused.unverified": "{provider} 尚未验证您的邮箱。请先在那里完成验证，再重新登录。",
  "login.refused.busy": "当前登录人数过多，请稍后再试。",
};
