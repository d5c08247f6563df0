/** Buttons that download what the table of events shows: by a link that the API gives. */

import { useMutation } from '@tanstack/react-query'
import { ExportLinkDocument, type ExportFormat } from '../../generated/graphql'
import { ask } from '../../shared/api'

const FORMATS: readonly ExportFormat[] = ['XLSX', 'CSV', 'JSON']

type Props = { eventType: string | null; activeOnly: boolean }

export function ExportButtons(filter: Props) {
  const { mutate, isPending, error } = useMutation({
    mutationFn: async (format: ExportFormat) => {
      const { data, errors } = await ask(ExportLinkDocument, { format, ...filter })
      if (!data?.exportLink) throw new Error(errors?.[0]?.message ?? 'No link came.')
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
  // From where the page came: a proxy may have put a prefix before it.
  link.href = new URL(`.${pathname}${search}`, document.baseURI).href
  link.download = filename
  link.click()
}
