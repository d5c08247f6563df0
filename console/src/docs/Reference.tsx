/** Swagger UI: the paths, and a form for each that sends a request with the token of the page. */

import { useEffect, useRef } from 'react'
import SwaggerUI, { type Request } from 'swagger-ui-dist/swagger-ui-bundle.js'
import { token } from '../shared/session'
import { plugin } from './plugin'

function withToken(request: Request): Request {
  if (token()) request.headers.Authorization = `Bearer ${token()}`
  return request
}

export function Reference({ document }: { document: object }) {
  const place = useRef<HTMLDivElement>(null)
  useEffect(() => {
    // A new element each time, as Swagger UI can't be removed from one.
    const domNode = window.document.createElement('div')
    place.current?.replaceChildren(domNode)
    SwaggerUI({
      domNode,
      spec: document,
      plugins: [plugin],
      requestInterceptor: withToken,
      syntaxHighlight: { theme: 'tomorrow-night' },
      deepLinking: true,
      displayRequestDuration: true,
      defaultModelsExpandDepth: -1,
      tryItOutEnabled: true,
      validatorUrl: null,
    })
  }, [document])
  return <div ref={place} />
}
