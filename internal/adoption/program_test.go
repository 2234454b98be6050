// SPDX-License-Identifier: Apache-2.0

package adoption

import (
	"testing"

	"github.com/uptake-dev/uptake/api/v1alpha1"
)

// TestAMistakeInAPhaseIsNoLackOfMeasurements has a phase that cannot be judged beside
// others: the program says so, and not that measurements are missing until they are.
func TestAMistakeInAPhaseIsNoLackOfMeasurements(t *testing.T) {
	w := newWorld(t)
	w.is(10, 100)
	w.program.Spec.Metrics = append(w.program.Spec.Metrics, v1alpha1.Metric{
		Name: "other", Direction: v1alpha1.DirectionIncrease, OnEmpty: v1alpha1.OnEmptyUnknown, Query: objectsQuery("Other"), SampleEvery: "1d",
	})
	w.counts("metrics[other].query", map[string]float64{"": 5})
	w.phase("a-mistake", targeting("adoptd", "80%"))
	w.phase("good", targeting("other", "10"))
	w.begin()
	w.run(hour)
	if got := condition(w.program.Status.Conditions, "OnTrack"); got != "Unknown/NotJudged" {
		t.Errorf("OnTrack is %s", got)
	}
	w.down["metrics[other].query"] = "connection refused"
	w.run(10 * day)
	if got := condition(w.program.Status.Conditions, "OnTrack"); got != "Unknown/Unknown" {
		t.Errorf("without measurements OnTrack is %s", got)
	}
}

func TestAPhaseSuspendedFromTheBeginningDoesNotSayThatItStarts(t *testing.T) {
	w := newWorld(t)
	w.is(10, 100)
	p := w.phase("parked", targeting("adopted", "80%"), with(func(s *v1alpha1.PhaseSpec) { s.Suspend = new(true) }))
	w.begin()
	if p.Status.Summary != "Suspended." {
		t.Errorf("it says %q", p.Status.Summary)
	}
}
