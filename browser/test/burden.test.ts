/**
 * The mark of a page that stops its view: who finds it, and who is not troubled by it.
 */

import { expect, test } from "vitest";

import { Burden, wasTaken, type Surroundings } from "../src/viewer/burden.js";
import { BURDEN_AGE_MS_MAX, BURDEN_AGE_MS_MIN } from "../src/viewer/limits.js";

/** A browser whose frames are laid out when the test says so. */
class Browser {
  readonly kept = new Map<string, string>();
  now = 1_000_000;
  isSeen = true;
  private waiting: (() => void)[] = [];

  view(session: string): Burden {
    const around: Surroundings = {
      memory: () => ({
        getItem: (name) => this.kept.get(name) ?? null,
        setItem: (name, value) => this.kept.set(name, value),
        removeItem: (name) => this.kept.delete(name),
      }),
      now: () => this.now,
      whenLaidOut: (done) => this.waiting.push(done),
      isSeen: () => this.isSeen,
    };
    return new Burden(session, around);
  }

  layOut(): void {
    for (const done of this.waiting.splice(0)) done();
  }
}

test("a page that was never laid out is held back in the next view of its session, until it is asked for", () => {
  const browser = new Browser();
  const first = browser.view("demo:471113");
  expect(first.isHeld).toBe(false);
  first.begin();
  browser.now += BURDEN_AGE_MS_MIN;
  const next = browser.view("demo:471113");
  expect(next.isHeld).toBe(true);
  next.release();
  expect(next.isHeld).toBe(false);
  expect(browser.view("demo:471114").isHeld).toBe(false);
  browser.now += BURDEN_AGE_MS_MAX;
  expect(browser.view("demo:471113").isHeld).toBe(false);
  expect([...browser.kept.values()].join()).not.toContain("471113");
});

test("what is laid out leaves no mark, and neither does what nobody sees", () => {
  const browser = new Browser();
  const view = browser.view("demo:1");
  view.begin();
  view.begin();
  browser.layOut();
  expect(browser.kept.size).toBe(0);
  browser.isSeen = false;
  view.begin();
  expect(browser.kept.size).toBe(0);
  browser.isSeen = true;
  view.begin();
  view.end();
  expect(browser.kept.size).toBe(0);
});

test("a view that is busy for a moment holds back none beside it, and without a memory nothing is held back", () => {
  const browser = new Browser();
  browser.view("demo:1").begin();
  browser.now += BURDEN_AGE_MS_MIN - 1;
  expect(browser.view("demo:1").isHeld).toBe(false);
  const around: Surroundings = {
    memory: () => {
      throw new Error("forbidden");
    },
    now: () => 0,
    whenLaidOut: () => undefined,
    isSeen: () => true,
  };
  const view = new Burden("demo:1", around);
  view.begin();
  expect(view.isHeld).toBe(false);
});

test("a view that was taken away is held back in the one behind it, once", () => {
  const around: Surroundings = {
    memory: () => new Map() as never,
    now: () => 0,
    whenLaidOut: () => undefined,
    isSeen: () => true,
  };
  expect(new Burden("demo:1", around, true).isHeld).toBe(true);
  expect(new Burden("demo:1", around, false).isHeld).toBe(false);
  const location = { hash: "#taken", pathname: "/view/0a" };
  const history = { replaceState: () => (location.hash = "") };
  const page = { location, history } as unknown as Window;
  expect([wasTaken(page), wasTaken(page)]).toEqual([true, false]);
});
