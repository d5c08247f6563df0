/** What visitors of the shop did in a week: the funnel, day by day, from where, and to what end. */

import { useState } from 'react'
import {
  BehaviourDocument,
  type BehaviourQuery,
  type BehaviourQueryVariables,
} from '../../generated/graphql'
import { count, moment, money, number, percent } from '../../shared/format'
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
  // Of days without a sale the API says nothing.
  const sold = new Map(week.salesByDay.map((each) => [each.date, each.count]))
  const sales = week.eventsTimeline.map(({ date }) => ({ date, sales: sold.get(date) ?? 0 }))
  const { uniqueSessions, avgEventsPerSession, sessionsWithPurchase } = week.sessionStats
  const { repurchaseRate, totalUniqueBuyers, periodDays } = week.retentionMetrics
  return (
    <>
      <p className="note">
        {moment(week.windowStart)} to {moment(week.windowEnd)}. Days are those of {timezone}; the
        first and the last are not whole.
      </p>
      <Facts
        of={[
          ['Sales', count(week.totalSales)],
          ['Revenue', money(week.totalRevenue)],
          ['Average sale', money(week.averageOrderValue)],
          ['Persons who left at checkout', percent(week.abandonmentRate)],
          ['Sessions', count(uniqueSessions)],
          ['Events a session', number(avgEventsPerSession)],
          ['Sessions that bought', count(sessionsWithPurchase)],
          [`Bought again in ${periodDays} days`, percent(repurchaseRate)],
          ['of buyers', count(totalUniqueBuyers)],
        ]}
      />
      <div className="columns">
        <Bars
          title="Funnel, and the share of each step that came from the one before"
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
  if (products.length === 0) return <Empty>Nobody looked at a product yet.</Empty>
  return (
    <figure>
      <figcaption>Products that were looked at most</figcaption>
      <Table
        label="Products that were looked at most"
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
