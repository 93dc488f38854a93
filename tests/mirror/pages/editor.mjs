/** A contenteditable editor: formats, lists, replaced text, a selection. */

import Quill from "quill";
import { app, page } from "./kit.mjs";

app.innerHTML = "<h1>Editor</h1><div id='editor'><p>Hello <strong>world</strong></p></div>";
const quill = new Quill("#editor", {
  theme: "snow",
  modules: { toolbar: [["bold", "italic"], [{ list: "ordered" }]] },
});

page([
  () => quill.insertText(0, "Dear reader, ", { italic: true }),
  () => {
    quill.insertText(quill.getLength() - 1, "\nfirst\nsecond\n");
    quill.formatLine(30, 12, "list", "ordered");
  },
  () => quill.formatText(0, 4, { bold: true, color: "#c00" }),
  () => {
    quill.deleteText(2, 6);
    quill.root.append(document.createElement("p"));
    quill.root.blur();
  },
]);
