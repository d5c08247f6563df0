/** Vite plugins that change GraphiQL: they remove a quarter of its bundle, and fix an ARIA role. */

import { fileURLToPath } from 'node:url'
import type { Plugin } from 'vite'

/** Features of Monaco for other languages or for diffs, and those that GraphiQL replaces. */
// prettier-ignore
const UNUSED = [
  'codeAction', 'codelens', 'colorPicker', 'diffEditor', 'diffEditorBreadcrumbs', 'documentSymbols',
  'dropOrPasteInto', 'format', 'gotoSymbol', 'inPlaceReplace', 'inlayHints', 'inlineCompletions',
  'inlineEdit', 'inlineEdits', 'inlineProgress', 'inspectTokens', 'linkedEditing', 'referenceSearch',
  'rename', 'sectionHeaders', 'semanticTokens', 'standaloneGotoSymbolQuickAccess', 'stickyScroll',
  'suggestInlineCompletions',
]
const IMPORT = new RegExp(String.raw`^import '[^']*/(${UNUSED.join('|')})(/[^']*|\.js)';$`, 'gm')

/** Removes unused features of Monaco. */
export const monaco: Plugin = {
  name: 'lean-monaco',
  transform: {
    filter: { id: /\/monaco-editor\/esm\/vs\/editor\/(editor\.all|edcore\.main)\.js$/ },
    handler: (code) => code.replace(IMPORT, ''),
  },
}

/**
 * Removes the ARIA role from GraphiQL's tabs. An element with the role `tab` must not contain
 * buttons, and each tab of GraphiQL contains two.
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

/** Removes Prettier from the worker, which then formats nothing. */
export const worker: Plugin = {
  name: 'lean-worker',
  enforce: 'pre',
  resolveId: { filter: { id: /^prettier\// }, handler: (id) => `\0${id}` },
  load: { filter: { id: /^\0prettier\// }, handler: () => 'export default {}' },
}

const file = (name: string): string => fileURLToPath(new URL(name, import.meta.url))

/** Replaces Prettier's JavaScript parser, which GraphiQL uses only to format JSON. */
export const prettier = {
  'prettier/parser-graphql': 'prettier/plugins/graphql',
  'prettier/parser-babel': file('src/graphiql/json.ts'),
  'prettier/plugins/estree': file('src/graphiql/json.ts'),
}
