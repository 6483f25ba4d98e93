import js from "@eslint/js"
import globals from "globals"

export default [
  js.configs.recommended,
  { languageOptions: { ecmaVersion: 2022, sourceType: "module", globals: globals.browser },
    rules: { "no-unused-vars": ["error", { argsIgnorePattern: "^_" }] } },
  { files: ["test/**/*.js", "eslint.config.js"], languageOptions: { globals: globals.node } },
  { files: ["report.js"], languageOptions: { sourceType: "script", globals: { Plotly: "readonly" } } },
]
