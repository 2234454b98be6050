// SPDX-License-Identifier: Apache-2.0

package adoption

import (
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/uptake-dev/uptake/api/v1alpha1"
)

// Whether a number can be true: a share is no more than the whole, and what should
// fall does not fall to nothing between two answers.

// ofAWhole are the dimensions whose percentages are shares of a whole. Others may
// pass 100%: people may come more often, or a tool be worth more than it costs.
var ofAWhole = []v1alpha1.Dimension{
	v1alpha1.DimensionReach, v1alpha1.DimensionBreadth, v1alpha1.DimensionQuality, v1alpha1.DimensionConformance,
	v1alpha1.DimensionRetention, v1alpha1.DimensionSatisfaction, v1alpha1.DimensionRouteShare,
}

// counting are the dimensions whose plain numbers are counts.
var counting = []v1alpha1.Dimension{v1alpha1.DimensionReach, v1alpha1.DimensionRouteShare}

// isShare says that a metric's values cannot pass 100%.
func isShare(m *v1alpha1.Metric) bool {
	return formatOf(m) == v1alpha1.FormatPercent && slices.Contains(ofAWhole, m.Dimension)
}

// beyondWhole says that a share is more than the whole, not counting what arithmetic
// with fractions leaves.
func beyondWhole(m *v1alpha1.Metric, amount float64) bool {
	return isShare(m) && amount > 1+1e-9
}

// scaleProblem says that a plain percentage is on a scale of 0 to 100 where a fraction
// is expected. The scale is that of the query: one value beyond 100% tells of all.
func scaleProblem(m *v1alpha1.Metric, p *part) string {
	if m.Query == nil {
		return ""
	}
	for _, row := range p.m.Rows {
		if row.Unknown != "" || row.expired(p.now) || !beyondWhole(m, row.Value) {
			continue
		}
		shown := formatValue(row.Value, v1alpha1.FormatPercent, "")
		if row.Percent {
			return fmt.Sprintf("%s has %s, and a share of a whole is at most 100%%: correct the value", p.path, shown)
		}
		return fmt.Sprintf("%s answers with %s, which would be %s: a fraction is expected (0.41 is 41%%), so divide a percentage of 0 to 100 by 100 in the query",
			p.path, strconv.FormatFloat(row.Value, 'g', 6, 64), shown)
	}
	return ""
}

// fallsBelow is the share of the last believed value below which a fall is doubted.
const fallsBelow = 0.5

// doubtFall holds back a metric that should decrease when it falls to nothing, or by
// more than half, between two answers of a source that cannot vouch for itself: an
// expired token, a broken filter or a dead exporter looks the same. It is believed
// when it lasts for a sample, or where aliveWhen proves that the source lives.
func (s *stepper) doubtFall(r *Reading, m *v1alpha1.Metric, parts []*part) {
	if !shouldFall(m) || m.AliveWhen != nil || vouched(parts) {
		r.fall = nil
		return
	}
	var since time.Time
	if r.fall != nil && r.fall.Since != nil {
		since = r.fall.Since.Time
	}
	if !r.Fresh || !r.Total.Known {
		s.waitAnew(r, parts)
		return
	}
	believed, now := r.believed(), fallsFrom(m, r.Total)
	if now > 0 && now >= fallsBelow*believed || believed <= 0 {
		r.believe(now)
		return
	}
	if since.IsZero() {
		since = s.now
	}
	wait := durationOr(m.SampleEvery, day)
	if until := since.Add(wait); s.now.Before(until) {
		s.agenda.at(until)
		at := stamp(since)
		fallen := fmt.Sprintf("fell from %s to %s in one answer", formatValue(believed, fallFormat(m), r.Direction), formatValue(now, fallFormat(m), r.Direction))
		if r.Suppressed {
			fallen = "fell by more than half in one answer"
		}
		r.fall = &v1alpha1.FallStatus{Believed: r.fall.Believed, Since: &at}
		r.forget(fmt.Sprintf("%s %s: believed when it lasts for %s, or at once with aliveWhen", metricPath(m), whatFell(m)+fallen, durationText(wait)))
		return
	}
	r.believe(now)
}

// shouldFall says that perfection is a small number: of a metric that should decrease,
// and of the old route in a share.
func shouldFall(m *v1alpha1.Metric) bool {
	return m.Direction == v1alpha1.DirectionDecrease || m.Share != nil
}

// fallsFrom is what a fall is told from: the value, or what still goes the old way.
func fallsFrom(m *v1alpha1.Metric, total Value) float64 {
	if m.Share != nil && m.Direction != v1alpha1.DirectionDecrease {
		return total.Denominator - total.Numerator
	}
	return total.Amount
}

func whatFell(m *v1alpha1.Metric) string {
	if m.Share != nil && m.Direction != v1alpha1.DirectionDecrease {
		return "share.legacy "
	}
	return ""
}

func fallFormat(m *v1alpha1.Metric) v1alpha1.Format {
	if m.Share != nil && m.Direction != v1alpha1.DirectionDecrease {
		return v1alpha1.FormatNumber
	}
	return formatOf(m)
}

// vouched says that every answer comes from a source that knows everything.
func vouched(parts []*part) bool {
	return !slices.ContainsFunc(parts, func(p *part) bool { return !p.m.Complete })
}

// waitAnew begins the wait again after an outage: only answers make a fall last.
func (s *stepper) waitAnew(r *Reading, parts []*part) {
	if r.fall == nil || r.fall.Since == nil {
		return
	}
	for _, p := range parts {
		if p.m.Problem != nil && p.m.Problem.Failures >= sourceFailures {
			at := stamp(s.now)
			r.fall = &v1alpha1.FallStatus{Believed: r.fall.Believed, Since: &at}
			return
		}
	}
}

// believed is the last believed value; 0 when there is none.
func (r *Reading) believed() float64 {
	if r.fall == nil {
		return 0
	}
	value, err := parseDecimal(r.fall.Believed, "", "")
	if err != nil {
		return 0
	}
	return value
}

// believe remembers a value. One that is not shown is not stored either.
func (r *Reading) believe(value float64) {
	r.fall = &v1alpha1.FallStatus{}
	if !r.Suppressed {
		r.fall.Believed = strconv.FormatFloat(value, 'g', -1, 64)
	}
}
