/** Simplified Chinese for en-roles.ts. */
import type { enRoles } from "./en-roles";

export const zhRoles: Record<keyof typeof enRoles, string> = {
  "role.supervisor": "主管",
  "role.of": "{name}（{role}）",

  "join.supervisors.always": "如有主管旁听或加入，此页面会注明。",
  "join.supervisors.joined": "主管可能旁听；主管加入时，此页面会注明。",

  "consent.title": "是否让 {agent} 查看此页面？",
  "consent.about": "此页面的内容：{type}。",
  "consent.text": "您同意后，{agent} 才能看到这里的消息。",
  "consent.yes": "继续，由 {agent} 接待",
  "consent.no": "暂不",
  "consent.change": "让 {agent} 查看",
  "consent.newAgent": "现在由 {agent} 为您服务。",
  "consent.userRefused": "{agent} 看不到此页面。您的电话通话不受影响。",
  "consent.stateRefused": "未共享",

  "watch.reads": "{name}（主管）正在旁听。",
  "watch.joined": "{name}（主管）已加入。",
};
