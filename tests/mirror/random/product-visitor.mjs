/** What a random page takes of the product's sources on the visitor's side. */

import { Proof } from "../../../browser/src/protocol/proof.ts";
import { livingNodes } from "../../../browser/src/mirror/living.ts";
import * as mirror from "../../../browser/src/mirror/main.ts";
import { Prover } from "../../../browser/src/mirror/proof.ts";
import { noteRoot, rootOf } from "../../../browser/src/visitor/closed.ts";
import { Recorder } from "../../../browser/src/visitor/recorder.ts";
import { MaskMemory } from "../../../browser/src/visitor/rules.ts";

export { MaskMemory, Recorder };
export const KNOWN_PARTS = {
  Proof,
  Prover,
  livingNodes,
  closedRoots: noteRoot,
  rootOf,
  mirror,
};
