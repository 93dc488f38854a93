/** Turbo: bodies that are exchanged for those of other pages, frames that load their part, streams that morph, the way back. */

import * as Turbo from "@hotwired/turbo";
import { app, page, pause } from "./kit.mjs";

const body = (
  n,
) => `<h1>Page ${n}</h1><turbo-frame id="part"><p>part of ${n}</p></turbo-frame><input id="kept" data-turbo-permanent>
  <ul>${Array.from({ length: n * 6 }, (_, at) => `<li class="row-${at}">row ${at} of ${n}</li>`).join("")}</ul>`;
app.innerHTML = body(1);
const html = (n) => new Response(`<html><head><title>Page ${n}</title></head><body>${body(n)}</body></html>`);
const fetched = window.fetch;
// Turbo asks for its pages by this; the suite's site has none.
window.fetch = async (request, ...more) => {
  const url = new URL(request.url ?? request, location.href);
  const n = Number(url.searchParams.get("n"));
  if (!n) return fetched(request, ...more);
  const answer = html(n);
  Object.defineProperties(answer, { url: { value: url.href }, headers: { value: HTML } });
  return answer;
};
const HTML = new Headers({ "content-type": "text/html; charset=utf-8" });
const visit = (n) => async () => {
  Turbo.visit(`${location.pathname}?n=${n}`);
  await pause(400);
};

page([
  () => (document.getElementById("kept").value = "kept"),
  visit(2),
  visit(3),
  async () => {
    const stream = document.createElement("div");
    stream.innerHTML = `<turbo-stream action="update" method="morph" target="part"><template><p class="new">morphed</p><b>more</b></template></turbo-stream>`;
    document.body.append(stream.firstChild);
    await pause(200);
  },
  async () => {
    history.back();
    await pause(500);
  },
]);
