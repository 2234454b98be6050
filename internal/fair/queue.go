// SPDX-License-Identifier: Apache-2.0

// Package fair has a queue in which nobody waits for all that another has put there.
package fair

import (
	"cmp"
	"container/heap"
	"iter"
	"slices"
)

// Queue is first in, first out for each tenant, and takes from the tenant that has been
// given least: each item counts 1, and Charge adds to that. However much one puts in,
// another's item is at most one item of it away. It is not safe for concurrent use.
type Queue[T comparable] struct {
	lanes map[string]*lane[T]
	order order[T]
	size  int
	// now is what has been given to whoever was served last. Nobody saves up for
	// having been away: who comes starts from there.
	now float64
	// owed has tenants without items that have been given more than that.
	owed map[string]float64
	// served counts, so that equals are served in the order in which they came.
	served int
}

type lane[T comparable] struct {
	tenant string
	items  []T
	given  float64
	turn   int
	place  int
}

// Push puts an item in for a tenant.
func (q *Queue[T]) Push(tenant string, item T) {
	if q.lanes == nil {
		q.lanes, q.owed = map[string]*lane[T]{}, map[string]float64{}
	}
	l := q.lanes[tenant]
	if l == nil {
		q.served++
		l = &lane[T]{tenant: tenant, given: max(q.now, q.owed[tenant]), turn: q.served}
		delete(q.owed, tenant)
		q.lanes[tenant] = l
		heap.Push(&q.order, l)
	}
	l.items = append(l.items, item)
	q.size++
}

// Pop takes the item whose turn it is; false: there is none.
func (q *Queue[T]) Pop() (item T, some bool) {
	return q.PopOf(func(string) bool { return true })
}

// PopOf does the same among the tenants that may have something taken.
func (q *Queue[T]) PopOf(may func(tenant string) bool) (item T, some bool) {
	var passed []*lane[T]
	for len(q.order) > 0 && !some {
		l := heap.Pop(&q.order).(*lane[T]) //nolint:forcetypeassert // nothing else is in it
		if !may(l.tenant) {
			passed = append(passed, l)
			continue
		}
		item, some = q.take(l), true
	}
	for _, l := range passed {
		heap.Push(&q.order, l)
	}
	return item, some
}

// take takes the first item of a tenant that is out of order.
func (q *Queue[T]) take(l *lane[T]) T {
	item := l.items[0]
	l.items[0] = *new(T) // so that it is not kept
	l.items = l.items[1:]
	q.size--
	q.served++
	q.now = max(q.now, l.given)
	l.given, l.turn = l.given+1, q.served
	if len(l.items) == 0 {
		q.leave(l)
	} else {
		heap.Push(&q.order, l)
	}
	return item
}

// leave forgets a tenant that has nothing left, but not what it has been given.
func (q *Queue[T]) leave(l *lane[T]) {
	delete(q.lanes, l.tenant)
	q.owe(l.tenant, l.given)
}

func (q *Queue[T]) owe(tenant string, given float64) {
	if given <= q.now {
		delete(q.owed, tenant)
		return
	}
	if len(q.owed) >= mostOwed {
		clear(q.owed) // so many have come and gone that nobody is far ahead
	}
	q.owed[tenant] = min(given, q.now+mostDebt)
}

// mostDebt is how far behind the others whoever has been given more begins at most: what
// it was given while nobody else wanted anything is not held against it for ever.
const mostDebt = 5_000

// mostOwed bounds what is remembered of those who have nothing in the queue.
const mostOwed = 1_000

// Charge counts more than 1 for what a tenant was given.
func (q *Queue[T]) Charge(tenant string, more float64) {
	if l := q.lanes[tenant]; l != nil {
		l.given = min(l.given+more, max(l.given, q.now+mostDebt))
		heap.Fix(&q.order, l.place)
		return
	}
	if q.owed == nil {
		return
	}
	q.owe(tenant, max(q.now, q.owed[tenant])+more)
}

// Remove takes an item out that a tenant has put in.
func (q *Queue[T]) Remove(tenant string, item T) {
	l := q.lanes[tenant]
	if l == nil {
		return
	}
	i := slices.Index(l.items, item)
	if i < 0 {
		return
	}
	l.items = slices.Delete(l.items, i, i+1)
	q.size--
	if len(l.items) == 0 {
		heap.Remove(&q.order, l.place)
		q.leave(l)
	}
}

// Len is how many items there are.
func (q *Queue[T]) Len() int { return q.size }

// All items, tenant by tenant.
func (q *Queue[T]) All() iter.Seq[T] {
	return func(yield func(T) bool) {
		for _, l := range q.order {
			for _, item := range l.items {
				if !yield(item) {
					return
				}
			}
		}
	}
}

// order implements heap.Interface: who has been given least is first.
type order[T comparable] []*lane[T]

func (o order[T]) Len() int { return len(o) }

func (o order[T]) Less(i, j int) bool {
	return cmp.Or(cmp.Compare(o[i].given, o[j].given), cmp.Compare(o[i].turn, o[j].turn)) < 0
}

func (o order[T]) Swap(i, j int) {
	o[i], o[j] = o[j], o[i]
	o[i].place, o[j].place = i, j
}

func (o *order[T]) Push(x any) {
	l := x.(*lane[T]) //nolint:forcetypeassert // nothing else is put in
	l.place = len(*o)
	*o = append(*o, l)
}

func (o *order[T]) Pop() any {
	last := len(*o) - 1
	l := (*o)[last]
	(*o)[last] = nil
	*o = (*o)[:last]
	return l
}
