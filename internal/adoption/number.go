// SPDX-License-Identifier: Apache-2.0

package adoption

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/common/model"

	"github.com/uptake-dev/uptake/api/v1alpha1"
)

// ParseNumber reads a value in a metric's format: a percentage as a fraction, a
// duration in seconds. The error says what to write instead.
func ParseNumber(text string, format v1alpha1.Format) (float64, error) {
	switch format {
	case v1alpha1.FormatPercent:
		digits, ok := strings.CutSuffix(text, "%")
		if !ok {
			if _, err := strconv.ParseFloat(text, 64); err == nil {
				return 0, fmt.Errorf("%q has no percent sign and the metric is a percentage: write %s", text, percentRemedy(text))
			}
			return 0, fmt.Errorf("%q is not a percentage: write for example \"60%%\"", text)
		}
		// Shifting the decimal point in the text rounds once, so that 48 of 60
		// meets "80%" exactly.
		return parseDecimal(digits+"e-2", text, "a percentage such as \"60%\"")
	case v1alpha1.FormatDuration:
		d, err := ParseDuration(text)
		if err != nil {
			return 0, fmt.Errorf("%q is not a duration and the metric is one: write for example \"4h\"", text)
		}
		return d.Seconds(), nil
	default:
		if before, ok := strings.CutSuffix(text, "%"); ok {
			return 0, fmt.Errorf("%q is a percentage and the metric is a number: write %q, or give the metric format: Percent", text, before)
		}
		return parseDecimal(text, text, "a number such as \"12\"")
	}
}

// percentRemedy is what to write instead of a number without a percent sign. Who
// writes 0.8 for a percentage means 80% more often than 0.8%.
func percentRemedy(text string) string {
	v, err := strconv.ParseFloat(text+"e2", 64)
	if err != nil || v <= 0 || v > 100 {
		return strconv.Quote(text + "%")
	}
	small := "less than one percent"
	if v == 100 {
		small = "one percent"
	}
	return fmt.Sprintf("%q (or %q if you really mean %s)", strconv.FormatFloat(v, 'f', -1, 64)+"%", text+"%", small)
}

func parseDecimal(number, text, example string) (float64, error) {
	v, err := strconv.ParseFloat(number, 64)
	if err != nil || math.IsNaN(v) || math.IsInf(v, 0) {
		return 0, fmt.Errorf("%q is not a decimal: write %s", text, example)
	}
	return v, nil
}

// formatValue writes a value for people, rounded so that it never looks better
// than it is: 79.96% of at least 80% is 79.9%.
func formatValue(v float64, format v1alpha1.Format, direction v1alpha1.Direction) string {
	const nudge = 1e-9
	round := func(x float64) float64 { return math.Floor(x + nudge) }
	if direction == v1alpha1.DirectionDecrease {
		round = func(x float64) float64 { return math.Ceil(x - nudge) }
	}
	switch format {
	case v1alpha1.FormatPercent:
		return decimal(round(v*1000)/10) + "%"
	case v1alpha1.FormatDuration:
		if math.Abs(v) > math.MaxInt32 {
			return decimal(round(v)) + "s" // more than a Go duration can hold
		}
		return model.Duration(time.Duration(round(v)) * time.Second).String()
	default:
		return decimal(round(v*100) / 100)
	}
}

// decimal writes at most two decimals, without trailing zeros.
func decimal(v float64) string {
	if v == 0 {
		return "0" // not "-0"
	}
	return strconv.FormatFloat(math.Round(v*100)/100, 'f', -1, 64)
}

// ParseDuration reads a duration as Prometheus writes it.
func ParseDuration(text string) (time.Duration, error) {
	d, err := model.ParseDuration(text)
	if err != nil {
		return 0, fmt.Errorf("%q is not a duration: write a number and a unit, such as 90s, 12h, 7d or 2w", text)
	}
	return time.Duration(d), nil
}

// durationOr reads a duration that the schema has checked; empty is the default.
func durationOr(text v1alpha1.Duration, otherwise time.Duration) time.Duration {
	if text == "" {
		return otherwise
	}
	d, err := ParseDuration(string(text))
	if err != nil {
		return otherwise
	}
	return d
}

// atLeast and atMost forgive the rounding of the last binary digit.
func atLeast(v, bound float64) bool { return v >= bound-tolerance(bound) }
func atMost(v, bound float64) bool  { return v <= bound+tolerance(bound) }

func tolerance(bound float64) float64 { return 1e-12 * math.Max(1, math.Abs(bound)) }
