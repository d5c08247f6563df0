/** A table that scrolls where it is too wide; its first column names the rows. */

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
            // The order is the API's, and a row has no state: its place will do.
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
