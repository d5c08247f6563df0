/** The schema as GraphiQL shows it: with who may read what, where not everybody may. */

import {
  buildSchema,
  isObjectType,
  valueFromASTUntyped,
  type ConstDirectiveNode,
  type GraphQLSchema,
} from 'graphql'

/** Reads the schema from its SDL, which says what introspection leaves out: directives. */
export async function schema(): Promise<GraphQLSchema> {
  const response = await fetch(new URL('schema.graphql', document.baseURI))
  if (!response.ok) throw new Error(`The schema can’t be read: ${response.status}.`)
  return marked(buildSchema(await response.text()))
}

function marked(schema: GraphQLSchema): GraphQLSchema {
  for (const type of Object.values(schema.getTypeMap())) {
    if (!isObjectType(type)) continue
    for (const field of Object.values(type.getFields())) {
      const readers = (field.astNode?.directives ?? []).flatMap(readersBy)
      if (readers.length > 0)
        field.description = `**Only for ${readers.join('; ')}.** ${field.description ?? ''}`
    }
  }
  return schema
}

/** Who may read what has this directive; nothing if it guards nothing. */
function readersBy(directive: ConstDirectiveNode): string[] {
  const given = Object.fromEntries(
    (directive.arguments ?? []).map(({ name, value }) => [name.value, valueFromASTUntyped(value)]),
  )
  switch (directive.name.value) {
    case 'requiresRole':
      return [(given.roles as string[]).join(', ')]
    case 'requiresPermission':
      return [`ADMIN, STAFF with ${given.permission as string}`]
    default:
      return []
  }
}
