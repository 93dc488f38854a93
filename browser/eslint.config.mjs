/** Lints: the strict set with types. What is switched off says why. */

import js from "@eslint/js";
import tseslint from "typescript-eslint";

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
