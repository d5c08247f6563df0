/** Promo codes, and their tickets. */

import { PromoCodesDocument } from '../../generated/graphql'
import { count } from '../../shared/format'
import { Bars } from '../charts'
import { Empty, Facts, Panel } from '../Panel'
import { Table } from '../Table'

export function PromoCodes() {
  return (
    <Panel title="Promo codes" operation={PromoCodesDocument} variables={{}}>
      {({ promoCodeStats: all }) =>
        all && (
          <>
            <Facts
              of={[
                ['Codes', count(all.totalPromoCodes)],
                ['usable now', count(all.activePromoCodes)],
                ['Tickets', count(all.totalTicketsFromPromos)],
                ['of unknown codes', count(all.unattributedTickets)],
              ]}
            />
            <Bars
              title="Tickets by type of code"
              rows={all.byType}
              by="codeType"
              value="ticketsGenerated"
            />
            {all.topCodes.length === 0 ? (
              <Empty>No ticket has a promo code yet.</Empty>
            ) : (
              <figure>
                <figcaption>Codes with the most tickets</figcaption>
                <Table
                  label="Top codes"
                  rows={all.topCodes}
                  columns={[
                    { name: 'Code', of: (each) => <span title={each.title}>{each.code}</span> },
                    { name: 'Type', of: (each) => each.codeType },
                    { name: 'Usable', of: (each) => (each.isActive ? 'yes' : 'no') },
                    { name: 'Tickets', of: (each) => count(each.ticketsGenerated), numeric: true },
                  ]}
                />
              </figure>
            )}
          </>
        )
      }
    </Panel>
  )
}
