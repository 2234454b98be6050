// SPDX-License-Identifier: Apache-2.0

package poll

import (
	"cmp"
	"slices"
)

// tenants counts the requests that are under way for each tenant, so that one whose
// sources hang holds up nobody else.
type tenants struct {
	most    int
	running map[string]int
	// heldUp has the sources where something waits for a tenant to have fewer, each once,
	// who waits longest first.
	heldUp map[string][]*endpoint
}

func newTenants(most int) tenants {
	return tenants{most: most, running: map[string]int{}, heldUp: map[string][]*endpoint{}}
}

// isFull reports whether a tenant has as many requests under way as it may.
func (t *tenants) isFull(tenant string) bool { return t.most > 0 && t.running[tenant] >= t.most }

// holdUp notes that something waits at a source for a tenant to have fewer requests
// under way.
func (t *tenants) holdUp(tenant string, at *endpoint) {
	if !at.heldUp[tenant] {
		at.heldUp[tenant] = true
		t.heldUp[tenant] = append(t.heldUp[tenant], at)
	}
}

// hasSlot reports whether a source has a slot for a tenant. Of one that others use as well
// it may not have the last.
func (e *endpoint) hasSlot(tenant string) bool {
	most := e.settings.MaxConcurrent
	return most < 2 || e.runningOf[tenant] < most-1 || !e.isShared(tenant)
}

// isShared reports whether others than a tenant use a source.
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
	waiting := t.heldUp[tenant]
	if t.isFull(tenant) || len(waiting) == 0 {
		return nil
	}
	e := waiting[0]
	t.leave(tenant, e)
	return e
}

// leave takes a source off those where something waits for a tenant.
func (t *tenants) leave(tenant string, e *endpoint) {
	delete(e.heldUp, tenant)
	t.heldUp[tenant] = slices.DeleteFunc(t.heldUp[tenant], func(other *endpoint) bool { return other == e })
	if len(t.heldUp[tenant]) == 0 {
		delete(t.heldUp, tenant)
	}
}

// count takes one off, and forgets a tenant that has none left.
func count(running map[string]int, tenant string) {
	if running[tenant]--; running[tenant] <= 0 {
		delete(running, tenant)
	}
}

func (t *tenants) forget(e *endpoint) {
	for tenant := range e.heldUp {
		t.leave(tenant, e)
	}
}
