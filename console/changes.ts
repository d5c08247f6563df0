/** What is changed in GraphiQL: a quarter of its bundle has no use here, and a role is wrong. */

import { fileURLToPath } from 'node:url'
import type { Plugin } from 'vite'

/** Features of Monaco for other languages, for two texts side by side, or that GraphiQL has itself. */
// prettier-ignore
const UNUSED = [
  'codeAction', 'codelens', 'colorPicker', 'diffEditor', 'diffEditorBreadcrumbs', 'documentSymbols',
  'dropOrPasteInto', 'format', 'gotoSymbol', 'inPlaceReplace', 'inlayHints', 'inlineCompletions',
  'inlineEdit', 'inlineEdits', 'inlineProgress', 'inspectTokens', 'linkedEditing', 'referenceSearch',
  'rename', 'sectionHeaders', 'semanticTokens', 'standaloneGotoSymbolQuickAccess', 'stickyScroll',
  'suggestInlineCompletions',
]
const IMPORT = new RegExp(String.raw`^import '[^']*/(${UNUSED.join('|')})(/[^']*|\.js)';$`, 'gm')

/** Of Monaco in a page. */
export const monaco: Plugin = {
  name: 'lean-monaco',
  transform: {
    filter: { id: /\/monaco-editor\/esm\/vs\/editor\/(editor\.all|edcore\.main)\.js$/ },
    handler: (code) => code.replace(IMPORT, ''),
  },
}

/**
 * A tab of GraphiQL has two buttons, which what is a tab by its role may not have: those who don't
 * see it are told of a list of buttons instead.
 */
export const tabs: Plugin = {
  name: 'tabs',
  transform: {
    filter: { id: /\/@graphiql\/react\/dist\/components\/tabs\/index\.js$/ },
    handler: (code) =>
      code
        .replace('role: "tablist",', '')
        .replace('role: "tab",', '')
        .replace('"aria-selected": isActive', '"aria-current": isActive'),
  },
}

/** Of the worker, which formats nothing then. */
export const worker: Plugin = {
  name: 'lean-worker',
  enforce: 'pre',
  resolveId: { filter: { id: /^prettier\// }, handler: (id) => `\0${id}` },
  load: { filter: { id: /^\0prettier\// }, handler: () => 'export default {}' },
}

const file = (name: string): string => fileURLToPath(new URL(name, import.meta.url))

/** Of Prettier, which brings all of JavaScript to format JSON. */
export const prettier = {
  'prettier/parser-graphql': 'prettier/plugins/graphql',
  'prettier/parser-babel': file('src/graphiql/json.ts'),
  'prettier/plugins/estree': file('src/graphiql/json.ts'),
}
