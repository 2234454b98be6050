// SPDX-License-Identifier: Apache-2.0

package adoption

import (
	"maps"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/uptake-dev/uptake/api/v1alpha1"
)

// The time of day is set now and then, and sometimes wrongly: what was stored while it
// was ahead lies in the future afterwards. Nothing waits for such a time to come, and
// a wait that cannot be measured any more begins anew. What merely happened (when a
// phase started, or was achieved) is not written again: a clock that is behind for an
// hour would spoil every date there is.

// clockSlack is what the clocks of several machines may differ by.
const clockSlack = 5 * time.Second

// inFuture reports whether a stored time lies in the future by more than some slack.
func (s *stepper) inFuture(at time.Time, slack time.Duration) bool {
	return at.After(s.now.Add(max(slack, clockSlack)))
}

// strayed reports whether the time since a stored one is not known: it lies in the future,
// or the clock was set since.
func (s *stepper) strayed(at time.Time, slack time.Duration) bool {
	set, by := s.clockSet.At.Truncate(time.Second), s.clockSet.By
	if by < 0 {
		by = -by
	}
	return s.inFuture(at, slack) || by > max(slack, clockSlack) && at.Truncate(time.Second).Before(set)
}

// waitedSince is when a wait of some length began: now, if that is not known.
func (s *stepper) waitedSince(began time.Time, length time.Duration) time.Time {
	if s.strayed(began, length/10) {
		return s.now
	}
	return began
}

// notAhead is a stored time, or now where it lies in the future.
func (s *stepper) notAhead(at time.Time) time.Time {
	if s.inFuture(at, 0) {
		return s.now
	}
	return at
}

// windowStrayed reports whether nothing more can be told from a window, of an object that was
// last decided on a measurement of some time: that it ends late may be because somebody
// has changed the rule.
func (s *stepper) windowStrayed(w *v1alpha1.CheckWindow, rule windowRule, measuredAt *metav1.Time) bool {
	switch {
	case w == nil:
		return false
	case s.strayed(w.Since.Time, rule.every):
		return true
	case measuredAt != nil && !s.inFuture(measuredAt.Time, 0):
		return false
	}
	return s.inFuture(w.Through.Time, 2*rule.every)
}

// decidedAt is by metric when the newest measurement was asked for that something was
// decided on. One from before is not used any more, whoever has it: another operator
// may have led in between. What people have changed since may ask for other metrics,
// and says nothing of them.
func (s *stepper) decidedAt() map[string]time.Time {
	newest := map[string]time.Time{}
	note := func(metric string, at *metav1.Time) {
		if at != nil && !at.After(s.now) && at.After(newest[metric]) {
			newest[metric] = at.Time
		}
	}
	for _, p := range s.phases {
		if p.Status.ObservedGeneration != p.Generation {
			continue
		}
		for i := range p.Spec.Targets {
			note(string(p.Spec.Targets[i].Metric), p.Status.MeasuredAt)
		}
	}
	for _, b := range s.barriers {
		switch spec := &b.Spec; {
		case b.Status.ObservedGeneration != b.Generation:
		case spec.Cause != nil && spec.Cause.Type == v1alpha1.CauseRegression: // told from the state of phases
		case spec.Cause != nil:
			note(string(spec.Cause.Metric), b.Status.MeasuredAt)
		case spec.Detect != nil:
			note(string(spec.Detect.Metric), b.Status.MeasuredAt)
		}
	}
	if m := s.headline(); m != nil && s.program.Status.ObservedGeneration == s.program.Generation {
		note(string(m.Name), s.program.Status.MeasuredAt)
	}
	return newest
}

// newerOf is the time of a measurement, as it is stored: it does not go back, unless
// what is stored has not come yet, or was of another spec.
func (s *stepper) newerOf(stored *metav1.Time, at time.Time, sameSpec bool) *metav1.Time {
	stamped := stamp(at)
	if stored != nil && sameSpec && !stored.After(s.now) && stored.After(stamped.Time) {
		return stored
	}
	return &stamped
}

// notFromTheFuture leaves out measurements that were made before the clock was set
// back: they say nothing of now, as if nothing had been asked yet.
func notFromTheFuture(measurements map[string]Measurement, now time.Time) map[string]Measurement {
	kept := measurements
	for path, m := range measurements {
		if m.At.After(now.Add(clockSlack)) {
			if len(kept) == len(measurements) {
				kept = maps.Clone(measurements)
			}
			delete(kept, path)
		}
	}
	return kept
}
