/** The parts of Swagger UI that the page uses. */

declare module 'swagger-ui-dist/swagger-ui-bundle.js' {
  import type * as React from 'react'

  type Component = React.ComponentType<Record<string, unknown>>
  /** Swagger UI contains a React of its own, which accepts only its own elements. */
  export type System = { React: typeof React }
  export type Plugin = {
    components?: Record<string, () => null>
    wrapComponents?: Record<string, (original: Component, system: System) => Component>
  }
  export type Request = { headers: Record<string, string> }
  type Options = {
    domNode: HTMLElement
    spec: object
    plugins: Plugin[]
    requestInterceptor: (request: Request) => Request
    syntaxHighlight: { theme: string }
    deepLinking: boolean
    displayRequestDuration: boolean
    defaultModelsExpandDepth: number
    tryItOutEnabled: boolean
    validatorUrl: null
  }
  export default function SwaggerUI(options: Options): void
}
