// SPDX-License-Identifier: Apache-2.0

package fair

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

func TestTenantsTakeTurnsAndEachIsFirstInFirstOut(t *testing.T) {
	var q Queue[string]
	for i := range 3 {
		q.Push("loud", fmt.Sprint("l", i))
	}
	q.Push("quiet", "q0")
	q.Push("other", "o0")
	q.Push("quiet", "q1")
	var got []string
	for q.Len() > 0 {
		item, _ := q.Pop()
		got = append(got, item)
	}
	if want := []string{"l0", "q0", "o0", "l1", "q1", "l2"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if _, some := q.Pop(); some {
		t.Error("an empty queue has something")
	}
}

func TestATenantThatMayNotIsPassedOverAndKeepsItsTurn(t *testing.T) {
	var q Queue[int]
	q.Push("full", 1)
	q.Push("free", 2)
	q.Push("free", 3)
	notFull := func(tenant string) bool { return tenant != "full" }
	for _, want := range []int{2, 3} {
		if got, some := q.PopOf(notFull); !some || got != want {
			t.Errorf("got %d, want %d", got, want)
		}
	}
	if _, some := q.PopOf(notFull); some {
		t.Error("somebody who may not was taken")
	}
	if got, _ := q.Pop(); got != 1 {
		t.Errorf("got %d, want 1", got)
	}
}

// Whatever is put in and taken out, nothing is lost, and between two items of a tenant
// every other that waited has had its turn.
func TestNobodyIsPassedOverTwice(t *testing.T) {
	for seed := range uint64(200) {
		random := rand.New(rand.NewPCG(seed, 0)) //nolint:gosec // a test that can be run again
		var q Queue[int]
		owner, inside := map[int]string{}, map[int]bool{}
		passed := map[string]map[string]int{} // tenant -> another -> turns of the other since
		for n := range 500 {
			tenant := fmt.Sprint("t", random.IntN(5))
			switch random.IntN(5) {
			case 0, 1, 2:
				q.Push(tenant, n)
				owner[n], inside[n] = tenant, true
			case 3:
				item, some := q.Pop()
				if some != (len(inside) > 0) {
					t.Fatalf("seed %d: something is there: %v", seed, !some)
				}
				if !some {
					continue
				}
				if !inside[item] {
					t.Fatalf("seed %d: %d is there twice", seed, item)
				}
				delete(inside, item)
				of := owner[item]
				passed[of] = nil
				waits := map[string]bool{}
				for left := range inside {
					waits[owner[left]] = true
				}
				delete(waits, of)
				for waiting := range waits {
					if passed[waiting] == nil {
						passed[waiting] = map[string]int{}
					}
					if passed[waiting][of]++; passed[waiting][of] > 1 {
						t.Fatalf("seed %d: %s is taken twice while %s waits", seed, of, waiting)
					}
				}
			case 4:
				for item := range inside {
					q.Remove(owner[item], item)
					delete(inside, item)
					if !slices.ContainsFunc(slices.Collect(q.All()), func(i int) bool { return owner[i] == owner[item] }) {
						passed[owner[item]] = nil
					}
					break
				}
			}
			if q.Len() != len(inside) || len(slices.Collect(q.All())) != len(inside) {
				t.Fatalf("seed %d: %d of %d items are there", seed, q.Len(), len(inside))
			}
		}
	}
}

// What is expensive counts for what it costs: two tenants are given the same, although
// one asks for a hundred times as much at once.
func TestWhoIsGivenMoreWaitsLonger(t *testing.T) {
	var q Queue[int]
	given := map[int]float64{}
	for range 10 {
		q.Push("heavy", 100)
	}
	for range 10_000 {
		q.Push("light", 1)
	}
	for range 1000 {
		item, _ := q.Pop()
		if item == 100 {
			q.Charge("heavy", 99)
		}
		given[item] += float64(item)
	}
	if ratio := given[100] / given[1]; ratio < 0.5 || ratio > 2 {
		t.Errorf("the one was given %v, the other %v", given[100], given[1])
	}
}

func TestNobodySavesUpAndNobodyIsOwedForEver(t *testing.T) {
	var q Queue[int]
	for range 5000 {
		q.Push("always", 1)
		_, _ = q.Pop()
	}
	q.Push("late", 2)
	q.Push("late", 2)
	q.Push("always", 1)
	q.Push("always", 1)
	var got []int
	for q.Len() > 0 {
		item, _ := q.Pop()
		got = append(got, item)
	}
	if want := []int{2, 1, 2, 1}; !slices.Equal(got, want) && !slices.Equal(got, []int{2, 2, 1, 1}) && !slices.Equal(got, []int{1, 2, 1, 2}) {
		t.Errorf("got %v, want %v", got, want)
	}
	for n := range 5000 {
		q.Push(fmt.Sprint("once", n), n)
		_, _ = q.Pop()
	}
	if len(q.owed) > 1100 {
		t.Errorf("%d tenants that are gone are kept", len(q.owed))
	}
}

// What a tenant was given while nobody else wanted anything is not held against it for
// ever: it waits for as much as others are given in some seconds.
func TestADebtEnds(t *testing.T) {
	var q Queue[string]
	q.Push("busy", "first")
	q.Pop()
	for range 1_000 {
		q.Charge("busy", 1_000)
	}
	q.Push("busy", "late")
	waited := 0
	for {
		q.Push("other", "x")
		item, _ := q.Pop()
		if item == "late" {
			break
		}
		q.Charge("other", 999)
		if waited++; waited > 10 {
			t.Fatal("it still waits after ten turns of a second each")
		}
	}
	if waited < 4 {
		t.Errorf("it waited for %d turns: what it was given counts", waited)
	}
}
