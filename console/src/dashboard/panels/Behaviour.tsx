/** The shop's last seven days: funnel, timelines, sources and products. */

import { useState } from 'react'
import {
  BehaviourDocument,
  type BehaviourQuery,
  type BehaviourQueryVariables,
} from '../../generated/graphql'
import { count, dateTime, money, number, percent } from '../../shared/format'
import { Bars, Timeline } from '../charts'
import { Choice, Empty, Facts, Panel } from '../Panel'
import { Table } from '../Table'

type Stats = NonNullable<BehaviourQuery['dashboardStats']>

const timezone = Intl.DateTimeFormat().resolvedOptions().timeZone

export function Behaviour() {
  const [mode, setMode] = useState<BehaviourQueryVariables['mode']>('TOTAL')
  return (
    <Panel
      title="Shop, last seven days"
      operation={BehaviourDocument}
      variables={{ mode, timezone }}
      wide
      controls={
        <Choice
          legend="What the funnel counts"
          value={mode}
          options={[
            ['TOTAL', 'events'],
            ['UNIQUE', 'sessions'],
          ]}
          choose={setMode}
        />
      }
    >
      {({ dashboardStats: week }) => week && <Week {...week} />}
    </Panel>
  )
}

function Week(week: Stats) {
  const { productView, addToCart, beginCheckout, purchase } = week.eventCounts
  const rates = week.conversionRates
  const steps = [
    { step: 'Product view', count: productView },
    { step: `Cart · ${percent(rates.visitToCart)}`, count: addToCart },
    { step: `Checkout · ${percent(rates.cartToCheckout)}`, count: beginCheckout },
    { step: `Purchase · ${percent(rates.checkoutToPurchase)}`, count: purchase },
  ]
  // The API omits days without a sale.
  const sold = new Map(week.salesByDay.map((each) => [each.date, each.count]))
  const sales = week.eventsTimeline.map(({ date }) => ({ date, sales: sold.get(date) ?? 0 }))
  const { uniqueSessions, avgEventsPerSession, sessionsWithPurchase } = week.sessionStats
  const { repurchaseRate, totalUniqueBuyers, periodDays } = week.retentionMetrics
  return (
    <>
      <p className="note">
        {dateTime(week.windowStart)} to {dateTime(week.windowEnd)}. Days are in the time zone{' '}
        {timezone}; the first and the last are incomplete.
      </p>
      <Facts
        of={[
          ['Sales', count(week.totalSales)],
          ['Revenue', money(week.totalRevenue)],
          ['Average sale', money(week.averageOrderValue)],
          ['Abandoned checkouts', percent(week.abandonmentRate)],
          ['Sessions', count(uniqueSessions)],
          ['Events a session', number(avgEventsPerSession)],
          ['Sessions with a purchase', count(sessionsWithPurchase)],
          [`Repurchase rate, ${periodDays} days`, percent(repurchaseRate)],
          ['of buyers', count(totalUniqueBuyers)],
        ]}
      />
      <div className="columns">
        <Bars
          title="Funnel, with the conversion rate from the previous step"
          rows={steps}
          by="step"
          value="count"
        />
        <Bars title="Sessions by source" rows={week.trafficSources} by="source" value="sessions" />
        <Timeline
          title="Events by day"
          rows={week.eventsTimeline}
          series={['productView', 'addToCart', 'beginCheckout', 'purchase']}
        />
        <Timeline
          title="Errors by day"
          rows={week.errorsTimeline}
          series={['paymentError', 'checkoutError', 'paymentConfirmationError', 'addressError']}
          stacked
        />
        <Timeline title="Sales by day" rows={sales} series={['sales']} stacked />
        <Products of={week.productPerformance} />
      </div>
    </>
  )
}

function Products({ of: products }: { of: Stats['productPerformance'] }) {
  if (products.length === 0) return <Empty>No product was viewed yet.</Empty>
  return (
    <figure>
      <figcaption>Most viewed products</figcaption>
      <Table
        label="Most viewed products"
        rows={products}
        columns={[
          { name: 'Product', of: (each) => each.name },
          { name: 'Views', of: (each) => count(each.views), numeric: true },
          { name: 'Carts', of: (each) => count(each.addToCart), numeric: true },
          { name: 'Purchases', of: (each) => count(each.purchases), numeric: true },
          { name: 'Conversion', of: (each) => percent(each.conversionRate), numeric: true },
        ]}
      />
    </figure>
  )
}
