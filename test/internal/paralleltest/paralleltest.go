// SPDX-License-Identifier: Apache-2.0

// Package paralleltest is for preparations of a size that would take too long one by one.
package paralleltest

import (
	"sync"
	"testing"
)

// Do does something n times, a few at a time, and ends the test when any of them fails.
func Do(t testing.TB, n int, do func(i int) error) {
	t.Helper()
	var workers sync.WaitGroup
	work := make(chan int)
	for range 8 {
		workers.Go(func() {
			for i := range work {
				if err := do(i); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for i := range n {
		work <- i
	}
	close(work)
	workers.Wait()
	if t.Failed() {
		t.FailNow()
	}
}
