/**
 * Puts the interface of `main.ts` where applications look for it, when it comes by a script tag.
 */

import { createAgent, type AgentApi } from "./main.js";

const page = window as { GLANCE?: { Cobrowse?: { Agent?: AgentApi } } };
page.GLANCE = page.GLANCE ?? {};
page.GLANCE.Cobrowse = page.GLANCE.Cobrowse ?? {};
page.GLANCE.Cobrowse.Agent = createAgent(window);
