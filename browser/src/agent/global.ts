/**
 * Puts the interfaces of `main.ts` and `presence.ts` where applications look for them, when they come by a script tag.
 */

import { createAgent, type AgentApi } from "./main.js";
import { PresenceAgent, type PresenceAgentOptions } from "./presence.js";

const loadedFrom = document.currentScript instanceof HTMLScriptElement ? document.currentScript.src : "";

const page = window as {
  GLANCE?: { Cobrowse?: { Agent?: AgentApi }; Presence?: { Agent?: typeof PresenceAgent } };
};
page.GLANCE = page.GLANCE ?? {};
page.GLANCE.Cobrowse = page.GLANCE.Cobrowse ?? {};
page.GLANCE.Cobrowse.Agent = createAgent(window);
page.GLANCE.Presence = page.GLANCE.Presence ?? {};
page.GLANCE.Presence.Agent = class extends PresenceAgent {
  constructor(options: PresenceAgentOptions) {
    super(options, loadedFrom);
  }
};
