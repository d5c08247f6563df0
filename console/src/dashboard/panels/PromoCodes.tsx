/** Promo codes, and the tickets that they gave away. */

import { PromoCodesDocument } from '../../generated/graphql'
import { count } from '../../shared/format'
import { Bars } from '../charts'
import { Empty, Facts, Panel } from '../Panel'

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
              <Empty>No code brought a ticket yet.</Empty>
            ) : (
              <div className="scroll" role="region" tabIndex={0} aria-label="Top codes">
                <table>
                  <caption>Codes that brought the most tickets</caption>
                  <thead>
                    <tr>
                      <th scope="col">Code</th>
                      <th scope="col">Type</th>
                      <th scope="col">Usable</th>
                      <th scope="col" className="number">
                        Tickets
                      </th>
                    </tr>
                  </thead>
                  <tbody>
                    {all.topCodes.map((each, index) => (
                      <tr key={`${each.code} ${index}`}>
                        <th scope="row" title={each.title}>
                          {each.code}
                        </th>
                        <td>{each.codeType}</td>
                        <td>{each.isActive ? 'yes' : 'no'}</td>
                        <td className="number">{count(each.ticketsGenerated)}</td>
                      </tr>
                    ))}
                  </tbody>
                </table>
              </div>
            )}
          </>
        )
      }
    </Panel>
  )
}
