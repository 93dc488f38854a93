/**
 * What the page's own code hides from agents besides the group's masks: `GLANCE_COBROWSE.getMaskingDescriptor`.
 *
 * Owns the asking and the reading of the answer. It can hide more and never less: what comes of it is added to the group's
 * masks. No answer, or one that is none, hides the whole page.
 */

import { guarded, launch, warn } from "../guard/guard.js";
import { OwnPromise } from "../guard/own.js";
import { isRecord, type Participant } from "../protocol/payloads.js";

/** Who hides: selectors to mask as well, or `null` for the whole page. */
export interface HidesHost {
  hide(masks: readonly string[] | null): void;
}

/**
 * Asks the page anew, since other agents are there. An earlier answer that comes later counts no more. `fail` is called when
 * the page's code failed, so that the whole page is hidden.
 */
export async function askHides(
  agents: readonly Participant[],
  host: HidesHost,
  fail: () => void,
): Promise<void> {
  asked += 1;
  const mine = asked;
  let masks: readonly string[] | null | undefined;
  try {
    const agentlist = agents.map(({ agent, name, privileges }) => ({ agent, name, privileges }));
    const params = { agents: { count: agents.length, agentlist } };
    const answer = window.GLANCE_COBROWSE?.getMaskingDescriptor?.(params);
    masks = read(await inTime(answer));
  } catch (error) {
    warn("GLANCE_COBROWSE.getMaskingDescriptor failed.", error);
  }
  if (mine !== asked) return;
  if (masks === undefined) {
    warn("agents see nothing of this page until getMaskingDescriptor answers.");
    fail();
  }
  host.hide(masks ?? null);
}

/** Selectors; `null` for the whole page; `undefined` when it is no descriptor. */
function read(value: unknown): readonly string[] | null | undefined {
  if (!isRecord(value)) return undefined;
  const { maskpage, maskedelements = [] } = value;
  if (maskpage === true) return null;
  if (maskpage !== undefined && maskpage !== false) return undefined;
  const isList = Array.isArray(maskedelements) && maskedelements.length <= MASKS_MAX;
  return isList && maskedelements.every((one) => typeof one === "string") ? maskedelements : undefined;
}

function inTime(answer: unknown): Promise<unknown> {
  return new OwnPromise((resolve, reject) => {
    launch(async () => {
      resolve(await answer);
    }, reject);
    const late = (): void => {
      reject(new Error(`no answer within ${String(ANSWER_MS_MAX)} ms`));
    };
    setTimeout(guarded(late), ANSWER_MS_MAX);
  });
}

let asked = 0;

/** The page's code has so long. Longer: agents see nothing of the page. */
const ANSWER_MS_MAX = 5_000;

/** As many as a group may have. More: agents see nothing of the page. */
const MASKS_MAX = 256;
