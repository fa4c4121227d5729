/** Chinese words of the log-in. */
import type { enLogin } from "./en-login";

export const zhLogin: Record<keyof typeof enLogin, string> = {
  "login.title": "客服登录",
  "login.name": "用户名",
  "login.password": "密码",
  "login.button": "登录",
  "login.busy": "正在登录……",
  "login.wrong": "用户名或密码错误。",
  "login.off": "此账户已停用。请联系您的管理员。",
  "login.slow": "尝试次数过多，请 {seconds} 秒后再试。",
  "login.out": "退出登录",
  "login.help": "没有账号？管理员可在“人员”页面或用此命令创建：tandem-server agent add",
  "login.provider": "使用 {provider} 登录",
  "login.or": "或使用密码",

  "login.refused.denied": "{provider} 未允许登录，或您已取消。",
  "login.refused.expired": "本次登录超时或已使用过，请重新登录。",
  "login.refused.down": "{provider} 暂时没有响应，请稍后再试。",
  "login.refused.failed": "无法接受 {provider} 的答复。如果一直如此，请告知管理员。",
  "login.refused.account": "{provider} 认识您，但这里没有您的账号。请联系管理员开通。",
  "login.refused.unverified": "{provider} 尚未验证您的邮箱。请先在那里完成验证，再重新登录。",
  "login.refused.off": "您在此处的账户已停用。请联系您的管理员。",
  "login.refused.busy": "当前登录人数过多，请稍后再试。",
};
