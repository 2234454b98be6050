// SPDX-License-Identifier: Apache-2.0

package adoption

import (
	"fmt"
	"strings"

	"github.com/uptake-dev/uptake/api/v1alpha1"
)

// noteMove says why a value differs from that of the point before: whether people, those
// who are eligible, exemptions or sources changed. It is told with each new point of the
// history.
func (s *stepper) noteMove(st *v1alpha1.MetricStatus, r *Reading) {
	if r.Suppressed || s.leastCohort() > 0 {
		st.Moved, st.Sampled = "", nil // parts of two days tell of few people
		return
	}
	v := r.Total
	now := &v1alpha1.SampledStatus{At: stamp(r.At), Value: st.Value, Sources: int32(min(r.sources, 1000))} //nolint:gosec // bounded in the line itself
	if v.HasParts {
		now.Parts = fmt.Sprintf("%g/%g/%g", v.Numerator, v.Denominator+v.Exempt, v.Exempt)
	}
	if was := st.Sampled; was != nil {
		st.Moved = ""
		if was.Value != now.Value {
			st.Moved = Clip(fmt.Sprintf("%s from %s since %s%s", now.Value, was.Value, s.calendar.day(was.At.Time), because(was, now)), 256)
		}
	}
	st.Sampled = now
}

// because lists what changed, the active first.
func because(was, now *v1alpha1.SampledStatus) string {
	var before, after [3]float64
	if !readParts(was.Parts, &before) || !readParts(now.Parts, &after) {
		return sourcesChanged(was, now)
	}
	var reasons []string
	for i, what := range []string{"counted", "eligible", "exempt"} {
		if d := after[i] - before[i]; d > 0 {
			reasons = append(reasons, fmt.Sprintf("%s more %s", decimal(d), what))
		} else if d < 0 {
			reasons = append(reasons, fmt.Sprintf("%s fewer %s", decimal(-d), what))
		}
	}
	if len(reasons) == 0 {
		return sourcesChanged(was, now)
	}
	return ": " + strings.Join(reasons, ", ") + sourcesChanged(was, now)
}

func readParts(text string, into *[3]float64) bool {
	n, err := fmt.Sscanf(text, "%g/%g/%g", &into[0], &into[1], &into[2])
	return err == nil && n == 3
}

func sourcesChanged(was, now *v1alpha1.SampledStatus) string {
	if was.Sources == now.Sources {
		return ""
	}
	return fmt.Sprintf(" (%d sources, before %d)", now.Sources, was.Sources)
}
