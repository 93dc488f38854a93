/**
 * Frames of another origin of the group that carry the tag: there from the beginning, added late, navigating to another page
 * and to one without a tag. What stands in them is `pay.mjs`, on that other origin.
 */

import { app, el, page, pause } from "./kit.mjs";

const PAY = "https://pay.localhost:1/mirror/pay.html";
const frame = (id, query = "") =>
  el("iframe", { id, width: "420", height: "150", src: `${PAY}${query}`, style: "border:3px solid teal" });
/** Has a frame do something, and waits until it has. */
const tell = (id, what) =>
  new Promise((resolve) => {
    const heard = ({ data }) => {
      if (data !== `did ${what}`) return;
      window.removeEventListener("message", heard);
      resolve();
    };
    window.addEventListener("message", heard);
    document.getElementById(id).contentWindow.postMessage(what, "https://pay.localhost:1");
  });
const loaded = (one) => new Promise((resolve) => one.addEventListener("load", resolve, { once: true }));

app.innerHTML = "<h1>Joined frames</h1>";
const first = frame("first");
app.append(first);

page(
  [
    () => tell("first", "change"),
    async () => {
      const second = frame("second", "?second");
      app.prepend(second);
      await loaded(second);
    },
    () => tell("second", "change"),
    () => tell("first", "scroll"),
    async () => {
      const going = loaded(first);
      void tell("first", "go");
      await going;
      await tell("first", "change");
    },
    async () => {
      const third = el("div", { id: "wrap" }, frame("third"));
      app.append(third);
      await loaded(third.firstChild);
      third.remove();
      await pause(50);
    },
  ],
  loaded(first),
);
