/** A table that scrolls if it is too wide. Its first column has the row headers. */

import type { ReactNode } from 'react'

export type Column<R> = { name: string; of: (row: R) => ReactNode; numeric?: boolean }

type Props<R> = {
  label: string
  rows: readonly R[]
  columns: readonly Column<R>[]
}

export function Table<R>({ label, rows, columns }: Props<R>) {
  return (
    <div className="scroll" role="region" tabIndex={0} aria-label={label}>
      <table>
        <thead>
          <tr>
            {columns.map(({ name, numeric }) => (
              <th key={name} scope="col" className={numeric ? 'number' : undefined}>
                {name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row, index) => (
            // Rows have no state, so the index is a sufficient key.
            <tr key={index}>
              {columns.map(({ name, of, numeric }, column) =>
                column === 0 ? (
                  <th key={name} scope="row">
                    {of(row)}
                  </th>
                ) : (
                  <td key={name} className={numeric ? 'number' : undefined}>
                    {of(row)}
                  </td>
                ),
              )}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  )
}
