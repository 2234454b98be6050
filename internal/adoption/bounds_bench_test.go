// SPDX-License-Identifier: Apache-2.0

package adoption

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/uptake-dev/uptake/api/v1alpha1"
)

// BenchmarkStepAtTheBounds steps the largest program that the API admits: 24 metrics,
// 5,000 segments, and 200 phases of 16 targets for each segment. One such program must
// not keep a worker for long.
func BenchmarkStepAtTheBounds(b *testing.B) {
	w := newWorld(b)
	w.program.Spec.SegmentsFrom = v1alpha1.SegmentsFromPopulation
	w.program.Spec.Metrics = nil
	people, active := make([]Row, 5000), make([]Row, 5000)
	for i := range people {
		name := fmt.Sprintf("team-%05d-%s", i, strings.Repeat("x", 45))
		people[i] = Row{Segment: name, Value: 10}
		active[i] = Row{Segment: name, Value: float64(i % 7)}
	}
	m := map[string]Measurement{populationPath: {At: w.now, Rows: people, Segmented: true, Interval: time.Minute}}
	for i := range 24 {
		name := fmt.Sprintf("m%d", i)
		w.program.Spec.Metrics = append(w.program.Spec.Metrics, v1alpha1.Metric{Name: v1alpha1.Name(name), Rate: &v1alpha1.Rate{Active: *objectsQuery("X")}})
		m["spec.metrics["+name+"].rate.active"] = Measurement{At: w.now, Rows: active, Segmented: true, Interval: time.Minute}
	}
	for i := range 200 {
		p := w.phase(fmt.Sprintf("p%d", i))
		p.Spec.Targets = nil
		for j := range 16 {
			p.Spec.Targets = append(p.Spec.Targets, v1alpha1.Target{
				Metric: v1alpha1.Name(fmt.Sprintf("m%d", j)), AtLeast: v1alpha1.Number(fmt.Sprintf("%d%%", 90-i%50)), Scope: v1alpha1.ScopeEach,
			})
		}
	}
	s := Snapshot{Program: w.program, ProgramName: "program", Phases: w.phases, Measurements: m, DisplayEvery: time.Minute}
	for b.Loop() {
		out := Step(s, w.now)
		for _, o := range out.Phases {
			o.Phase.Status = o.Status
		}
	}
}
