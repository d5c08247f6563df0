/** The schema for GraphiQL; the descriptions of guarded fields name the required role. */

import {
  buildSchema,
  isObjectType,
  valueFromASTUntyped,
  type ConstDirectiveNode,
  type GraphQLSchema,
} from 'graphql'

/** Loads the schema from its SDL, as introspection omits directives. */
export async function schema(): Promise<GraphQLSchema> {
  const response = await fetch(new URL('schema.graphql', document.baseURI))
  if (!response.ok) throw new Error(`The schema can’t be loaded: status ${response.status}.`)
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

/** The roles that may read a field with this directive; empty if it is no rule. */
function readersBy(directive: ConstDirectiveNode): string[] {
  const values = Object.fromEntries(
    (directive.arguments ?? []).map(({ name, value }) => [name.value, valueFromASTUntyped(value)]),
  )
  switch (directive.name.value) {
    case 'requiresRole':
      return [(values.roles as string[]).join(', ')]
    case 'requiresPermission':
      return [`ADMIN, STAFF with ${values.permission as string}`]
    default:
      return []
  }
}
