// SPDX-License-Identifier: Apache-2.0

package adoption

import (
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/uptake-dev/uptake/api/v1alpha1"
)

// seeLagging: in a phase that has been active for 28 samples some segments meet
// a target that is not met, and mandated ones have not come half of the way.
func (s *stepper) seeLagging(c cause, r *Reading) (cause, presence) {
	long := causeSamples * durationOr(r.Metric.SampleEvery, day)
	for _, p := range s.activePhases() {
		if s.now.Sub(p.Status.StartedAt.Time) < long {
			s.agenda.at(p.Status.StartedAt.Add(long))
			continue
		}
		for i := range p.Spec.Targets {
			t := &p.Spec.Targets[i]
			limit, err := targetBound(t, r.Format)
			if t.Metric != c.metric || err != nil || t.Scope != v1alpha1.ScopeEach && t.SegmentShare == "" {
				continue
			}
			if s.judge(p, t, 0).met == metav1.ConditionTrue {
				continue // enough segments for its segmentShare
			}
			lagging, met := laggingIn(r, audienceOf(p, t), limit)
			if len(lagging) > 0 && met > 0 {
				c.summary = fmt.Sprintf("%d segments are less than half way to %s %s of phase %s, while %d have reached it: %s", len(lagging), c.metric, limit.String(r.Format), p.Name, met, listed(lagging, 5))
				return c, present
			}
		}
	}
	return c, absent
}

func laggingIn(r *Reading, audience map[string]bool, limit bound) (lagging []string, met int) {
	for _, seg := range r.Segments {
		if audience != nil && !audience[seg.Name] || !seg.Value.Known {
			continue
		}
		v := seg.Value.Amount
		halfWay := v >= limit.value/2
		if !limit.least {
			halfWay = v <= limit.value*2
		}
		switch {
		case limit.met(v):
			met++
		case seg.Mode == v1alpha1.ModeMandated && !halfWay && !seg.Suppressed:
			lagging = append(lagging, seg.Name)
		}
	}
	return lagging, met
}
