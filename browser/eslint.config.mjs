/** Lints: the strict set with types. What is switched off says why. */

import js from "@eslint/js";
import tseslint from "typescript-eslint";

/** Folders whose scripts run in the customer's page. */
const IN_PAGES = "assist,frames,loader,mirror,presence,visitor,ways";

/** Calls by which the browser is given something of ours that it calls later, and which of their words that is. */
const TIMERS = "setTimeout|setInterval|requestAnimationFrame|requestIdleCallback|queueMicrotask";
const unguarded = (call, word) =>
  `${call}:not(:has(> CallExpression.arguments:nth-child(${word})[callee.name="guarded"]))`;

/** What goes past `src/guard/guard.ts`, where an error of ours would reach the page. */
const PAST_THE_GUARD = [
  unguarded(`CallExpression[callee.name=/^(${TIMERS})$/]`, 1),
  unguarded(`CallExpression[callee.property.name=/^(${TIMERS})$/]`, 1),
  unguarded("NewExpression[callee.name=/^(Mutation|Resize|Intersection|Performance)Observer$/]", 1),
  unguarded('CallExpression[callee.property.name="addEventListener"]', 2),
  "AssignmentExpression[left.property.name=/^on[a-z]+$/][right.type=/Function/]",
  "CallExpression[callee.property.name=/^(then|catch|finally)$/]",
  "CallExpression[callee.object.name='Promise'][callee.property.name=/^(all|allSettled|any|race)$/]",
  "UnaryExpression[operator=void] > CallExpression:not([callee.name=/^(hush|bePresent)$/])",
].map((selector) => ({
  selector,
  message: "The browser gets what `guarded` gives, and work is begun by `launch`.",
}));

export default tseslint.config(
  { ignores: ["dist/", "node_modules/", "*.mjs"] },
  js.configs.recommended,
  ...tseslint.configs.strictTypeChecked,
  ...tseslint.configs.stylisticTypeChecked,
  {
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      // An arrow that calls one thing is clearer on one line.
      "@typescript-eslint/no-confusing-void-expression": ["error", { ignoreArrowShorthand: true }],
      // rrweb's enumerations and the browser's own constants are both numbers.
      "@typescript-eslint/no-unsafe-enum-comparison": "off",
      // The customer's page may be an old browser: what the types call present is looked for.
      "@typescript-eslint/no-unnecessary-condition": "off",
      // Values of `data-` attributes are deleted by name.
      "@typescript-eslint/no-dynamic-delete": "off",
      // An empty attribute is as good as none.
      "@typescript-eslint/prefer-nullish-coalescing": ["error", { ignorePrimitives: { string: true } }],
      "no-console": ["error", { allow: ["warn", "error"] }],
      "no-eval": "error",
      "no-implied-eval": "error",
    },
  },
  {
    files: [`src/{${IN_PAGES}}/**`, "src/protocol/{channel,ways}.ts"],
    rules: { "no-restricted-syntax": ["error", ...PAST_THE_GUARD], "no-console": "error" },
  },
  {
    // A test says what it has just set up.
    files: ["test/**"],
    rules: {
      "@typescript-eslint/non-nullable-type-assertion-style": "off",
      "@typescript-eslint/no-unnecessary-type-parameters": "off",
      "@typescript-eslint/consistent-indexed-object-style": "off",
      "@typescript-eslint/no-unnecessary-type-assertion": "off",
    },
  },
);
