// SPDX-License-Identifier: Apache-2.0

package adoption

import (
	"fmt"

	"github.com/uptake-dev/uptake/api/v1alpha1"
)

// seePlateau: less than a tenth of the gap to the target was closed in 28 samples of
// an active phase, quiet freezes left out. It looks at the audience of the target, and
// at nothing from before the phase started. A phase that has fallen back is told as that.
func (s *stepper) seePlateau(c cause, r *Reading) (cause, presence) {
	seen := absent
	for _, p := range s.activePhases() {
		for i := range p.Spec.Targets {
			if p.Spec.Targets[i].Metric != c.metric || fallenBack(p) || i >= len(p.Status.Targets) {
				continue
			}
			v := s.judge(p, &p.Spec.Targets[i], 0)
			if !v.overall.Known {
				seen = unclear
				continue
			}
			if text := s.stalled(p, i, v, r); text != "" {
				c.summary = text
				return c, present
			}
		}
	}
	return c, seen
}

// stalled says that a target has hardly moved; empty when it has, or when it is too
// early to say.
func (s *stepper) stalled(p *v1alpha1.Phase, i int, v verdict, r *Reading) string {
	limit, err := targetBound(v.target, r.Format)
	points := s.loudPoints(s.history(p.Status.Targets[i].History))
	if err != nil || len(points) <= causeSamples {
		return ""
	}
	// Sample against sample, and 28 apart, which is four whole weeks: a rhythm of
	// the day or of the week is no stall.
	window := points[len(points)-1-causeSamples:]
	if !r.counted.IsZero() && r.counted.Before(window[1].at) {
		return "" // nobody has counted since: a survey of each quarter does not stall
	}
	before, newest, now := window[0].value, window[causeSamples].value, v.overall.Amount
	if limit.met(now) || limit.met(before) {
		return ""
	}
	closed := (newest - before) / (limit.value - before)
	if closed >= plateauShare {
		return ""
	}
	moved := "has hardly moved"
	if closed <= -plateauShare {
		moved = "has fallen"
	}
	shown := suppressed
	if !v.hidden {
		shown = formatValue(now, r.Format, r.Direction)
	}
	return fmt.Sprintf("%s %s for %d samples: %s, and phase %s needs %s", v.target.Metric, moved, causeSamples, shown, p.Name, limit.String(r.Format))
}
