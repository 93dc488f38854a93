/**
 * `cobrowse-mask-test`, as a customer runs it: what it says of a page that keeps everything, and of one that does not.
 */

import { execFile } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { expect, test } from "../support/people.js";
import { stack } from "../support/stack.js";

const PROGRAM = fileURLToPath(new URL("../../../browser/dist/npm/mask-test.js", import.meta.url));

interface Field {
  readonly selector: string;
  readonly left: boolean;
  readonly isUntried: boolean;
  readonly isExpected: boolean;
}

/** Runs it on a page of the shop; its exit code, what it said, and its report. */
async function maskTest(
  path: string,
  ...words: string[]
): Promise<{ code: number; said: string; fields: readonly Field[] }> {
  const folder = mkdtempSync(join(tmpdir(), "cobrowse-mask-test-"));
  const json = join(folder, "report.json");
  const browser = process.env["CHROMIUM"] ?? "/usr/bin/chromium";
  const all = [stack().shop_url + path, "--insecure", "--chromium", browser, "--json", json];
  try {
    const [code, said] = await new Promise<[number, string]>((resolve) => {
      // Node's own words about the environment of this test are none of the command's.
      const env = { ...process.env, NODE_NO_WARNINGS: "1" };
      execFile(process.execPath, [PROGRAM, ...all, ...words], { env }, (error, stdout, stderr) =>
        resolve([Number(error?.code ?? 0), stdout + stderr]),
      );
    });
    const report = existsSync(json) ? readFileSync(json, "utf8") : '{"fields":[]}';
    const { fields } = JSON.parse(report) as { fields: Field[] };
    return { code, said, fields };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** What the command says of a page, line by line. */
const LINE =
  /^(?:the group's terms are accepted|(?:held|LEFT|left, as named|NOT TRIED) +\S.*| {16}(?:it left in: ….*…|mask it: class="glance_masked" on the field, or --mask '.+' in the group's settings;|where the field is masked, mask what shows a copy of it)|\d+ fields, \d+ that left without being named with --open)$/;

const left = (fields: readonly Field[]): string[] =>
  fields.filter((field) => field.left).map(({ selector }) => selector);

test("the mask test leaves 0 where everything held, terms accepted, and 1 where fields of each kind left", async () => {
  const [kept, open] = await Promise.all([
    maskTest("/vault", "--group", "careful"),
    maskTest("/custom", "--open", "#rich"),
  ]);
  expect(kept, kept.said).toMatchObject({ code: 0 });
  expect(kept.said).toContain("terms are accepted");
  expect(left(kept.fields)).toEqual([]);
  expect(kept.fields.filter((field) => field.isUntried)).toEqual([]);
  expect(kept.fields.length).toBe(20);

  expect(open, open.said).toMatchObject({ code: 1 });
  expect(left(open.fields).sort()).toEqual(["#day", "#rich", "#shade", "#wish-text", "#wrap"]);
  expect(open.said).toMatch(/held +#secret\b/);
  expect(open.said).toMatch(/held +#secret-box/);
  expect(open.said).toMatch(/left, as named +#rich/);
  expect(open.said).toMatch(
    new RegExp(
      [
        "^LEFT {12}#shade.*",
        ' {16}it left in: ….*"text":"cm\\d+x[0-9a-f]{10}".*…',
        ` {16}mask it: class="glance_masked" on the field, or --mask '#shade' in the group's settings;`,
        " {16}where the field is masked, mask what shows a copy of it$",
      ].join("\n"),
      "m",
    ),
  );
  expect(open.said).toMatch(/\n\d+ fields, 4 that left without being named with --open\n$/);
  // Nothing else is said: a line a field, and what of it left, with what to do.
  for (const { said } of [kept, open])
    for (const line of said.trimEnd().split("\n")) expect(line).toMatch(LINE);
});

test("the mask test says why nothing is known, goes past a login with a cookie, and finds closed trees and copies in other letters", async () => {
  const [led, none, past] = await Promise.all([
    maskTest("/account"),
    maskTest("/vault", "--group", "nobodys"),
    maskTest("/account", "--cookie", "shop_login=ada"),
  ]);
  expect(led, led.said).toMatchObject({ code: 2, fields: [] });
  expect(led.said).toContain(`/account led to ${stack().shop_url}/vault`);

  expect(none, none.said).toMatchObject({ code: 2 });
  // The page's own words say why, behind the command's name and one sentence.
  const [why, ...complaints] = none.said.trimEnd().split("\n");
  expect(why).toMatch(
    /^cobrowse-mask-test: no session began: .* It was refused: group_not_allowed$/,
  );
  for (const complaint of complaints) expect(complaint).toMatch(/^ {2}its console: \S/);
  expect(complaints.at(-1)).toMatch(/the session was not started: group_not_allowed\.$/);

  expect(past, past.said).toMatchObject({ code: 1 });
  expect(left(past.fields).sort()).toEqual(["#iban", "#inside"]);
  expect(past.said).toMatch(/LEFT +#inside in the closed shadow tree of #hidden-tree/);
  expect(past.said).toMatch(/it left in: …[^\n]*data-state/);
});
