/**
 * Messages of other windows: a chat asks for a session, if the group's settings name its origin. PROTOCOL.md section 7.2.
 *
 * Owns the reading and the two checks: the group by the page's tag, the window by the group's settings.
 */

import { launch, quiet, warn } from "../guard/guard.js";
import { callNamed, isCallMessage } from "../loader/calls.js";
import type { VisitorApi } from "../loader/global.js";
import { groupAt, type Tag } from "../loader/tag.js";
import { isRecord } from "../protocol/payloads.js";
import { pageInfo } from "../visitor/page-info.js";

/** Who is asked. */
export interface MessageHost {
  readonly tag: Tag;
  readonly visitor: VisitorApi;
  /** Whether the page's tag lists a group, at this moment. */
  allows(group: string): boolean;
}

/** Does what a message asks, if its window may. */
export async function takeMessage(host: MessageHost, origin: string, data: unknown): Promise<void> {
  const asked = isCallMessage(data) ? (data as { glance_cobrowse: unknown }).glance_cobrowse : null;
  const name = isRecord(asked) ? callNamed(asked.call) : null;
  if (!isRecord(asked) || !name) return;
  const { tag, visitor } = host;
  const group = groupAt(tag.site, typeof asked.groupid === "string" ? asked.groupid : tag.group);
  if (!host.allows(group)) {
    warn(`a message of ${origin} asked for a group that this page does not allow.`);
    return;
  }
  const info = await pageInfo(tag.origin, group);
  if (typeof info === "string" || !info.chatOrigins.includes(origin)) {
    warn(`a message of ${origin} was ignored: it is none of the group's chat origins.`);
    return;
  }
  const key = typeof asked.sessionkey === "string" ? { sessionKey: asked.sessionkey } : {};
  if (name === "startSession" || name === "showTerms")
    launch(() => visitor[name]({ groupid: group, ...key }), quiet);
  else launch(async () => visitor[name](), quiet);
}
