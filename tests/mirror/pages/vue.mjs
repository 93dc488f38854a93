/** Vue: reactive lists, v-model, transitions of classes, teleport. */

import { createApp, h, nextTick, reactive, Teleport } from "vue";
import { app, page } from "./kit.mjs";

const state = reactive({ items: [1, 2, 3], text: "one", show: true });
createApp({
  render: () => [
    h("h1", `Vue ${state.items.length}`),
    h("input", { value: state.text, type: "search" }),
    h(
      "select",
      { value: state.text },
      ["one", "two", "three"].map((name) => h("option", { key: name, value: name }, name)),
    ),
    h(
      "ol",
      state.items.map((item) =>
        h(
          "li",
          { key: item, class: { even: item % 2 === 0 }, style: { opacity: item % 2 ? 1 : 0.5 } },
          `Row ${item}`,
        ),
      ),
    ),
    state.show ? h("p", { key: "shown" }, "Shown") : h("em", { key: "hidden" }, "Hidden"),
    h(Teleport, { to: "body" }, [h("footer", `Total ${state.items.reduce((sum, item) => sum + item, 0)}`)]),
  ],
}).mount(app);

const change = (edit) => async () => {
  edit();
  await nextTick();
};
page([
  change(() => state.items.unshift(9, 8, 7)),
  change(() => Object.assign(state, { text: "two", show: false })),
  change(() => state.items.sort((one, other) => one - other)),
  change(() => state.items.splice(1, 3, 20, 21, 22, 23)),
]);
