// SPDX-License-Identifier: Apache-2.0

package adoption

import (
	"cmp"
	"fmt"

	"github.com/uptake-dev/uptake/api/v1alpha1"
)

// noteMeasured notes when the headline metric was measured.
func (p *programStep) noteMeasured() {
	m := p.headline()
	if m == nil {
		return
	}
	if r := p.readings[string(m.Name)]; !r.At.IsZero() && !r.Pending && (r.Total.Known || r.Total.NotApplicable) {
		p.status.MeasuredAt = p.newerOf(p.old.MeasuredAt, r.At, p.old.ObservedGeneration == p.program.Generation)
	}
}

// unmeasuredMetrics are the metrics that never had a value, with the reason of the first.
func (p *programStep) unmeasuredMetrics() (names []string, why string) {
	for i := range p.status.Metrics {
		st := &p.status.Metrics[i]
		r := p.readings[st.Name]
		if st.Value != "" || r.Fresh && (r.Total.Known || r.Total.NotApplicable) {
			continue
		}
		names = append(names, st.Name)
		why = cmp.Or(why, r.Why, p.populationProblem(), r.Total.Why)
	}
	return names, why
}

// neverMeasured is what keeps a program from being Ready before anything was measured.
func (p *programStep) neverMeasured() *problem {
	names, why := p.unmeasuredMetrics()
	if len(names) < len(p.status.Metrics) {
		return nil
	}
	return referenceProblem(v1alpha1.ReasonAwaitingData, "Waits for the first measurement: "+cmp.Or(why, "the first answers are on their way"))
}

// measuredText says what of the program is measured.
func (p *programStep) measuredText() string {
	names, why := p.unmeasuredMetrics()
	if len(names) == 0 {
		return "The program is measured."
	}
	return fmt.Sprintf("%d of %d metrics are measured; %s: %s.", len(p.status.Metrics)-len(names), len(p.status.Metrics), names[0], cmp.Or(withoutPath(why), "waiting for the first answer"))
}

// nothingFound says why a count that should rise may be zero. Where it should fall that
// nothing is found is what everybody wants.
func (p *programStep) nothingFound() string {
	for i := range p.program.Spec.Metrics {
		m := &p.program.Spec.Metrics[i]
		for _, use := range metricQueries(m) {
			hint := p.measurements[use.Path].Hint
			if hint == "" || use.Alive || m.Direction == v1alpha1.DirectionDecrease || m.Share != nil && use.Query == &m.Share.Legacy {
				continue
			}
			return "Nothing is counted for " + string(m.Name) + ": " + hint + "."
		}
	}
	return ""
}

// otherUnmeasured says why a metric that is not the headline never had a value: in the
// columns of a program without phases nothing else shows it.
func (p *programStep) otherUnmeasured() string {
	names, why := p.unmeasuredMetrics()
	m := p.headline()
	if len(names) == 0 || why == "" || m == nil || names[0] == string(m.Name) {
		return ""
	}
	return "Metric " + names[0] + " has no value yet: " + withoutPath(why) + "."
}

// populationProblem says why it is not known who is eligible, or in which segment.
func (p *programStep) populationProblem() string {
	switch {
	case p.program.Spec.Population == nil || p.pop.source == nil || p.pop.source.At.IsZero():
		return ""
	case p.pop.unknown != "":
		return p.pop.unknown
	case !p.pop.total.known:
		return p.pop.total.why
	default:
		return ""
	}
}

// lacksData says why nothing is known of the program as a whole: the headline metric has
// not been measured for longer than staleAfter, or never, or there is nobody to measure.
func (p *programStep) blind(noneWorse bool) string {
	m := p.headline()
	if m == nil {
		return ""
	}
	r := p.readings[string(m.Name)]
	never := p.lastMeasured().IsZero()
	switch {
	case r.Pending:
		if p.old.Health == v1alpha1.HealthUnknown && noneWorse {
			return "waiting for the first answers"
		}
	case r.Fresh && r.Total.Known:
	case r.Total.NotApplicable:
		return cmp.Or(p.populationProblem(), nobodyEligible)
	case r.Stale || never:
		return cmp.Or(r.Why, r.Total.Why, "waiting for the first answers")
	}
	return ""
}
