// SPDX-License-Identifier: Apache-2.0

package adoption

import (
	"fmt"
	"testing"
	"time"
)

// BenchmarkStep compares a step of a usual program with one that finds nothing
// to decide, the bare cost of looking: the ratio is what phases and metrics cost.
func BenchmarkStep(b *testing.B) {
	bare := newWorld(b)
	bare.is(50, 100)
	bare.begin()
	usual := newWorld(b).withSegments("a", "b", "c", "d", "e", "f", "g", "h", "i", "j")
	eligible, active := map[string]float64{}, map[string]float64{}
	for i, s := range usual.program.Spec.Segments {
		eligible[string(s.Name)], active[string(s.Name)] = 10, float64(i)
	}
	usual.counts("population.query", eligible)
	usual.counts("rate.active", active)
	for i := range 5 {
		usual.phase(fmt.Sprintf("phase-%d", i), targetingEach("adopted", "80%"), holdingFor("14d", "1d", 0))
	}
	usual.begin()
	cost := func(w *world) time.Duration {
		began := time.Now()
		for range 2000 {
			Step(w.snapshot(), w.now)
		}
		return time.Since(began)
	}
	ratio := float64(cost(usual)) / float64(cost(bare))
	for b.Loop() {
		Step(usual.snapshot(), usual.now)
	}
	b.ReportMetric(ratio, "x-of-an-empty-program")
}
