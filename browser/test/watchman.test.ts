/**
 * The watch over a view: who is taken away, and who is left alone.
 */

import { afterEach, expect, test, vi } from "vitest";

import { ALIVE_EVERY_MS, ALIVE_WAIT_MS, ASKED_WAIT_MS } from "../src/viewer/limits.js";
import { Alive } from "../src/viewer/alive.js";
import { wasTaken } from "../src/viewer/burden.js";
import { createAgent } from "../src/agent/main.js";
import { keepWatch, type Client, type Scope } from "../src/watchman/watch.js";

afterEach(() => {
  vi.useRealTimers();
});

/** A service worker whose clock is moved by hand. */
class Worker {
  readonly moved: string[] = [];
  readonly views = new Map<string, Client>();
  waiting = 0;
  private now = 0;
  private timers = new Map<number, { at: number; work: () => void }>();
  private listeners = new Map<string, (event: never) => void>();

  constructor() {
    const scope: Scope = {
      clients: { claim: () => Promise.resolve(), get: (id) => Promise.resolve(this.views.get(id)) },
      skipWaiting: () => Promise.resolve(),
      setTimeout: (work, ms) => {
        const timer = this.timers.size + 1;
        this.timers.set(timer, { at: this.now + ms, work });
        return timer;
      },
      clearTimeout: (timer) => void this.timers.set(timer, { at: Infinity, work: () => undefined }),
      addEventListener: (type: string, listen: (event: never) => void) =>
        void this.listeners.set(type, listen),
    };
    keepWatch(scope);
  }

  open(id: string): void {
    const navigate = (url: string): Promise<unknown> => Promise.resolve(this.moved.push(`${id} ${url}`));
    this.views.set(id, { id, url: `https://s1.example/view/0a#stay`, navigate });
  }

  hear(id: string | null, data: unknown): void {
    const waitUntil = (work: Promise<unknown>): void => {
      this.waiting += 1;
      void work.finally(() => (this.waiting -= 1));
    };
    this.listeners.get("message")?.({ data, source: id && { id }, waitUntil } as never);
  }

  async pass(ms: number): Promise<void> {
    const end = this.now + ms;
    for (;;) {
      const due = [...this.timers].filter(([, { at }]) => at <= end).sort(([, a], [, b]) => a.at - b.at)[0];
      if (!due) break;
      this.timers.set(due[0], { at: Infinity, work: () => undefined });
      this.now = Math.max(this.now, due[1].at);
      due[1].work();
    }
    this.now = end;
    for (let turn = 0; turn < 10; turn += 1) await Promise.resolve();
  }

  /** The machine sleeps: the clock has gone on when it wakes, and only then does anything run. */
  sleep(ms: number): void {
    this.now += ms;
    for (const [timer, { at, work }] of [...this.timers]) {
      if (at > this.now) continue;
      this.timers.set(timer, { at: Infinity, work: () => undefined });
      work();
    }
  }
}

test("a view that says nothing more is taken away once, and none beside it", async () => {
  const worker = new Worker();
  worker.open("stuck");
  worker.open("well");
  worker.hear("stuck", { waitMs: 10_000 });
  for (let s = 0; s < 60; s += 1) {
    worker.hear("well", { waitMs: 10_000 });
    await worker.pass(1_000);
  }
  expect(worker.moved).toEqual(["stuck /view/0a/stopped"]);
  worker.hear("well", { waitMs: 0 });
  await worker.pass(60_000);
  expect(worker.moved).toHaveLength(1);
  expect(worker.waiting).toBe(0);
});

test("one that goes, is seen by nobody, or has slept with its machine is left alone", async () => {
  const worker = new Worker();
  worker.open("view");
  worker.hear("gone", { waitMs: 10_000 });
  worker.hear(null, { waitMs: 10_000 });
  worker.hear("view", "what is no beat");
  worker.hear("view", null);
  await worker.pass(60_000);
  worker.hear("view", { waitMs: 10_000 });
  worker.sleep(3_600_000);
  worker.hear("view", { waitMs: 10_000 });
  await worker.pass(9_999);
  expect(worker.moved).toEqual([]);
  await worker.pass(1);
  expect(worker.moved).toHaveLength(1);
});

