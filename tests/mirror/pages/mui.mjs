/** MUI: rules that scripts put into empty sheets, portals, a field that comes to the focus as it comes, classes that stand there twice. */

import { createElement as h, useState } from "react";
import { flushSync } from "react-dom";
import { createRoot } from "react-dom/client";
import { Autocomplete, Button, Chip, Dialog, Slider, Switch, Tab, Tabs, TextField } from "@mui/material";
import { app, page, pause } from "./kit.mjs";

let act;
function App() {
  const [state, set] = useState({ tab: 0, name: "", isOpen: false, isAsked: false });
  act = (change) => flushSync(() => set((old) => ({ ...old, ...change })));
  const sx = { bgcolor: state.tab ? "pink" : "lime", "@media (min-width:600px)": { m: 2 } };
  return h(
    "main",
    null,
    h(TextField, { label: "Name", value: state.name, onChange: () => undefined }),
    h(Switch, { id: "switch", checked: state.tab === 1, onChange: () => undefined }),
    h(Slider, { value: 30 + state.tab * 20, sx: { width: 200 } }),
    h(Tabs, { value: state.tab }, h(Tab, { label: "One" }), h(Tab, { label: "Two" })),
    h(Autocomplete, {
      options: ["red", "green"],
      renderInput: (given) => h(TextField, { ...given, label: "Colour" }),
    }),
    h(Chip, { label: "chip", sx }),
    h(Button, { variant: "contained" }, "Go"),
    h(Dialog, { open: state.isOpen, transitionDuration: 0 }, "Dialog"),
    // What comes and has the focus at once.
    state.isAsked ? h("p", null, h("input", { autoFocus: true, defaultValue: "asked" })) : null,
  );
}
createRoot(app).render(h(App));
/** As the pointer does that goes over an element. */
const point = (element) => {
  const { x, y } = element.getBoundingClientRect();
  const at = { clientX: x + 5, clientY: y + 5, bubbles: true, composed: true };
  element.dispatchEvent(new PointerEvent("pointermove", at));
};
const rest = (edit) => async () => {
  edit();
  await pause(450);
};

page(
  [
    rest(() => act({ name: "Ann" })),
    rest(() => act({ tab: 1 })),
    rest(() => point(document.querySelector("#switch").parentElement)),
    rest(() => act({ isOpen: true })),
    rest(() => act({ isOpen: false })),
    rest(() => act({ isAsked: true })),
    rest(() => point(app)),
  ],
  pause(300),
);
