// SPDX-License-Identifier: Apache-2.0

package poll

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"k8s.io/utils/clock"

	"github.com/uptake-dev/uptake/internal/source"
)

// BenchmarkBesideATenantWhoseSourcesHang polls 200 programs of as many tenants that
// share a source, alone and then beside one tenant with 1,000 programs, each with a
// source of its own that hangs and a query of the shared one. It reports by how much
// later the others' polls start at the 99th percentile.
func BenchmarkBesideATenantWhoseSourcesHang(b *testing.B) {
	var alone, beside time.Duration
	for b.Loop() {
		alone += latenessOfOthers(b, 0)
		beside += latenessOfOthers(b, 1000)
	}
	b.ReportMetric(float64(alone.Microseconds())/float64(b.N)/1e3, "ms-p99-alone")
	b.ReportMetric(float64(beside.Microseconds())/float64(b.N)/1e3, "ms-p99-beside")
	b.ReportMetric(float64(beside)/float64(alone), "x-alone")
}

// latenessOfOthers is the 99th percentile of how late polls of others end, after they
// were due.
func latenessOfOthers(b *testing.B, loud int) time.Duration {
	b.Helper()
	s := New(Options{Clock: clock.RealClock{}, MostPerTenant: 64})
	ctx, cancel := context.WithTimeout(b.Context(), 6*time.Second)
	defer cancel()
	var mu sync.Mutex
	started := map[string][]time.Time{}
	asker := func(key string, takes time.Duration) source.Asker {
		return askerFunc(func(ctx context.Context) (source.Answer, error) {
			mu.Lock()
			started[key] = append(started[key], time.Now())
			mu.Unlock()
			select {
			case <-time.After(takes):
				return number(rand.Float64()), nil //nolint:gosec // a number
			case <-ctx.Done():
				return source.Answer{}, ctx.Err()
			}
		})
	}
	shared := Source{Key: "shared", MaxConcurrent: 4, Timeout: time.Second}
	for i := range loud {
		own, both := fmt.Sprint("own", i), fmt.Sprint("loud", i)
		s.Subscribe("loud/"+own, []Poll{
			{Key: own, Source: Source{Key: own, MaxConcurrent: 4, Timeout: time.Second}, Tenant: "loud", Interval: time.Second, Seed: own, Ask: asker(own, time.Hour)},
			{Key: both, Source: shared, Tenant: "loud", Interval: time.Second, Seed: both, Ask: asker(both, time.Millisecond)},
		})
	}
	var names []string
	for i := range 200 {
		name := fmt.Sprint("quiet", i)
		names = append(names, name)
		s.Subscribe(name+"/program", []Poll{{Key: name, Source: shared, Tenant: name, Interval: time.Second, Seed: name, Ask: asker(name, time.Millisecond)}})
	}
	if err := s.Start(ctx); err != nil {
		b.Fatal(err)
	}
	// Polls are due once a second, at a time of their own: how far their starts are
	// apart from that is how late one or the other was.
	var late []time.Duration
	for _, name := range names {
		for _, gap := range gaps(started[name])[1:] {
			late = append(late, (gap - time.Second).Abs())
		}
	}
	slices.Sort(late)
	return late[len(late)*99/100]
}
