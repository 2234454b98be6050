// SPDX-License-Identifier: Apache-2.0

package conformance

import (
	"slices"
	"testing"

	"github.com/uptake-dev/uptake/internal/source"
)

// Whatever a driver makes of a content, only what is right passes.
func TestNoContentIsTakenForWhatItIsNot(t *testing.T) {
	answer := func(rows ...source.Row) source.Answer { return source.Answer{Rows: rows, Segmented: true} }
	team := func(value float64) source.Row { return source.Row{Segment: Team, Value: value} }
	outcomes := map[string]outcome{
		"42":             {answer: answer(team(42))},
		"43":             {answer: answer(team(43))},
		"0":              {answer: answer(team(0))},
		"41.3":           {answer: answer(team(41.3))},
		"unknown":        {answer: answer(source.Row{Segment: Team, Unknown: "why"})},
		"42 and 7":       {answer: answer(source.Row{Value: 7}, team(42))},
		"49":             {answer: answer(team(49))},
		"padded":         {answer: answer(source.Row{Segment: Team + " ", Value: 42})},
		"nobody 42":      {answer: answer(source.Row{Value: 42})},
		"twice":          {answer: answer(team(40), team(2))},
		"no rows":        {answer: answer()},
		"bad answer":     {failure: source.Errorf(source.BadAnswer, "x")},
		"invalid":        {failure: source.Errorf(source.InvalidQuery, "x")},
		"not authorised": {failure: source.Errorf(source.Unauthorized, "x")},
	}
	fine := map[Content][]string{
		Partial:    {"bad answer"},
		NullRow:    {"bad answer", "42", "unknown"},
		OfNobody:   {"42 and 7"},
		Padded:     {"42"},
		Duplicate:  {"42", "unknown", "bad answer"},
		OutOf100:   {"41.3"},
		FallToZero: {"0", "unknown"},
		Renamed:    {"nobody 42", "no rows", "bad answer", "invalid", "padded"},
	}
	fine[FallToZero] = []string{"0"}
	for _, content := range Contents {
		for name, got := range outcomes {
			complaints := content.judge(got)
			if isFine := slices.Contains(fine[content], name); isFine != (len(complaints) == 0) {
				t.Errorf("%s, and %s: %q", content, name, complaints)
			}
		}
	}
	complete := outcome{answer: source.Answer{Complete: true}}
	if complaints := FallToZero.judge(complete); len(complaints) > 0 {
		t.Errorf("who knows everything may answer with nothing: %q", complaints)
	}
}
