// SPDX-License-Identifier: Apache-2.0

package adoption

import (
	"cmp"
	"fmt"
	"time"

	"github.com/uptake-dev/uptake/api/v1alpha1"
)

// sighting is what measurements say about a barrier.
type sighting struct {
	// there says whether the obstacle is seen; ok whether that is known and fresh.
	there, ok bool
	at        time.Time
	value     string
	why       string
	// summary is what the operator found, in its words.
	summary string
	rule    windowRule
}

// look asks the measurements.
func (b *barrierStep) look() sighting {
	switch {
	case b.barrier.Spec.Cause != nil:
		return b.lookForCause(*b.barrier.Spec.Cause)
	case b.barrier.Spec.Detect == nil:
		return sighting{}
	}
	d := b.barrier.Spec.Detect
	r := b.readings[string(d.Metric)]
	limit, err := detectBound(d, r.Format)
	if err != nil {
		return sighting{why: err.Error()}
	}
	audience := b.audience()
	if r.undivided && len(b.barrier.Spec.Segments) == 0 {
		audience = nil
	}
	if d.Scope == v1alpha1.DetectAny {
		return b.lookAtEach(&r, audience, limit)
	}
	value := b.over(&r, audience)
	sight := sighting{at: r.At, rule: newWindowRule(durationOr(d.For, 0), 0, r.slowest, 0)}
	if !value.Known {
		sight.value, sight.why = "unknown", cmp.Or(r.Why, value.Why, nobodyEligible)
		return sight
	}
	sight.value = suppressed
	if !b.hidesFrom(&r, audience) {
		sight.value = formatValue(value.Amount, r.Format, roundingFor(limit))
	}
	sight.there, sight.ok, sight.why = limit.met(value.Amount), r.Fresh && !b.calendar.quietAt(r.At), r.Why
	return sight
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

// lookAtEach looks for the obstacle in every segment by itself: one that is known to
// have it decides, and only when all are known to be without it is it gone.
func (b *barrierStep) lookAtEach(r *Reading, audience map[string]bool, limit bound) sighting {
	d := b.barrier.Spec.Detect
	sight := sighting{at: r.At, rule: newWindowRule(durationOr(d.For, 0), 0, r.slowest, 0), value: "unknown"}
	var in []string
	known := 0
	for _, seg := range r.Segments {
		switch {
		case audience != nil && !audience[seg.Name] || seg.Value.NotApplicable:
		case !seg.Value.Known:
			sight.why = cmp.Or(r.Why, seg.Value.Why)
		case limit.met(seg.Value.Amount):
			known++
			in = append(in, seg.Name)
		default:
			known++
		}
	}
	sight.there = len(in) > 0
	fresh := r.Fresh && !b.calendar.quietAt(r.At)
	switch {
	case known == 0 || !sight.there && sight.why != "":
		sight.why = cmp.Or(sight.why, r.Why, r.Total.Why, nobodyEligible)
		return sight
	case sight.there:
		sight.value = fmt.Sprintf("in %d of %d segments: %s", len(in), known, listed(in, 3))
	default:
		sight.value = fmt.Sprintf("in 0 of %d segments", known)
	}
	sight.ok = fresh
	return sight
}

func detectBound(d *v1alpha1.Detect, format v1alpha1.Format) (bound, error) {
	return targetBound(&v1alpha1.Target{AtLeast: d.AtLeast, AtMost: d.AtMost}, format)
}
