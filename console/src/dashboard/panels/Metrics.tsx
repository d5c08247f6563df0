/** Users and stock. Each group needs its own permission. */

import { MetricsDocument } from '../../generated/graphql'
import type { Failure } from '../../shared/api'
import { count, money } from '../../shared/format'
import { Facts, Locked, Panel } from '../Panel'

type Count = number | null | undefined
type Fact = readonly [name: string, value: Count]

export function Metrics() {
  return (
    <Panel title="Users and stock" operation={MetricsDocument} variables={{}} wide>
      {({ metrics: all }, failures) => (
        <div className="columns three">
          <Group
            title="Customers"
            failures={failures}
            first="totalCustomers"
            of={[
              ['Customers', all.totalCustomers],
              ['active', all.activeCustomers],
              ['e-mail verified', all.customersEmailVerified],
              ['phone verified', all.customersPhoneVerified],
            ]}
          />
          <Group
            title="Staff"
            failures={failures}
            first="totalStaff"
            of={[
              ['Staff', all.totalStaff],
              ['active', all.activeStaff],
              ['Admins', all.totalAdmins],
              ['active admins', all.activeAdmins],
            ]}
          />
          <Group
            title="Stock"
            failures={failures}
            first="totalProducts"
            of={[
              ['Products', all.totalProducts],
              ['in stock', all.productsInStock],
              ['low on stock', all.productsLowStock],
              ['out of stock', all.productsOutOfStock],
              ['Units', all.totalStockQuantity],
              ['available', all.totalAvailableQuantity],
            ]}
            worth={all.inventoryRevenueByCurrency?.map(
              (each) => [`Worth, ${each.currency}`, money(each.total)] as const,
            )}
          />
        </div>
      )}
    </Panel>
  )
}

type GroupProps = {
  title: string
  failures: readonly Failure[]
  /** A field of the group; its error stands for all, as they need the same permission. */
  first: string
  of: readonly Fact[]
  worth?: readonly (readonly [string, string])[] | undefined
}

function Group({ title, failures, first, of: facts, worth = [] }: GroupProps) {
  const refusal = failures.find(({ path }) => path?.at(-1) === first)
  return (
    <section>
      <h3>{title}</h3>
      {refusal ? (
        <Locked message={refusal.message} />
      ) : (
        <Facts of={[...facts.map(shown), ...worth]} />
      )}
    </section>
  )
}

function shown([name, value]: Fact): readonly [string, string] {
  return [name, value == null ? '–' : count(value)]
}
