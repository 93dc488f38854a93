/** React: state, keyed lists that are reordered, portals, controlled fields. */

import { createElement as h, useState } from "react";
import { createPortal, flushSync } from "react-dom";
import { createRoot } from "react-dom/client";
import { app, page, pause } from "./kit.mjs";

let act;
function App() {
  const [state, setState] = useState({ items: ["a", "b", "c", "d"], name: "x", open: false });
  act = (change) => flushSync(() => setState((old) => ({ ...old, ...change(old) })));
  return h(
    "main",
    null,
    h("h1", null, `React ${state.items.length}`),
    h("input", { value: state.name, onChange: () => undefined }),
    h(
      "ul",
      null,
      ...state.items.map((item) => h("li", { key: item, className: `item ${item}` }, `Item ${item}`)),
    ),
    state.open
      ? createPortal(h("aside", { style: { color: "red", padding: 8 } }, "Portal"), document.body)
      : null,
  );
}
createRoot(app).render(h(App));

page(
  [
    () => act(() => ({ items: ["d", "b", "e", "a"], name: "longer" })),
    () => act(() => ({ open: true })),
    () =>
      act((old) => ({
        items: [...old.items].reverse().concat(Array.from({ length: 30 }, (_, at) => `n${at}`)),
      })),
    () => act((old) => ({ items: old.items.filter((_, at) => at % 3 === 0), open: false })),
  ],
  pause(100),
);
