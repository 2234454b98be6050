// SPDX-License-Identifier: Apache-2.0

package adoption

import (
	"fmt"
	"time"

	"github.com/uptake-dev/uptake/api/v1alpha1"
)

// seeLegacy: every phase has been achieved for 28 samples and a route share
// still has somebody on the old route.
func (s *stepper) seeLegacy(c cause, r *Reading) (cause, presence) {
	legacy := r.Total.Denominator - r.Total.Numerator
	if !r.Total.Known {
		return c, unclear
	}
	if r.Metric.Share == nil || s.program.Status.State != v1alpha1.ProgramSustaining || legacy <= 0 {
		return c, absent
	}
	var last time.Time
	for _, p := range s.phases {
		if p.Status.AchievedAt != nil && p.Status.AchievedAt.After(last) {
			last = p.Status.AchievedAt.Time
		}
	}
	ripe := last.Add(causeSamples * durationOr(r.Metric.SampleEvery, day))
	if s.now.Before(ripe) {
		s.agenda.at(ripe)
		return c, absent
	}
	if r.Suppressed {
		c.summary = "Every phase is achieved and the old route is still open"
		return c, present
	}
	c.summary = fmt.Sprintf("Every phase is achieved and the old route is still open: %s is %s, %s still go the old way", c.metric, formatValue(r.Total.Amount, r.Format, r.Direction), decimal(legacy))
	return c, present
}