test("a view is watched while it is seen, and longer when its agent has asked for a page that stopped one", () => {
  const told: number[] = [];
  const heard = new Map<string, () => void>();
  let beat = (): void => undefined;
  let everyMs = 0;
  const document = {
    visibilityState: "visible",
    addEventListener: (name: string, listen: () => void) => heard.set(name, listen),
  };
  const page = {
    document,
    addEventListener: (name: string, listen: () => void) => heard.set(name, listen),
    setInterval: (work: () => void, ms: number) => ([beat, everyMs] = [work, ms]),
  };
  const controller = { postMessage: ({ waitMs }: { waitMs: number }) => told.push(waitMs) };
  const registered: unknown[] = [];
  const register = (...given: unknown[]): Promise<void> => {
    registered.push(given);
    return Promise.reject(new Error("forbidden here"));
  };
  const workers = {
    controller,
    register,
    addEventListener: page.addEventListener,
  } as unknown as ServiceWorkerContainer;
  const around: number[] = [];
  const alive = new Alive(page as unknown as Window, workers, "/assets/watchman-0.js", (ms) =>
    around.push(ms),
  );
  expect(registered).toEqual([["/assets/watchman-0.js", { scope: "/view/" }]]);
  expect(everyMs).toBe(ALIVE_EVERY_MS);
  expect(told.splice(0)).toEqual([ALIVE_WAIT_MS]);
  heard.get("controllerchange")?.();
  expect(told.splice(0)).toEqual([ALIVE_WAIT_MS]);
  beat();
  document.visibilityState = "hidden";
  heard.get("visibilitychange")?.();
  document.visibilityState = "visible";
  heard.get("visibilitychange")?.();
  heard.get("beforeprint")?.();
  beat();
  heard.get("afterprint")?.();
  alive.bePatient();
  heard.get("pagehide")?.();
  expect(told).toEqual([ALIVE_WAIT_MS, 0, ALIVE_WAIT_MS, 0, 0, ALIVE_WAIT_MS, ASKED_WAIT_MS, 0]);
  // An application around it hears the same, also where no worker is.
  expect(around).toEqual([ALIVE_WAIT_MS, ALIVE_WAIT_MS, ...told]);
  const alone: number[] = [];
  new Alive(page as unknown as Window, undefined, "", (ms) => alone.push(ms)).bePatient();
  expect(alone).toEqual([ALIVE_WAIT_MS, ASKED_WAIT_MS]);
});

/** An application's page with a frame in it, and a clock that is moved by hand. */
function application(): {
  hear: (event: object) => void;
  load: () => void;
  frame: { name: string };
  reload: { count: number };
  stopped: { count: number };
} {
  vi.useFakeTimers();
  let listen: (event: object) => void = () => undefined;
  const view = {};
  const reload = { count: 0 };
  const stopped = { count: 0 };
  let load = (): void => undefined;
  const place = { replaceWith: (given: unknown) => (reload.count += given === frame ? 1 : 0) };
  const frame = {
    contentWindow: view,
    name: "case",
    parentNode: {},
    ownerDocument: { createComment: () => place },
    replaceWith: () => undefined,
    addEventListener: (_: string, work: () => void) => (load = work),
    removeEventListener: () => undefined,
  };
  const page = {
    addEventListener: (_: string, work: (event: object) => void) => (listen = work),
    setTimeout: (work: () => void, ms: number) => setTimeout(work, ms),
    performance,
    clearTimeout: (timer: number) => {
      clearTimeout(timer);
    },
  };
  const agent = createAgent(page as unknown as Window);
  agent.init(frame as unknown as HTMLIFrameElement);
  agent.addEventListener("viewstopped", () => (stopped.count += 1));
  return {
    hear: (event) => {
      listen({ source: view, origin: "https://s1.example", data: { cobrowse: event } });
    },
    load: () => {
      load();
    },
    frame,
    reload,
    stopped,
  };
}

test("an application takes its frame away and loads it anew when the view says nothing more, once", () => {
  const { hear, frame, reload, stopped } = application();
  for (let s = 0; s < 60; s += 1) {
    hear({ event: "alive", wait_ms: ALIVE_WAIT_MS });
    vi.advanceTimersByTime(ALIVE_EVERY_MS);
  }
  expect(reload.count).toBe(0);
  vi.advanceTimersByTime(ALIVE_WAIT_MS + 1_000);
  // It is out at once, and in again when its process has ended.
  expect([reload.count, stopped.count]).toEqual([0, 1]);
  vi.advanceTimersByTime(600_000);
  expect(reload.count).toBe(1);
  // The view that comes is told by its window's name, once.
  const next = { name: frame.name, location: { hash: "" } } as Window;
  expect([wasTaken(next), wasTaken(next)]).toEqual([true, false]);
  hear({ event: "alive", wait_ms: ALIVE_WAIT_MS });
  expect(frame.name).toBe("case");
});

test("an application leaves a frame alone that nobody sees, that shows another document, or that says nonsense", () => {
  const { hear, load, reload } = application();
  const alive = { event: "alive", wait_ms: ALIVE_WAIT_MS };
  const ends = [
    () => {
      hear({ ...alive, wait_ms: 0 });
    },
    () => {
      vi.advanceTimersByTime(ALIVE_WAIT_MS);
      load();
    },
    ...[undefined, "1", NaN, -1, 1e9].map((wait_ms) => () => {
      hear({ ...alive, wait_ms });
    }),
  ];
  for (const end of ends) {
    hear(alive);
    end();
    vi.advanceTimersByTime(600_000);
  }
  expect(reload.count).toBe(0);
  // One that stops with the first page that it shows has not said much.
  hear(alive);
  load();
  vi.advanceTimersByTime(600_000);
  expect(reload.count).toBe(1);
});
