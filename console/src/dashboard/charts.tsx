/** Charts, each with a table of its numbers for accessibility. */

import type { ReactNode } from 'react'
import {
  Area,
  AreaChart,
  Bar,
  BarChart,
  CartesianGrid,
  LabelList,
  Legend,
  Tooltip,
  XAxis,
  YAxis,
} from 'recharts'
import { compact, count, day, words } from '../shared/format'
import { Table } from './Table'

type Row = Record<string, string | number>

type FigureProps = {
  title: string
  rows: readonly Row[]
  /** The column of row headers. */
  by: string
  series: readonly string[]
  show?: (value: number) => string
  name?: (value: string) => string
  children: ReactNode
}

function Figure({ title, rows, by, series, show = count, name = String, children }: FigureProps) {
  return (
    <figure>
      <figcaption>{title}</figcaption>
      {rows.length === 0 ? <p className="empty">Nothing yet.</p> : children}
      {rows.length > 0 && (
        <details className="numbers">
          <summary>
            Numbers<span className="hidden"> of “{title}”</span>
          </summary>
          <Table
            label={`Numbers of “${title}”`}
            rows={rows}
            columns={[
              { name: words(by), of: (row) => name(String(row[by])) },
              ...series.map((each) => ({
                name: words(each),
                of: (row: Row) => show(Number(row[each])),
                numeric: true,
              })),
            ]}
          />
        </details>
      )}
    </figure>
  )
}

const colour = (index: number): string => `var(--series-${index + 1})`

const tooltip = {
  contentStyle: { background: 'var(--surface)', borderColor: 'var(--line)', borderRadius: 6 },
  itemStyle: { color: 'var(--ink)' },
  cursor: { fill: 'var(--line)', opacity: 0.4 },
  isAnimationActive: false,
} as const

const axis = {
  stroke: 'var(--faint)',
  tick: { fill: 'var(--faint)', fontSize: 12 },
  tickLine: false,
}

type BarsProps = {
  title: string
  rows: readonly Row[]
  by: string
  value: string
  show?: (value: number) => string
}

const BARS = 12

/** The first rows; the others are summed up in one. */
function withOthers(rows: readonly Row[], by: string, value: string): Row[] {
  if (rows.length <= BARS) return [...rows]
  const others = rows.slice(BARS - 1)
  const sum = others.reduce((all, row) => all + Number(row[value]), 0)
  return [...rows.slice(0, BARS - 1), { [by]: `${others.length} others`, [value]: sum }]
}

const shortened = (name: string): string => (name.length > 20 ? `${name.slice(0, 19)}…` : name)

/** A bar chart with a bar for each row. */
export function Bars({ title, rows, by, value, show = count }: BarsProps) {
  const bars = withOthers(rows, by, value)
  return (
    <Figure title={title} rows={rows} by={by} series={[value]} show={show}>
      <BarChart
        responsive
        layout="vertical"
        data={bars}
        style={{ width: '100%', height: bars.length * 30 + 8 }}
        margin={{ top: 0, right: 64, bottom: 0, left: 0 }}
        barCategoryGap={5}
        title={title}
      >
        <XAxis type="number" hide domain={[0, 'dataMax']} />
        <YAxis
          type="category"
          dataKey={by}
          width={140}
          interval={0}
          tickFormatter={shortened}
          {...axis}
          axisLine={false}
        />
        <Tooltip {...tooltip} formatter={(entry) => [show(Number(entry)), words(value)]} />
        <Bar dataKey={value} fill={colour(0)} radius={3} isAnimationActive={false}>
          <LabelList
            dataKey={value}
            position="right"
            formatter={(entry) => show(Number(entry))}
            fill="var(--ink)"
            fontSize={12}
          />
        </Bar>
      </BarChart>
    </Figure>
  )
}

type TimelineProps = {
  title: string
  rows: readonly (Row & { date: string })[]
  series: readonly string[]
  stacked?: boolean
}

/** A chart of counts by day. */
export function Timeline({ title, rows, series, stacked = false }: TimelineProps) {
  const shared = {
    responsive: true,
    data: [...rows],
    style: { width: '100%', height: 220 },
    margin: { top: 8, right: 8, bottom: 0, left: 0 },
    title,
  }
  const around = (
    <>
      <CartesianGrid stroke="var(--line)" vertical={false} />
      <XAxis dataKey="date" tickFormatter={day} {...axis} />
      <YAxis tickFormatter={compact} allowDecimals={false} width={44} {...axis} axisLine={false} />
      <Tooltip
        {...tooltip}
        labelFormatter={(label) => (typeof label === 'string' ? day(label) : label)}
        formatter={(entry, name) => [count(Number(entry)), words(String(name))]}
      />
      {series.length > 1 && (
        <Legend
          formatter={(name: string) => <span className="legend">{words(name)}</span>}
          itemSorter={null}
          iconType="square"
          iconSize={10}
        />
      )}
    </>
  )
  return (
    <Figure title={title} rows={rows} by="date" series={series} name={day}>
      {stacked ? (
        <BarChart {...shared}>
          {around}
          {series.map((each, index) => (
            <Bar
              key={each}
              dataKey={each}
              stackId="all"
              fill={colour(index)}
              isAnimationActive={false}
            />
          ))}
        </BarChart>
      ) : (
        <AreaChart {...shared}>
          {around}
          {series.map((each, index) => (
            <Area
              key={each}
              dataKey={each}
              type="linear"
              stroke={colour(index)}
              strokeWidth={2}
              fill={colour(index)}
              fillOpacity={0.12}
              isAnimationActive={false}
            />
          ))}
        </AreaChart>
      )}
    </Figure>
  )
}
