import react from '@vitejs/plugin-react'
import { defineConfig } from 'vite'
import * as changes from './changes.ts'

// While developing, what is not a page's source is answered by a server beside it.
const server = process.env.HEADCOUNT_URL ?? 'http://127.0.0.1:8000'

export default defineConfig({
  // Relative, so that the pages work behind a proxy that adds a prefix.
  base: './',
  plugins: [react(), changes.monaco, changes.tabs],
  resolve: { alias: changes.prettier },
  build: {
    assetsDir: 'console',
    // With light-dark(), so that a theme may be chosen for a part of the page.
    cssTarget: ['chrome123', 'firefox120', 'safari17.5'],
    rolldownOptions: {
      input: ['index.html', 'graphql.html'],
      // Libraries that were compiled tell their compiler to keep off.
      onLog(level, log, handle) {
        if (log.code !== 'MODULE_LEVEL_DIRECTIVE') handle(level, log)
      },
    },
    // Monaco is one large chunk that nothing but GraphiQL loads.
    chunkSizeWarningLimit: 5000,
  },
  worker: { format: 'es', plugins: () => [changes.worker] },
  server: { proxy: { '^/(graphql|schema.graphql|api/.*)$': server } },
})
