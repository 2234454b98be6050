// SPDX-License-Identifier: Apache-2.0

package adoption

import (
	"cmp"
	"fmt"
	"time"

	"github.com/uptake-dev/uptake/api/v1alpha1"
)

// presence reports whether something is there, as far as that is known and fresh.
type presence int

const (
	unclear presence = iota
	absent
	present
)

func presentIf(there bool) presence {
	if there {
		return present
	}
	return absent
}

// counts reports whether a reading says something about an obstacle: it is fresh, and not
// of a time in which nothing is to be expected.
func (s *stepper) counts(r *Reading) bool { return r.Fresh && !s.calendar.quietAt(r.At) }

// detection is what measurements say about a barrier.
type detection struct {
	presence

	at    time.Time
	value string
	why   string
	// summary is what the operator found, in its words.
	summary string
	rule    windowRule
}

// known reports whether it is known and fresh.
func (d detection) known() bool { return d.presence != unclear }

// detect asks the measurements.
func (b *barrierStep) detect() detection {
	switch {
	case b.barrier.Spec.Cause != nil:
		return b.detectCause(*b.barrier.Spec.Cause)
	case b.barrier.Spec.Detect == nil:
		return detection{}
	}
	d := b.barrier.Spec.Detect
	r := b.readings[string(d.Metric)]
	limit, err := detectBound(d, r.Format)
	if err != nil {
		return detection{why: err.Error()}
	}
	audience := b.audience()
	if r.undivided && len(b.barrier.Spec.Segments) == 0 {
		audience = nil
	}
	if d.Scope == v1alpha1.DetectAny {
		return b.detectInEach(&r, audience, limit)
	}
	value := b.over(&r, audience)
	found := detection{at: r.At, rule: newWindowRule(durationOr(d.For, 0), 0, r.slowest, 0)}
	if !value.Known {
		found.value, found.why = "unknown", cmp.Or(r.Why, value.Why, nobodyEligible)
		return found
	}
	found.value = suppressed
	if !b.hidesFrom(&r, audience) {
		found.value = formatValue(value.Amount, r.Format, roundingFor(limit))
	}
	found.why = r.Why
	if b.counts(&r) {
		found.presence = presentIf(limit.met(value.Amount))
	}
	return found
}

// audience is whom a barrier is about: its segments, or those of the phases that it
// names; nil is everybody.
func (b *barrierStep) audience() map[string]bool {
	spec := &b.barrier.Spec
	if len(spec.Segments) > 0 || len(spec.Phases) == 0 {
		return audienceOf(&v1alpha1.Phase{Spec: v1alpha1.PhaseSpec{Segments: spec.Segments}}, &v1alpha1.Target{})
	}
	all := map[string]bool{}
	for _, name := range spec.Phases {
		phase, ok := b.phaseByName[string(name)]
		if !ok || len(phase.Spec.Segments) == 0 {
			return nil
		}
		for _, segment := range phase.Spec.Segments {
			all[string(segment)] = true
		}
	}
	return all
}

// detectInEach looks for the obstacle in every segment by itself: one that is known to
// have it decides, and only when all are known to be without it is it gone.
func (b *barrierStep) detectInEach(r *Reading, audience map[string]bool, limit bound) detection {
	d := b.barrier.Spec.Detect
	found := detection{at: r.At, rule: newWindowRule(durationOr(d.For, 0), 0, r.slowest, 0), value: "unknown"}
	var in []string
	known := 0
	for _, seg := range r.Segments {
		switch {
		case audience != nil && !audience[seg.Name] || seg.Value.NotApplicable:
		case !seg.Value.Known:
			found.why = cmp.Or(r.Why, seg.Value.Why)
		case limit.met(seg.Value.Amount):
			known++
			in = append(in, seg.Name)
		default:
			known++
		}
	}
	there := len(in) > 0
	switch {
	case known == 0 || !there && found.why != "":
		found.why = cmp.Or(found.why, r.Why, r.Total.Why, nobodyEligible)
		return found
	case there:
		found.value = fmt.Sprintf("in %d of %d segments: %s", len(in), known, listed(in, 3))
	default:
		found.value = fmt.Sprintf("in 0 of %d segments", known)
	}
	if b.counts(r) {
		found.presence = presentIf(there)
	}
	return found
}

func detectBound(d *v1alpha1.Detect, format v1alpha1.Format) (bound, error) {
	return targetBound(&v1alpha1.Target{AtLeast: d.AtLeast, AtMost: d.AtMost}, format)
}
