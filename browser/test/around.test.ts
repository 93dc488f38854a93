/**
 * The web tier's page around a view: the way of the ticket, whom it listens to, and how it goes on.
 */

import { afterEach, beforeEach, expect, test, vi } from "vitest";

import { Around } from "../src/around/around.js";
import { RENEWS_MAX } from "../src/viewer/limits.js";
import { HELD } from "../src/watchman/wait.js";

const SERVER = "https://s1.views.example";
const AGAIN = "/cobrowse/AgentView?SessionKey=7&Group=demo";

beforeEach(() => {
  vi.useFakeTimers();
});

afterEach(() => {
  vi.useRealTimers();
});

/** The page as the web tier writes it; what it did is kept. */
function stand(isSecond = false, marks = new Map<string, string>()) {
  document.body.innerHTML = `<p id="stopped" hidden></p><p id="fails" hidden><a id="alone"></a></p>
    <form id="ticket" method="post" action="${SERVER}/join"><input name="ticket" value="t"></form>`;
  for (const name of Object.keys(document.body.dataset)) delete document.body.dataset[name];
  Object.assign(document.body.dataset, { server: SERVER, again: AGAIN }, isSecond ? { second: "" } : {});
  const submitted: string[][] = [];
  const left: string[] = [];
  const there = { is: true };
  new Around(
    window,
    {
      submit: (form) =>
        submitted.push([form.action, form.target, new FormData(form).get("ticket") as string]),
      leave: (url) => left.push(url),
      isThere: () => Promise.resolve(there.is),
    },
    {
      getItem: (name) => marks.get(name) ?? null,
      setItem: (name, value) => marks.set(name, value),
      removeItem: (name) => marks.delete(name),
    },
  );
  const frame = document.querySelector("iframe");
  const hear = (cobrowse: object, origin = SERVER, source = frame?.contentWindow ?? null): void => {
    window.dispatchEvent(new MessageEvent("message", { data: { cobrowse }, origin, source }));
  };
  const hidden = (id: string): boolean => document.getElementById(id)?.hidden === true;
  return {
    submitted,
    left,
    there,
    marks,
    frame,
    hear,
    hidden,
    pass: (ms: number) => vi.advanceTimersByTimeAsync(ms),
  };
}

test("the ticket goes into the frame by a form, and stays nowhere in the page", () => {
  const page = stand();
  const name = page.frame?.name ?? "";
  expect(page.submitted).toEqual([[`${SERVER}/join`, name, "t"]]);
  expect(document.querySelector("form, input")).toBeNull();
  expect(page.frame?.getAttribute("src")).toBeNull();
  expect(stand().frame?.name).not.toBe(name);
});

test("a view that says nothing more is taken out, and after a while a new one is held", async () => {
  const page = stand();
  page.hear({ event: "alive", wait_ms: 10_000 });
  await page.pass(11_999);
  expect(page.frame?.isConnected).toBe(true);
  await page.pass(1);
  expect([page.frame?.isConnected, page.hidden("stopped"), page.left]).toEqual([false, false, []]);
  await page.pass(2_999);
  expect(page.left).toEqual([]);
  await page.pass(1);
  expect(page.left).toEqual([AGAIN]);
  // The page that comes then says so in its frame's name, once.
  expect(stand(false, page.marks).frame?.name).toBe(HELD);
  expect(stand(false, page.marks).frame?.name).not.toBe(HELD);
});

test("a view that wants a new ticket gets it as soon as the web tier answers, and once", async () => {
  const page = stand();
  page.there.is = false;
  page.hear({ event: "renew", away: true });
  page.hear({ event: "renew", away: false });
  await page.pass(3_000);
  expect(page.left).toEqual([]);
  page.there.is = true;
  await page.pass(2_000);
  expect(page.left).toEqual([`${AGAIN}&Away=${SERVER}`]);
});

test("a view that wants one new ticket after the other is left to the agent", async () => {
  const marks = new Map<string, string>();
  for (let times = 0; times < RENEWS_MAX; times += 1) {
    const page = stand(false, marks);
    page.hear({ event: "renew", away: false });
    await page.pass(0);
    expect([page.left, page.hidden("fails")]).toEqual([[AGAIN], true]);
  }
  const page = stand(false, marks);
  page.hear({ event: "renew", away: false });
  await page.pass(0);
  expect([page.left, page.hidden("fails")]).toEqual([[], false]);
});

test("words of other windows and other origins are nobody's, and nothing in a word leads elsewhere", async () => {
  const page = stand();
  const renew = { event: "renew", away: true };
  page.hear(renew, "https://evil.example");
  page.hear(renew, SERVER, window);
  page.hear({ event: 7, wait_ms: 1 });
  page.hear({ event: "alive", wait_ms: "1" });
  await page.pass(60_000);
  expect(page.left).toEqual([]);
  page.hear({ event: "renew", away: "https://evil.example", url: "https://evil.example" });
  await page.pass(0);
  expect(page.left).toEqual([AGAIN]);
});

test("what comes and is no view is tried once more, and then left to the agent", async () => {
  const page = stand();
  page.frame?.dispatchEvent(new Event("load"));
  await page.pass(1_000);
  expect([page.left, page.hidden("fails")]).toEqual([[`${AGAIN}&Again=1`], true]);
  const second = stand(true);
  second.frame?.dispatchEvent(new Event("load"));
  await second.pass(1_000);
  expect([second.left, second.hidden("fails")]).toEqual([[], false]);
  // One that was only slow is a view all the same.
  second.hear({ event: "state", state: "connecting" });
  expect(second.hidden("fails")).toBe(true);
  const silent = stand();
  await silent.pass(10_000);
  expect([silent.left, silent.hidden("fails")]).toEqual([[], false]);
});

test("whoever has chosen a page of its own for the view is asked no more in that window", () => {
  const page = stand(true);
  document.getElementById("alone")?.click();
  const next = stand(false, page.marks);
  expect([next.submitted, next.left]).toEqual([[], [`${AGAIN}&Alone=1`]]);
});
