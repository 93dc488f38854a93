/** Angular with zone.js: templates compiled in the page, encapsulated styles, control flow. */

import "zone.js";
import "@angular/compiler";
import { ChangeDetectorRef, Component, inject, provideZoneChangeDetection } from "@angular/core";
import { bootstrapApplication } from "@angular/platform-browser";
import { app, el, page, pause } from "./kit.mjs";

let instance;
class App {
  items = ["one", "two", "three"];
  isOpen = false;
  colour = "teal";
  detector = inject(ChangeDetectorRef);
  constructor() {
    instance = this;
  }
  change(edit) {
    edit(this);
    this.detector.detectChanges();
  }
}
const Declared = Component({
  selector: "app-root",
  styles: ["h1 { color: navy } li { border-bottom: 1px solid #ccc; padding: 4px }"],
  template: `<h1>Angular {{ items.length }}</h1>
    <input [value]="colour" /><ul>
      @for (item of items; track item) {<li [style.color]="colour" [class.last]="$last">{{ item }}</li>}
    </ul>
    @if (isOpen) {<section>Open</section>} @else {<p>Closed</p>}`,
})(App);
app.append(el("app-root"));
const ready = bootstrapApplication(Declared, { providers: [provideZoneChangeDetection()] }).then(() =>
  pause(50),
);

page(
  [
    () => instance.change((it) => it.items.push("four", "five")),
    () => instance.change((it) => Object.assign(it, { isOpen: true, colour: "maroon" })),
    () => instance.change((it) => it.items.reverse()),
    () => instance.change((it) => Object.assign(it, { items: ["zwei", "drei"], isOpen: false })),
  ],
  ready,
);
