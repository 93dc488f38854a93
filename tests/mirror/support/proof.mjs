/**
 * Tries the view's own proof: it comes, an alteration of the view ends it and is healed, a masked value changes nothing.
 *
 * Hashes are read from the frames that the visitor sends, by the header of PROTOCOL.md section 3.
 */

import { Visitor } from "./people.mjs";
import { PAY } from "./stack.mjs";

const FACTS = 0x04;
const HEADER_BYTES = 12;
const PROOF_MS_MAX = 20_000;

/** What was tried, and whether it is so. */
export async function proveProof({ browser, stack, scripts, site, agent }) {
  const visitor = await Visitor.open(browser, stack, scripts, "forms", site);
  const proofs = [];
  visitor.page.on("websocket", (socket) =>
    socket.on("framesent", ({ payload }) => {
      if (typeof payload === "string" || payload[0] !== FACTS) return;
      const { proof } = JSON.parse(payload.subarray(HEADER_BYTES).toString("utf8"));
      if (proof) proofs.push(proof);
    }),
  );
  const set = (id, value) =>
    visitor.page.evaluate(([at, text]) => (document.getElementById(at).value = text), [id, value]);
  const nextProof = async () => {
    const count = proofs.length;
    await wait(() => proofs.length > count);
    return proofs.at(-1);
  };
  try {
    await visitor.page.evaluate((pay) => {
      // What a frame of another origin shows, it proves itself.
      const frame = document.createElement("iframe");
      frame.src = `${pay}/mirror/pay.html`;
      document.body.append(frame);
      const field = document.createElement("input");
      field.type = "password";
      field.id = "secret";
      document.querySelector("form").append(field);
    }, PAY);
    await agent.open(await visitor.start());
    const badge = () => agent.page.evaluate(() => document.body.dataset.verified === "true");
    const heading = (text) =>
      agent.page.evaluate((given) => {
        const [found] =
          document.querySelector("#stage iframe")?.contentDocument?.getElementsByTagName("h1") ?? [];
        if (given && found) found.textContent = given;
        return found?.textContent;
      }, text);
    const joined = () =>
      agent.page.evaluate(() => {
        const inside = (parent) => parent?.querySelector("iframe")?.contentDocument;
        return inside(inside(document.querySelector("#stage")))?.querySelector("h2") != null;
      });
    const verified = (await wait(joined)) && (await wait(badge));
    const original = await heading();
    await heading("altered in the view");
    const cleared = await wait(async () => !(await badge()));
    const healed = (await wait(async () => (await heading()) === original)) && (await wait(badge));
    // Values that stand nowhere else on the pages: a copy would be masked too, and agents would be sent another picture.
    await set("secret", "Wq7vXk");
    const first = await nextProof();
    await set("secret", "Rm4tZb-9hLc2-Yd");
    const second = await nextProof();
    await set("name", "something else");
    // A proof of before may still be on its way.
    const changed = await wait(() => proofs.at(-1) !== second);
    return {
      verified,
      altering_the_view_clears_the_badge: cleared,
      healed,
      a_masked_value_changes_no_hash: first === second,
      an_open_value_changes_the_hash: changed,
    };
  } finally {
    await visitor.context.close();
  }
}

async function wait(is) {
  const until = Date.now() + PROOF_MS_MAX;
  while (!(await is())) {
    if (Date.now() > until) return false;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  return true;
}
