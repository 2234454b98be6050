// SPDX-License-Identifier: Apache-2.0

package poll

import (
	"cmp"

	"github.com/uptake-dev/uptake/internal/fair"
)

// tenants counts the requests that are under way for each tenant, so that one whose
// sources hang holds up nobody else.
type tenants struct {
	most    int
	running map[string]int
	// heldUp has the sources where something waits for a tenant to have fewer.
	heldUp fair.Queue[*endpoint]
}

func newTenants(most int) tenants {
	return tenants{most: most, running: map[string]int{}}
}

// mayHave says whether one more request may begin for a tenant at a source. Of a source
// that others use as well it may not have the last slot.
func (t *tenants) mayHave(tenant string, at *endpoint) bool {
	if t.most > 0 && t.running[tenant] >= t.most {
		if !at.heldUp[tenant] {
			at.heldUp[tenant] = true
			t.heldUp.Push(tenant, at)
		}
		return false
	}
	most := at.settings.MaxConcurrent
	return most < 2 || at.runningOf[tenant] < most-1 || !at.isShared(tenant)
}

// isShared says that others than a tenant use a source.
func (e *endpoint) isShared(tenant string) bool {
	others := len(e.consumersOf)
	if e.consumersOf[tenant] > 0 {
		others--
	}
	return others > 0
}

// leastBusy is the tenant that a query which several want is asked for.
func (t *tenants) leastBusy(q *query) string {
	var best *consumer
	for c := range q.subscribers {
		if best == nil || cmp.Or(cmp.Compare(t.running[c.tenant], t.running[best.tenant]), cmp.Compare(c.tenant, best.tenant)) < 0 {
			best = c
		}
	}
	return best.tenant
}

func (t *tenants) began(q *query) {
	t.running[q.tenant]++
	q.endpoint.runningOf[q.tenant]++
}

func (t *tenants) ended(q *query) {
	count(t.running, q.tenant)
	count(q.endpoint.runningOf, q.tenant)
}

// next is a source where something has waited for a tenant to have fewer requests
// under way, which it has; nil: there is none.
func (t *tenants) next(tenant string) *endpoint {
	if t.running[tenant] >= t.most {
		return nil
	}
	e, some := t.heldUp.PopOf(func(of string) bool { return of == tenant })
	if !some {
		return nil
	}
	delete(e.heldUp, tenant)
	return e
}

// count takes one off, and forgets a tenant that has none left.
func count(running map[string]int, tenant string) {
	if running[tenant]--; running[tenant] <= 0 {
		delete(running, tenant)
	}
}

func (t *tenants) forget(e *endpoint) {
	for tenant := range e.heldUp {
		t.heldUp.Remove(tenant, e)
	}
}
