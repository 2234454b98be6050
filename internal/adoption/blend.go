// SPDX-License-Identifier: Apache-2.0

package adoption

import (
	"slices"

	"github.com/uptake-dev/uptake/api/v1alpha1"
)

// blend is the value over some segments together: all of them when names is
// empty, those of a mode when mode is set. Parts are added up; plain values become one
// as the metric's aggregation says. One unknown segment makes the whole unknown: a
// partial sum is never taken for the whole.
func (s *stepper) blend(r *Reading, names map[string]bool, mode v1alpha1.AdoptionMode) Value {
	sum := Value{Known: true}
	var values []weighed
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
		sum.Numerator += v.Numerator
		sum.Denominator += v.Denominator
		sum.Exempt += v.Exempt
		sum.HasParts = v.HasParts
		one := weighed{value: v.Amount}
		if p, ok := s.pop.find(seg.Name); ok && p.eligible.known {
			one.weight, one.weighs = p.eligible.value, true
		}
		values = append(values, one)
	}
	switch {
	case len(values) == 0:
		return Value{NotApplicable: true}
	case sum.HasParts:
		sum.Amount = sum.Numerator / sum.Denominator
		return sum
	case aggregationOf(r.Metric) == v1alpha1.AggregationWeightedMean && s.pop.total.known && s.pop.total.value == 0:
		return Value{NotApplicable: true}
	}
	whole := combine(r.Metric, values)
	whole.Active, whole.Exempt = sum.Active, sum.Exempt
	return whole
}

// weighed is a value with its weight, where that is known.
type weighed struct {
	value, weight float64
	weighs        bool
}

// aggregationOf is how a metric's plain values become one; empty: nobody has said.
func aggregationOf(m *v1alpha1.Metric) v1alpha1.Aggregation {
	switch {
	case m.Aggregation != "":
		return m.Aggregation
	case formatOf(m) != v1alpha1.FormatNumber:
		return v1alpha1.AggregationWeightedMean
	case slices.Contains(counting, m.Dimension):
		return v1alpha1.AggregationSum
	default:
		return ""
	}
}

// combine makes one of the plain values of segments; a single one is what it is.
func combine(m *v1alpha1.Metric, values []weighed) Value {
	if len(values) == 1 {
		return Value{Known: true, Amount: values[0].value}
	}
	var sum, weight, weighted float64
	least, most, unweighed := values[0].value, values[0].value, false
	for _, v := range values {
		sum += v.value
		weight += v.weight
		weighted += v.weight * v.value
		least, most = min(least, v.value), max(most, v.value)
		unweighed = unweighed || !v.weighs
	}
	whole := Value{Known: true}
	switch aggregationOf(m) {
	case v1alpha1.AggregationSum:
		whole.Amount = sum
	case v1alpha1.AggregationMean:
		whole.Amount = sum / float64(len(values))
	case v1alpha1.AggregationMin:
		whole.Amount = least
	case v1alpha1.AggregationMax:
		whole.Amount = most
	case v1alpha1.AggregationWeightedMean:
		if unweighed || weight == 0 {
			return unknownValue(metricPath(m) + ".query gives a value for each segment, and without a population by segment they cannot be weighted: give spec.population.query, use a ratio, or set aggregation: Mean")
		}
		whole.Amount = weighted / weight
	default:
		return unknownValue(metricPath(m) + ": several segments have a number each, and in the dimension " + string(m.Dimension) + " numbers are not added up: set aggregation to Mean, WeightedMean, Min, Max or Sum")
	}
	return whole
}

func (r *Reading) hasBothModes() bool {
	var mandated, optIn bool
	for _, s := range r.Segments {
		mandated = mandated || s.Mode == v1alpha1.ModeMandated
		optIn = optIn || s.Mode == v1alpha1.ModeOptIn
	}
	return mandated && optIn
}
