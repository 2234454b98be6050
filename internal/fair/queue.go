// SPDX-License-Identifier: Apache-2.0

// Package fair has a queue in which nobody waits for all that another has put there.
package fair

import (
	"iter"
	"slices"
)

// Queue is first in, first out for each tenant, and takes tenants in turn: however much
// one puts in, another's item is at most one round away. It is not safe for concurrent
// use.
type Queue[T comparable] struct {
	lanes map[string]*lane[T]
	// turns has the tenants that have something, whose turn is next first.
	turns []*lane[T]
	size  int
}

type lane[T comparable] struct {
	tenant string
	items  []T
}

// Push puts an item in for a tenant.
func (q *Queue[T]) Push(tenant string, item T) {
	if q.lanes == nil {
		q.lanes = map[string]*lane[T]{}
	}
	l := q.lanes[tenant]
	if l == nil {
		l = &lane[T]{tenant: tenant}
		q.lanes[tenant] = l
		q.turns = append(q.turns, l)
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
	i := slices.IndexFunc(q.turns, func(l *lane[T]) bool { return may(l.tenant) })
	if i < 0 {
		return item, false
	}
	l := q.turns[i]
	q.turns = slices.Delete(q.turns, i, i+1)
	item = l.items[0]
	l.items[0] = *new(T) // so that it is not kept
	l.items = l.items[1:]
	q.size--
	q.keep(l)
	return item, true
}

// keep puts a tenant at the end of the round, or forgets one that has nothing left.
func (q *Queue[T]) keep(l *lane[T]) {
	if len(l.items) == 0 {
		delete(q.lanes, l.tenant)
		return
	}
	q.turns = append(q.turns, l)
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
		delete(q.lanes, tenant)
		q.turns = slices.DeleteFunc(q.turns, func(other *lane[T]) bool { return other == l })
	}
}

// Len is how many items there are.
func (q *Queue[T]) Len() int { return q.size }

// Tenants that have something, whose turn is next first.
func (q *Queue[T]) Tenants() iter.Seq[string] {
	return func(yield func(string) bool) {
		for _, l := range q.turns {
			if !yield(l.tenant) {
				return
			}
		}
	}
}

// All items, tenant by tenant.
func (q *Queue[T]) All() iter.Seq[T] {
	return func(yield func(T) bool) {
		for _, l := range q.turns {
			for _, item := range l.items {
				if !yield(item) {
					return
				}
			}
		}
	}
}
