/** Ionic: components that show slots without shadow trees, and say other children of themselves than there are. */

import { initialize } from "@ionic/core/components";
import { defineCustomElement as defineContent } from "@ionic/core/components/ion-content.js";
import { defineCustomElement as defineInput } from "@ionic/core/components/ion-input.js";
import { defineCustomElement as defineItem } from "@ionic/core/components/ion-item.js";
import { defineCustomElement as defineButton } from "@ionic/core/components/ion-segment-button.js";
import { defineCustomElement as defineSegment } from "@ionic/core/components/ion-segment.js";
import { defineCustomElement as defineToggle } from "@ionic/core/components/ion-toggle.js";
import { app, page, pause } from "./kit.mjs";

initialize({ mode: "ios" });
for (const define of [defineContent, defineInput, defineItem, defineButton, defineSegment, defineToggle])
  define();
app.innerHTML = `<ion-content style="height:600px"><ion-item><ion-input label="Name" label-placement="floating"><b slot="end">guest</b></ion-input></ion-item>
  <ion-item><ion-toggle>Toggle</ion-toggle></ion-item>
  <ion-segment value="a"><ion-segment-button value="a">A</ion-segment-button><ion-segment-button value="b">B</ion-segment-button></ion-segment></ion-content>`;
const of = (name) => document.querySelector(`ion-${name}`);
const rest = (edit) => async () => {
  edit();
  await pause(400);
};

page(
  [
    rest(() => (of("input").value = "Ann")),
    rest(() => (of("toggle").checked = true)),
    rest(() => (of("segment").value = "b")),
    rest(() => (of("input").querySelector("b").textContent = "changed")),
  ],
  pause(800),
);
