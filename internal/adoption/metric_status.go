// SPDX-License-Identifier: Apache-2.0

package adoption

import (
	"cmp"
	"slices"
	"sort"

	"github.com/uptake-dev/uptake/api/v1alpha1"
)

// measure fills what is shown of the population and the metrics.
func (p *programStep) measure() {
	p.describePopulation()
	statuses := make([]v1alpha1.MetricStatus, 0, len(p.program.Spec.Metrics))
	for i := range p.program.Spec.Metrics {
		m := &p.program.Spec.Metrics[i]
		statuses = append(statuses, p.metric(p.readings[string(m.Name)]))
	}
	p.status.Metrics = statuses
	p.noteMeasured()
	if m := p.headline(); m != nil {
		i := slices.IndexFunc(statuses, func(s v1alpha1.MetricStatus) bool { return s.Name == string(m.Name) })
		p.status.Adoption, p.status.Trend = statuses[i].Value, statuses[i].Trend
	}
}

func (p *programStep) describePopulation() {
	if p.program.Spec.Population == nil {
		p.status.Population = nil
		return
	}
	if p.pop.source != nil && p.pop.source.At.IsZero() {
		return // nothing known yet: what was written stays
	}
	pop := &v1alpha1.PopulationStatus{
		DroppedAt: p.droppedAt,
		Unmatched: p.few(p.pop.nobody.value), UnmatchedNames: p.pop.nobody.statusNames(),
	}
	if p.populationSeen != nil {
		pop.Seen = p.populationSeen.String()
	}
	if old := p.old.Population; old != nil {
		pop.Eligible, pop.Exempt, pop.Segments = old.Eligible, old.Exempt, old.Segments
	}
	if p.pop.total.known && !p.dropped {
		pop.Eligible = decimal(p.pop.total.value)
		pop.Exempt = ""
		if p.pop.exempt > 0 {
			pop.Exempt = decimal(p.pop.exempt)
		}
		pop.Segments = 0
	}
	for _, seg := range p.pop.segments {
		switch {
		case seg.eligible.known && seg.eligible.value-seg.exempt <= 0:
			if len(pop.NotApplicable) < 10 {
				pop.NotApplicable = append(pop.NotApplicable, statusName(seg.name))
			}
		case !p.dropped && p.pop.total.known:
			pop.Segments++
		}
	}
	p.status.Population = pop
}

// metric is what is shown of one metric. While it is unknown the last good
// values stay, and unknown says why.
func (p *programStep) metric(r Reading) v1alpha1.MetricStatus {
	old := p.metricStatus(string(r.Metric.Name))
	st := *old.DeepCopy()
	st.Name = string(r.Metric.Name)
	if r.Pending {
		return st
	}
	st.Samples, st.Seen, st.Fall = r.samples, r.seen, r.fall
	why := r.Why
	if why == "" && !r.Total.Known {
		why = cmp.Or(r.Total.Why, nobodyEligible)
	}
	now := stamp(p.now)
	if (why == "") != (old.Unknown == "") || st.Since == nil || p.inFuture(st.Since.Time, 0) {
		st.Since = &now
	}
	st.Unknown = Clip(why, 1024)
	if r.Fresh && r.Total.Known {
		p.showValues(&st, &r)
	} else {
		p.conceal(&st, &r)
	}
	if !r.At.IsZero() {
		st.Unmatched, st.UnmatchedNames = p.few(r.nobody.value), r.nobody.statusNames()
	}
	st.Laggards = r.concealSegments(st.Laggards)
	st.History = p.remember(old.History, &r)
	if st.History != old.History || r.Suppressed {
		p.noteMove(&st, &r)
	}
	st.Trend = p.trend(st.History)
	switch b := r.Metric.Baseline; {
	case b != nil:
		st.Baseline = string(b.Value)
	case st.Baseline == "" && r.Fresh && r.Total.Known && !r.Suppressed:
		st.Baseline = st.Value
	}
	return st
}

// few writes how many belong to nobody, without telling of a small cohort.
func (s *stepper) few(value float64) string {
	switch least := s.leastCohort(); {
	case value == 0:
		return ""
	case value < least:
		return "fewer than " + decimal(least)
	default:
		return decimal(value)
	}
}

// conceal hides what was shown of cohorts that are too small since.
func (p *programStep) conceal(st *v1alpha1.MetricStatus, r *Reading) {
	if r.Suppressed && st.Value != "" {
		st.Value = suppressed
		st.Numerator, st.Denominator, st.Exempt = "", "", ""
	}
	if p.hidesMode(r) && st.Mandated != "" {
		st.Mandated, st.OptIn = suppressed, suppressed
	}
}

// hidesMode reports whether neither mode's value is shown: one would tell the other.
func (p *programStep) hidesMode(r *Reading) bool {
	return p.hides(r, func(seg SegmentReading) bool { return seg.Mode == v1alpha1.ModeMandated })
}

func (p *programStep) showValues(st *v1alpha1.MetricStatus, r *Reading) {
	shown := func(v Value, hidden bool) string {
		switch {
		case !v.Known:
			return ""
		case hidden:
			return suppressed
		}
		return formatValue(v.Amount, r.Format, r.Direction)
	}
	byMode := p.hidesMode(r)
	st.Value, st.Mandated, st.OptIn = shown(r.Total, r.Suppressed), shown(r.Mandated, byMode), shown(r.OptIn, byMode)
	st.Numerator, st.Denominator, st.Exempt = "", "", ""
	if r.Total.HasParts && !r.Suppressed {
		st.Numerator, st.Denominator = decimal(r.Total.Numerator), decimal(r.Total.Denominator)
		if r.Total.Exempt > 0 {
			st.Exempt = decimal(r.Total.Exempt)
		}
	}
	st.Suppressed = 0
	for _, seg := range r.Segments {
		if seg.Suppressed {
			st.Suppressed++
		}
	}
	if !p.calendar.quietAt(p.now) {
		st.Laggards = laggards(r)
	}
}

// laggards are mandated segments behind the whole, furthest behind first.
func laggards(r *Reading) []v1alpha1.SegmentValue {
	var behind []SegmentReading
	sign := 1.0
	if r.Direction == v1alpha1.DirectionDecrease {
		sign = -1
	}
	for _, seg := range r.Segments {
		if seg.Value.Known && !seg.Suppressed && seg.Mode == v1alpha1.ModeMandated && sign*seg.Value.Amount < sign*r.Total.Amount {
			behind = append(behind, seg)
		}
	}
	if !r.Total.HasParts && aggregationOf(r.Metric) == v1alpha1.AggregationSum {
		return nil // a sum is no measure for its parts
	}
	sort.SliceStable(behind, func(i, j int) bool { return sign*behind[i].Value.Amount < sign*behind[j].Value.Amount })
	var shown []v1alpha1.SegmentValue
	for _, seg := range behind[:min(len(behind), 10)] {
		shown = append(shown, segmentValue(seg, r))
	}
	return shown
}
