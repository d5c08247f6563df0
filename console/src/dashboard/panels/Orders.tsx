/** Orders in total, and by status, gateway and payment method. */

import { useState } from 'react'
import { OrdersDocument } from '../../generated/graphql'
import { compact, count, money, number } from '../../shared/format'
import { Bars } from '../charts'
import { Choice, Facts, Panel } from '../Panel'

type Measure = 'count' | 'totalAmount'

export function Orders() {
  const [measure, setMeasure] = useState<Measure>('count')
  const show = measure === 'count' ? count : compact
  return (
    <Panel
      title="Orders"
      operation={OrdersDocument}
      variables={{}}
      controls={
        <Choice
          legend="What the bars show"
          value={measure}
          options={[
            ['count', 'orders'],
            ['totalAmount', 'amount'],
          ]}
          choose={setMeasure}
        />
      }
    >
      {({ orderStats: all }) =>
        all && (
          <>
            <Facts
              of={[
                ['Orders', count(all.totalOrders)],
                ['Amount', money(all.totalRevenue)],
                ['of it paid', money(all.confirmedRevenue)],
                ['Average order', money(all.avgOrderValue)],
                ['Tickets an order', number(all.avgTicketsPerOrder)],
              ]}
            />
            <Bars title="By status" rows={all.byStatus} by="key" value={measure} show={show} />
            <Bars title="By gateway" rows={all.byGateway} by="key" value={measure} show={show} />
            <Bars
              title="By payment method"
              rows={all.byPaymentMethod}
              by="key"
              value={measure}
              show={show}
            />
          </>
        )
      }
    </Panel>
  )
}
