/** Buttons that export the table of events by a link from the API. */

import { useMutation } from '@tanstack/react-query'
import { ExportLinkDocument, type ExportFormat } from '../../generated/graphql'
import { ask } from '../../shared/api'

const FORMATS: readonly ExportFormat[] = ['XLSX', 'CSV', 'JSON']

type Props = { eventType: string | null; activeOnly: boolean }

export function ExportButtons(filter: Props) {
  const { mutate, isPending, error } = useMutation({
    mutationFn: async (format: ExportFormat) => {
      const { data, errors } = await ask(ExportLinkDocument, { format, ...filter })
      if (!data?.exportLink) throw new Error(errors?.[0]?.message ?? 'The response has no link.')
      download(data.exportLink)
    },
  })
  return (
    <div className="exports" role="group" aria-label="Export">
      {FORMATS.map((format) => (
        <button
          key={format}
          type="button"
          disabled={isPending}
          onClick={() => {
            mutate(format)
          }}
        >
          <span aria-hidden="true">⤓ </span>
          <span className="hidden">Export as </span>
          {format.toLowerCase()}
        </button>
      ))}
      {error && <span role="alert">{error.message}</span>}
    </div>
  )
}

function download({ url, filename }: { url: string; filename: string }): void {
  const { pathname, search } = new URL(url)
  const link = document.createElement('a')
  // Relative to the page, as a proxy may add a path prefix.
  link.href = new URL(`.${pathname}${search}`, document.baseURI).href
  link.download = filename
  link.click()
}
