// SPDX-License-Identifier: Apache-2.0

package adoption

import (
	"github.com/uptake-dev/uptake/api/v1alpha1"
)

// blend is the value over some segments together: all of them when names is
// empty, those of a mode when mode is set. Parts are added up; plain numbers
// are added up, other plain values are weighted by the eligible. One unknown
// segment makes the whole unknown: a partial sum is never taken for the whole.
func (s *stepper) blend(r *Reading, names map[string]bool, mode v1alpha1.AdoptionMode) Value {
	sum := Value{Known: true}
	var applicable int
	var weight, weighted float64
	for _, seg := range r.Segments {
		if names != nil && !names[seg.Name] || mode != "" && seg.Mode != mode {
			continue
		}
		v := seg.Value
		sum.Active += v.Active
		switch {
		case v.NotApplicable:
			sum.Exempt += v.Exempt
			continue
		case !v.Known:
			return unknownValue("segment " + seg.Name + ": " + v.Why)
		}
		applicable++
		sum.Numerator += v.Numerator
		sum.Denominator += v.Denominator
		sum.Exempt += v.Exempt
		sum.HasParts = v.HasParts
		sum.Amount += v.Amount
		if p, ok := s.pop.find(seg.Name); ok && p.eligible.known {
			weight += p.eligible.value
			weighted += p.eligible.value * v.Amount
		}
	}
	switch {
	case applicable == 0:
		return Value{NotApplicable: true}
	case sum.HasParts:
		sum.Amount = sum.Numerator / sum.Denominator
	case r.Format != v1alpha1.FormatNumber && weight == 0 && s.pop.total.known && s.pop.total.value == 0:
		return Value{NotApplicable: true}
	case r.Format != v1alpha1.FormatNumber && weight == 0:
		return unknownValue(metricPath(r.Metric) + ".query gives a value for each segment, and without a population by segment they cannot be weighted: give spec.population.query, or use a ratio")
	case r.Format != v1alpha1.FormatNumber:
		sum.Amount = weighted / weight
	}
	return sum
}

func (r *Reading) hasBothModes() bool {
	var mandated, optIn bool
	for _, s := range r.Segments {
		mandated = mandated || s.Mode == v1alpha1.ModeMandated
		optIn = optIn || s.Mode == v1alpha1.ModeOptIn
	}
	return mandated && optIn
}
