// SPDX-License-Identifier: Apache-2.0

package adoption

import (
	"fmt"
	"math"

	"github.com/uptake-dev/uptake/api/v1alpha1"
)

// Value is a number with what it was made of.
type Value struct {
	Known bool
	// NotApplicable: nobody is eligible here. Neither known nor unknown.
	NotApplicable bool
	Amount        float64
	// Numerator and Denominator of a rate, ratio or share; exempt is taken off
	// the denominator. HasParts says whether they are set.
	Numerator, Denominator, Exempt float64
	// Active is everybody counted, those included where nobody is eligible: what
	// a regression is told from.
	Active   float64
	HasParts bool
	// Why it is not known.
	Why string
}

func unknownValue(why string) Value { return Value{Why: why} }

// rateValue is active / (eligible - exempt).
func rateValue(active, eligible amount, exempt float64, discreet bool) Value {
	if !eligible.known {
		return unknownValue(eligible.why)
	}
	n := eligible.value - exempt
	if n <= 0 {
		return Value{NotApplicable: true, Exempt: min(exempt, eligible.value), Active: active.value, HasParts: true}
	}
	if !active.known {
		return unknownValue(active.why)
	}
	a := active.value
	if a > n {
		// The two queries are not asked at the same instant.
		if a > n+math.Max(1, n/100) {
			return unknownValue(tooManyActive(a, eligible.value, exempt, discreet))
		}
		a = n
	}
	return Value{Known: true, Amount: a / n, Numerator: a, Denominator: n, Exempt: exempt, Active: active.value, HasParts: true}
}

// tooManyActive says so in numbers, unless they may be of few.
func tooManyActive(active, eligible, exempt float64, discreet bool) string {
	const remedy = ": have rate.active count only those whom population counts, the exempt not among them"
	if discreet {
		return "more are active than are eligible" + remedy
	}
	of := decimal(eligible) + " eligible"
	if exempt > 0 {
		of = fmt.Sprintf("%s eligible less %s exempt", decimal(eligible), decimal(exempt))
	}
	return fmt.Sprintf("%s are active of only %s%s", decimal(active), of, remedy)
}

func ratioValue(m *v1alpha1.Metric, numerator, denominator amount, discreet bool) Value {
	if !denominator.known {
		return unknownValue(denominator.why)
	}
	if denominator.value == 0 {
		return Value{NotApplicable: true, HasParts: true}
	}
	if !numerator.known {
		return unknownValue(numerator.why)
	}
	if numerator.value/denominator.value > maxCount {
		return unknownValue("the ratio is implausibly large (over 1e15)")
	}
	if quotient := numerator.value / denominator.value; beyondWhole(m, quotient) {
		is := fmt.Sprintf("is %s of %s, which is", decimal(numerator.value), decimal(denominator.value))
		if discreet {
			is = "is"
		}
		return unknownValue(fmt.Sprintf("%s.ratio %s more than the whole: the two queries do not count the same thing, or one was answered later", metricPath(m), is))
	}
	return Value{
		Known: true, Amount: numerator.value / denominator.value,
		Numerator: numerator.value, Denominator: denominator.value, Active: numerator.value, HasParts: true,
	}
}

func shareValue(fresh, legacy amount) Value {
	if !fresh.known {
		return unknownValue(fresh.why)
	}
	if !legacy.known {
		return unknownValue(legacy.why)
	}
	return ratioValue(&v1alpha1.Metric{}, fresh, known(fresh.value+legacy.value), true)
}

// plainValue is the value of a metric that is a query, in one segment or as a whole.
// That there is a number, the part has said.
func plainValue(m *v1alpha1.Metric, p *part, segment string) Value {
	row, ok := p.rows[segment]
	if !ok {
		switch {
		case p.zero || p.m.Complete && p.m.Segmented:
			return Value{Known: true}
		case len(p.m.Rows) == 0:
			return unknownValue(p.path + " answered with nothing: check the names and labels that it asks for; only if nothing means zero, set onEmpty: Zero")
		default:
			return unknownValue(fmt.Sprintf("%s has no row for segment %s", p.path, segment))
		}
	}
	if why := plainProblem(m, p, row); why != "" {
		return unknownValue(why)
	}
	return Value{Known: true, Amount: row.Value}
}

// plainProblem says why a row cannot be a metric's value.
func plainProblem(m *v1alpha1.Metric, p *part, row Row) string {
	format := formatOf(m)
	fromConfigMap := m.Query.ConfigMap != nil
	switch {
	case row.Unknown != "":
		return p.path + ": " + row.Unknown
	case row.expired(p.now):
		return p.path + ": " + row.outOfDate()
	case row.Percent && format != v1alpha1.FormatPercent:
		return p.path + " answers with a percentage and the metric is not one: set format: Percent"
	case fromConfigMap && !row.Percent && format == v1alpha1.FormatPercent:
		return p.path + ": the metric is a percentage: write the value with a percent sign, such as 60%"
	case math.Abs(row.Value) > maxCount:
		return p.path + " answers with an implausibly large number (over 1e15)"
	case row.Value < 0 && neverNegative(m):
		return p.path + " answers with a negative value"
	case len(row.From) > 1 && aggregationOf(m) != v1alpha1.AggregationSum:
		return p.path + ": the answers of several sources would be added up, and these are no counts: set segmentBy: {source: Name}"
	}
	return p.scale
}

// combinePlain makes one value of a divided answer in a program without segments.
func combinePlain(m *v1alpha1.Metric, p *part) Value {
	values := make([]weighed, 0, len(p.m.Rows))
	for _, row := range p.m.Rows {
		if why := plainProblem(m, p, row); why != "" {
			if row.Segment != "" {
				why = "segment " + row.Segment + ": " + why
			}
			return unknownValue(why)
		}
		values = append(values, weighed{value: row.Value})
	}
	if p.nobody.total != "" {
		return unknownValue(p.path + ": " + p.nobody.total)
	}
	return combine(m, values)
}
