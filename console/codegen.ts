import type { CodegenConfig } from '@graphql-codegen/cli'

// Generates the types of operations and their results from the committed schema.
export default {
  schema: '../schema/schema.graphql',
  documents: 'src/{dashboard,shared}/**/*.graphql',
  generates: {
    'src/generated/': {
      preset: 'client',
      presetConfig: { fragmentMasking: false },
      config: {
        documentMode: 'string',
        enumsAsTypes: true,
        useTypeImports: true,
        scalars: { Date: 'string', DateTime: 'string', JSON: 'unknown' },
      },
    },
  },
} satisfies CodegenConfig
