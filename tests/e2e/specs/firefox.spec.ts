/**
 * Firefox on either side: a visitor's page in it, and a page that stops the view that shows it, where an application of another site is what takes the
 * view away.
 *
 * It needs a Firefox, so the suite runs it when it is asked to: `npm run test:firefox`.
 */

import { readFileSync } from "node:fs";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { join } from "node:path";

import { admin, ownGroup } from "../support/admin.js";
import { COUNTING } from "../support/application.js";
import { Firefox } from "../support/firefox.js";
import { goesOn, logIn, shows, stateOf } from "../support/firefox-view.js";
import { element, endless, page } from "../support/heavy.js";
import { agentView, expect, test, Viewer } from "../support/people.js";
import { RawVisitor } from "../support/raw-visitor.js";
import { stack } from "../support/stack.js";

/** An application of a site of its own; its certificate is another's, which this browser takes. */
async function desk(body: () => string): Promise<{ url: string; close: () => void }> {
  const file = (ending: string): Buffer =>
    readFileSync(join(stack().folder, "certificates", `shop.${ending}`));
  const server = createServer({ key: file("key"), cert: file("pem") }, (_, response) => {
    response.writeHead(200, { "content-type": "text/html" }).end(body());
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const { port } = server.address() as AddressInfo;
  const close = (): void => void server.close();
  return { url: `https://desk.localhost:${String(port)}`, close };
}

test("in Firefox an application of another site takes a view away that a page stops, and has it back", async () => {
  test.setTimeout(240_000);
  let view = "";
  const script = `<script src="${stack().web_url}/cobrowse/agent.js"></script>`;
  const application = await desk(
    () => `<!doctype html><title>A case</title>${script}<iframe src="${view}"></iframe>`,
  );
  const group = ownGroup("firefox", "--embed-ancestor", application.url);
  const visitor = await RawVisitor.start(group);
  view = agentView(visitor.key);
  visitor.show(page(element("p", { id: "first" })));
  const firefox = await Firefox.start();
  try {
    await firefox.goto(application.url);
    await firefox.run(COUNTING);
    await firefox.enter("frame");
    await logIn(firefox, "ada");
    await expect.poll(() => stateOf(firefox)).toBe("live");
    await expect.poll(() => shows(firefox, "#first")).toBe(true);

    await firefox.enter("page");
    visitor.show(page(endless()));
    // The application answers all the time, or this would not be told.
    await expect.poll(() => firefox.run("return window.stopped"), { timeout: 60_000 }).toBe(1);
    await expect
      .poll(() => firefox.run("return document.querySelectorAll('iframe').length"))
      .toBe(1);
    await firefox.enter("frame");
    await expect.poll(() => stateOf(firefox), { timeout: 60_000 }).toBe("waiting");
    await goesOn(firefox, visitor);
  } finally {
    await firefox.close();
    application.close();
    visitor.end();
    admin("group", "remove", group);
  }
});

test("a visitor's page in Firefox is seen live and verified, and what is masked is not", async ({
  browser,
}) => {
  test.setTimeout(120_000);
  const firefox = await Firefox.start();
  try {
    await firefox.goto(`${stack().shop_url}/checkout`);
    await firefox.run(
      `GLANCE.Cobrowse.Visitor.startSession().then(({ sessionKey }) => (window.told = sessionKey), ({ code }) => (window.told = code))`,
    );
    const told = (): Promise<unknown> => firefox.run("return window.told ?? ''");
    await expect.poll(told).toMatch(/^\d+$/);
    const viewer = await Viewer.join(browser, "ada", String(await told()));
    await firefox.fill("#name", "Ann");
    await firefox.fill("#card", "4111 1111 1111 1111");
    await expect.poll(() => viewer.value("#name")).toBe("Ann");
    expect(await viewer.value("#card")).not.toContain("4");
    // Trees and sheets that scripts have made.
    await firefox.run(`const host = document.querySelector("main").appendChild(document.createElement("section"));
      host.id = "host";
      host.attachShadow({ mode: "closed" }).innerHTML = "<b>within</b>";
      const sheet = new CSSStyleSheet();
      sheet.replaceSync("h1 { letter-spacing: 7px }");
      document.adoptedStyleSheets = [sheet];`);
    const shown = (script: string): Promise<unknown> =>
      viewer.page.evaluate(
        `(() => { const page = document.querySelector("#stage iframe").contentDocument; return ${script}; })()`,
      );
    await expect
      .poll(() => shown(`page.querySelector("#host")?.shadowRoot?.textContent`))
      .toBe("within");
    await expect
      .poll(() =>
        shown(`page.defaultView.getComputedStyle(page.querySelector("h1")).letterSpacing`),
      )
      .toBe("7px");
    await expect(viewer.page.locator("#verified")).toBeVisible();
    // Another page of the same session.
    await firefox.goto(`${stack().shop_url}/product`);
    await expect.poll(() => viewer.text("h1")).toBe("Harbour lamp");
    await expect(viewer.page.locator("#verified")).toBeVisible();
    expect(viewer.faults).toEqual([]);
  } finally {
    await firefox.close();
  }
});
