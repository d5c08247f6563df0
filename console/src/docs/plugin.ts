/** What the page changes of Swagger UI: it hides components, and mends three for keyboards. */

import type { Plugin } from 'swagger-ui-dist/swagger-ui-bundle.js'

const hidden = (): null => null

export const plugin: Plugin = {
  components: {
    // The page has the title, one server, and one token for all paths.
    InfoContainer: hidden,
    ServersContainer: hidden,
    AuthorizeBtnContainer: hidden,
    authorizeOperationBtn: hidden,
    // An empty field is sent as absent.
    ParameterIncludeEmpty: hidden,
    // The form of each path is open from the start.
    TryItOutButton: hidden,
  },
  wrapComponents: {
    // A link in the button that opens an operation is a second stop of the Tab key, in vain.
    DeepLink:
      (_, { React }) =>
      ({ text }) =>
        React.createElement('span', null, text as string),
    // A choice has no label otherwise.
    JsonSchemaForm:
      (Original, { React }) =>
      (props) =>
        React.createElement(
          'label',
          null,
          React.createElement('span', { className: 'unseen' }, props.description as string),
          React.createElement(Original, props),
        ),
    // Not every browser scrolls an element by keyboard that can't have the focus.
    SyntaxHighlighter:
      (Original, { React }) =>
      (props) =>
        React.createElement(
          'div',
          { className: 'code', tabIndex: 0, role: 'group', 'aria-label': 'Text' },
          React.createElement(Original, props),
        ),
  },
}
