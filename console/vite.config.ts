import react from '@vitejs/plugin-react'
import { defineConfig } from 'vite'
import * as changes from './changes.ts'

// The development server forwards requests to the API to this server.
const server = process.env.HEADCOUNT_URL ?? 'http://127.0.0.1:8000'

export default defineConfig({
  // Relative URLs work behind a proxy that adds a path prefix.
  base: './',
  plugins: [react(), changes.monaco, changes.tabs],
  resolve: { alias: changes.prettier },
  build: {
    assetsDir: 'console',
    // The first versions with light-dark().
    cssTarget: ['chrome123', 'firefox120', 'safari17.5'],
    rolldownOptions: {
      input: ['index.html', 'graphql.html', 'docs.html'],
      // Compiled libraries contain directives for their compiler, such as 'use client'.
      onLog(level, log, handle) {
        if (log.code !== 'MODULE_LEVEL_DIRECTIVE') handle(level, log)
      },
    },
    // Monaco is one large chunk, which only GraphiQL loads.
    chunkSizeWarningLimit: 5000,
  },
  worker: { format: 'es', plugins: () => [changes.worker] },
  server: {
    proxy: { '^/(graphql|schema.graphql|openapi.json|(api|metrics|organizer)/.*)$': server },
  },
})
