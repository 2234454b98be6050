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
func rateValue(active, eligible amount, exempt float64) Value {
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
			return unknownValue("more are active than are eligible: the two queries do not count the same thing")
		}
		a = n
	}
	return Value{Known: true, Amount: a / n, Numerator: a, Denominator: n, Exempt: exempt, Active: active.value, HasParts: true}
}

func ratioValue(numerator, denominator amount) Value {
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
		return unknownValue("the ratio is too large to be true")
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
	return ratioValue(fresh, known(fresh.value+legacy.value))
}

// plainValue is the value of a metric that is a query, in one segment or as a whole.
func plainValue(m *v1alpha1.Metric, p *part, segment string) Value {
	row, ok := p.rows[segment]
	if !ok {
		switch {
		case p.zero || p.m.Complete && p.m.Segmented:
			return Value{Known: true}
		case len(p.rows) == 0:
			return unknownValue(p.path + " answered with nothing: if that means zero, set onEmpty: Zero")
		case segment != "" && !p.m.Segmented:
			return unknownValue(p.path + " is one number, not one for each segment")
		default:
			return unknownValue(fmt.Sprintf("%s has no row for segment %s", p.path, segment))
		}
	}
	format := formatOf(m)
	fromConfigMap := m.Query.ConfigMap != nil
	switch {
	case row.Unknown != "":
		return unknownValue(p.path + ": " + row.Unknown)
	case row.Percent && format != v1alpha1.FormatPercent:
		return unknownValue(p.path + " answers with a percentage and the metric is not one: set format: Percent")
	case fromConfigMap && !row.Percent && format == v1alpha1.FormatPercent:
		return unknownValue(p.path + ": the metric is a percentage: write the value with a percent sign, such as 60%")
	case math.Abs(row.Value) > maxCount:
		return unknownValue(p.path + " answers with a number too large to be true")
	case row.Value < 0 && format != v1alpha1.FormatNumber:
		return unknownValue(p.path + " answers with a negative value")
	}
	return Value{Known: true, Amount: row.Value}
}

// sumPlain adds up a segmented answer of a program without segments.
func sumPlain(m *v1alpha1.Metric, p *part) Value {
	if formatOf(m) != v1alpha1.FormatNumber {
		return unknownValue(p.path + " answers with several values that cannot be added up: aggregate them in the query")
	}
	total := 0.0
	for _, row := range p.m.Rows {
		if row.Unknown != "" {
			return unknownValue(p.path + ": segment " + row.Segment + ": " + row.Unknown)
		}
		total += row.Value
	}
	return Value{Known: true, Amount: total}
}
