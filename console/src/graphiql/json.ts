/** A plugin for Prettier that formats variables and headers: JSON with comments. */

import { applyEdits, format } from 'jsonc-parser'
import type { AstPath, Parser, Printer } from 'prettier'

type Text = { text: string }

const parser: Parser<Text> = {
  parse: (text) => ({ text }),
  astFormat: 'json-text',
  locStart: () => 0,
  locEnd: ({ text }) => text.length,
}

const printer: Printer<Text> = {
  print: ({ node: { text } }: AstPath<Text>) =>
    applyEdits(text, format(text, undefined, { insertSpaces: true, tabSize: 2 })),
}

export const parsers = { jsonc: parser }
export const printers = { 'json-text': printer }
