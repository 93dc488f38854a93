/**
 * The service worker beside the agent's viewer. It takes no request and keeps nothing: it only watches.
 */

import { keepWatch, type Scope } from "./watch.js";

keepWatch(self as unknown as Scope);
