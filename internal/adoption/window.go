// SPDX-License-Identifier: Apache-2.0

package adoption

import (
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/uptake-dev/uptake/api/v1alpha1"
)

// maxChecks bounds the checks of a window.
const maxChecks = 100

// windowRule says how long something has to be seen. The measurement that
// begins a run is not one of its checks, so that n checks span the whole length.
type windowRule struct {
	length  time.Duration
	every   time.Duration
	checks  int
	allowed int
}

// newWindowRule applies the defaults: a check every tenth of the length, and at
// most one for each poll of the slowest query.
func newWindowRule(length, every, slowest time.Duration, allowed int) windowRule {
	if every == 0 {
		every = length / 10
	}
	every = max(every, slowest, time.Second)
	n := int((length + every - 1) / every)
	return windowRule{length: length, every: every, checks: min(n, maxChecks), allowed: allowed}
}

func startWindow(at time.Time, rule windowRule) *v1alpha1.CheckWindow {
	since := stamp(at)
	return &v1alpha1.CheckWindow{Since: since, Through: metav1.NewTime(since.Add(rule.every))}
}

// record adds the check of a measurement, when its bucket has none yet. A
// measurement may come a tenth of a bucket early, so that a poll that is a
// moment faster than the last one does not cost a bucket.
func (r windowRule) record(w *v1alpha1.CheckWindow, at time.Time, met bool) {
	early := r.every / 10
	if at.Before(w.Through.Add(-early)) {
		return
	}
	if met && r.satisfied(w) && !strings.Contains(w.Checks, "x") {
		return // nothing new: a hold that waits for people writes nothing
	}
	bucket := at.Add(early).Sub(w.Since.Time) / r.every
	w.Through = metav1.NewTime(w.Since.Add((bucket + 1) * r.every))
	mark := "x"
	if met {
		mark = "M"
	}
	w.Checks += mark
	if over := len(w.Checks) - max(r.checks, 1); over > 0 {
		w.Checks = w.Checks[over:]
	}
}

func (r windowRule) satisfied(w *v1alpha1.CheckWindow) bool { return len(w.Checks) >= r.checks }

func (r windowRule) broken(w *v1alpha1.CheckWindow) bool {
	return strings.Count(w.Checks, "x") > r.allowed
}

// full reports whether the run has all its checks, the newest of them met, and spans
// its length at a measurement.
func (r windowRule) full(w *v1alpha1.CheckWindow, at time.Time) bool {
	return r.satisfied(w) && !r.broken(w) && !strings.HasSuffix(w.Checks, "x") && !at.Truncate(time.Second).Before(w.Since.Add(r.length))
}

// run advances a run of equal observations: it begins with the first, is given
// up by the opposite, and says whether it is full.
func (r windowRule) run(w *v1alpha1.CheckWindow, at time.Time, seen bool) (*v1alpha1.CheckWindow, bool) {
	if !seen {
		return nil, false
	}
	if w == nil {
		w = startWindow(at, r)
	} else {
		r.record(w, at, true)
	}
	return w, r.full(w, at)
}

// stamp is a moment as the API stores it: in whole seconds.
func stamp(t time.Time) metav1.Time { return metav1.NewTime(t.Truncate(time.Second)) }
