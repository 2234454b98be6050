// SPDX-License-Identifier: Apache-2.0

package conformance

import (
	"context"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/uptake-dev/uptake/internal/source"
)

func rowsOf(values ...float64) source.Answer {
	var answer source.Answer
	for _, value := range values {
		answer.Rows = append(answer.Rows, source.Row{Value: value})
	}
	return answer
}

func TestNoFaultIsTakenForANumber(t *testing.T) {
	complete := rowsOf(0)
	complete.Complete = true
	tainted := source.Answer{Rows: []source.Row{{Unknown: "why"}}}
	fine := map[Fault][]string{
		Success: {"42"}, Negative: {"-42"}, Empty: {"no rows", "a true 0"}, NaN: {"tainted"}, Inf: {"tainted"},
	}
	for _, fault := range Faults {
		for name, answer := range map[string]source.Answer{
			"42": rowsOf(42), "0": rowsOf(0), "-42": rowsOf(-42), "no rows": {}, "two": rowsOf(42, 42),
			"a true 0": complete, "tainted": tainted,
		} {
			complaints := fault.judge(outcome{answer: answer}, 0)
			if isFine := slices.Contains(fine[fault], name); isFine != (len(complaints) == 0) {
				t.Errorf("%s answered with %s: %q", fault, name, complaints)
			}
		}
	}
}

func TestAFailureIsToldByItsRightName(t *testing.T) {
	for _, fault := range Faults {
		for _, class := range []source.Class{
			source.InvalidQuery, source.NotServed, source.Unauthorized, source.Unavailable, source.Throttled,
			source.NotAllowed, source.Refused, source.BadAnswer,
		} {
			complaints := fault.judge(outcome{failure: source.Errorf(class, "x")}, 0)
			if slices.Contains(accepted[fault], class) != (len(complaints) == 0) {
				t.Errorf("%s told as %s: %q", fault, class, complaints)
			}
		}
	}
	throttled := outcome{failure: &source.Error{Class: source.Throttled, Message: "x"}}
	if complaints := TooMany.judge(throttled, Wait); len(complaints) == 0 {
		t.Error("a wait that is not passed on is accepted")
	}
	throttled.failure.RetryAfter = Wait
	if complaints := TooMany.judge(throttled, Wait); len(complaints) != 0 {
		t.Errorf("%q", complaints)
	}
}

func TestWhatAnOutcomeGivesAwayIsFound(t *testing.T) {
	for name, bad := range map[string]outcome{
		"a secret":              {failure: source.Errorf(source.BadAnswer, "with hunter2")},
		"a body":                {failure: source.Errorf(source.BadAnswer, "it says %s", Marker)},
		"a body, of a segment":  {answer: source.Answer{Rows: []source.Row{{Unknown: Marker}}}},
		"no message":            {failure: &source.Error{Class: source.BadAnswer}},
		"an answer besides":     {failure: source.Errorf(source.BadAnswer, "x"), answer: rowsOf(1)},
		"an unclassified error": {failure: source.Errorf(source.BadAnswer, "x"), unclassified: true},
		"NaN":                   {answer: rowsOf(math.NaN())},
		"an infinity":           {answer: rowsOf(math.Inf(-1))},
	} {
		if len(bad.indiscretions([]string{"hunter2"})) == 0 {
			t.Errorf("%s is not found", name)
		}
	}
	if found := (outcome{failure: source.Errorf(source.BadAnswer, "x")}).indiscretions([]string{"hunter2"}); len(found) > 0 {
		t.Errorf("%q", found)
	}
	if _, unclassified := classified(errors.New("x")); !unclassified {
		t.Error("an error of another type passes for a *source.Error")
	}
}

func TestACaseThatProvesNothingIsRefused(t *testing.T) {
	asker := asked(func(context.Context) (source.Answer, error) { return source.Answer{}, nil })
	nothing := func() {}
	good := Case{Asker: asker, Shown: "x", Secrets: []string{"x"}}
	for name, test := range map[string]struct {
		fault Fault
		Case
		want string
	}{
		"good":                          {Success, good, ""},
		"no asker":                      {Success, Case{Shown: "x", Secrets: []string{"x"}}, "nothing to ask"},
		"no words":                      {Success, Case{Asker: asker, Secrets: []string{"x"}}, "not said"},
		"no secrets":                    {Success, Case{Asker: asker, Shown: "x"}, "no secrets"},
		"slow for ever":                 {Slow, good, "End"},
		"a schema that never changes":   {SchemaChange, good, "Begin"},
		"success that begins too late":  {Success, Case{Asker: asker, Shown: "x", Secrets: []string{"x"}, Begin: nothing}, "Begin"},
		"no new credential":             {Rotated, Case{Asker: asker, Shown: "x", Secrets: []string{"x"}, Begin: nothing}, "no new credential"},
		"a loop that nobody looks into": {RedirectLoop, Case{Asker: asker, Shown: "x", Secrets: []string{"x"}, End: nothing}, "not counted"},
	} {
		if got := test.incomplete(test.fault); (got == "") != (test.want == "") || !strings.Contains(got, test.want) {
			t.Errorf("%s: %q", name, got)
		}
	}
}

type asked func(context.Context) (source.Answer, error)

func (a asked) Ask(ctx context.Context) (source.Answer, error) { return a(ctx) }

func TestATableHasNoHolesAndFitsTheScreen(t *testing.T) {
	table := &Table{cells: map[place]cell{}}
	for _, driver := range []string{"prometheus", "httpjson", "postgresql", "mariadb", "kubernetes", "objects", "configmap"} {
		table.drivers = append(table.drivers, driver)
		for _, fault := range Faults {
			table.cells[place{driver, fault}] = cell{"Unauthorized", "somehow", "42"}
		}
	}
	if holes := table.holes(); len(holes) > 0 {
		t.Errorf("%v", holes)
	}
	var text strings.Builder
	table.Print(t, &text)
	for line := range strings.Lines(text.String()) {
		if strings.Contains(line, "Unauthorized") && len(line) > 120 {
			t.Errorf("%d columns: %s", len(line), line)
		}
	}
	delete(table.cells, place{"objects", Slow})
	table.cells[place{"mariadb", Rotated}] = cell{"Unauthorized", "somehow", ""}
	table.cells[place{"httpjson", Huge}] = cell{"BadAnswer", "", ""}
	if holes := table.holes(); len(holes) != 3 {
		t.Errorf("want 3 holes, got %v", holes)
	}
}

func TestWhatGoesIntoACell(t *testing.T) {
	for want, got := range map[string]outcome{
		"42":           {answer: rowsOf(42)},
		"no rows":      {},
		"Throttled 2m": {failure: &source.Error{Class: source.Throttled, RetryAfter: 2 * time.Minute}},
		"Unavailable":  {failure: source.Errorf(source.Unavailable, "x")},
		"tainted":      {answer: source.Answer{Rows: []source.Row{{Unknown: "x"}}}},
		"0":            {answer: rowsOf(0)},
		"-42":          {answer: rowsOf(-42)},
	} {
		if got.String() != want {
			t.Errorf("want %s, got %s", want, got)
		}
	}
}
