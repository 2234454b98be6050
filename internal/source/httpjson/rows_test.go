// SPDX-License-Identifier: Apache-2.0

package httpjson

import (
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	"github.com/uptake-dev/uptake/api/v1alpha1"
	"github.com/uptake-dev/uptake/internal/source"
)

func TestRowsAreAddedUp(t *testing.T) {
	const seats = `{"seats":[{"team":"cart","used":true,"n":2},{"team":"ads","used":false,"n":3},{"team":"cart","used":true,"n":0.5}],"empty":[],"n":7}`
	for name, test := range map[string]struct {
		body string
		asked
		want []string
	}{
		"a list counts its entries":                  {`[1,2,3]`, asked{}, []string{"=3"}},
		"where makes an object a row":                {`{"used":true}`, asked{where: "row.used"}, []string{"=1"}},
		"a segment as well":                          {`{"team":"cart"}`, asked{segment: "row.team"}, []string{"cart=1"}},
		"an object is one row":                       {`{"total":41}`, asked{value: "row.total"}, []string{"=41"}},
		"a number is one row":                        {`41.5`, asked{value: "body"}, []string{"=41.5"}},
		"rows picks the list":                        {seats, asked{rows: "body.seats"}, []string{"=3"}},
		"where picks rows":                           {seats, asked{rows: "body.seats", where: "row.used"}, []string{"=2"}},
		"value is added up":                          {seats, asked{rows: "body.seats", value: "row.n"}, []string{"=5.5"}},
		"segments are sorted":                        {seats, asked{rows: "body.seats", segment: "row.team"}, []string{"ads=1", "cart=2"}},
		"a segment without a match is 0":             {seats, asked{rows: "body.seats", segment: "row.team", where: "row.used"}, []string{"ads=0", "cart=2"}},
		"no match is 0":                              {seats, asked{rows: "body.seats", where: "row.n > 9"}, []string{"=0"}},
		"no rows are an empty answer":                {seats, asked{rows: "body.empty"}, nil},
		"no rows of segments as well":                {seats, asked{rows: "body.empty", segment: "row.team"}, nil},
		"an empty list is an empty answer":           {`[]`, asked{}, nil},
		"a null segment is nobody's":                 {`[{"t":null},{"t":" a "},{"t":"a"},{"t":"\u00a0"},{"t":"\t"}]`, asked{segment: "row.t"}, []string{"=3", "a=2"}},
		"so is one that is absent, if asked for":     {`[{"t":"a"},{}]`, asked{segment: "row.?t"}, []string{"=1", "a=1"}},
		"so is one that nobody can read":             {`[{"t":"a\u202eb"},{"t":"a\nb"},{"t":"` + strings.Repeat("x", 129) + `"},{"t":"` + strings.Repeat("ä", 128) + `"}]`, asked{segment: "row.t"}, []string{"=3", strings.Repeat("ä", 128) + "=1"}},
		"a null row is of its segment alone":         {`[{"t":"a"},null,{"t":"b"}]`, asked{segment: "row == null ? 'b' : row.t"}, []string{"a=1", "b?"}},
		"a null row of nobody":                       {`[{"t":"a"},null]`, asked{segment: "row == null ? null : row.t"}, []string{"?", "a=1"}},
		"a null row that is left out":                {`[{"t":"a"},null]`, asked{segment: "row.t", where: "row != null"}, []string{"a=1"}},
		"rows that are null when empty":              {`{"items":null}`, asked{rows: "body.items == null ? [] : body.items"}, nil},
		"a choice of null or a list":                 {`{"ok":true,"n":1}`, asked{rows: "body.ok ? [body] : null", value: "row.n"}, []string{"=1"}},
		"an empty name is no segment":                {seats, asked{rows: "body.seats", segment: "row.n > 1 ? row.team : ''"}, []string{"=1", "ads=1", "cart=1"}},
		"body is there for rows":                     {seats, asked{rows: "body.seats", value: "row.n / body.n", where: "row.n == 2"}, []string{"=0.2857142857142857"}},
		"a division is never one of integers":        {`{"active":1,"total":4}`, asked{value: "row.active / row.total"}, []string{"=0.25"}},
		"integers and unsigned are numbers":          {`[1,2]`, asked{value: "row == 1 ? 3 : 4"}, []string{"=7"}},
		"size() is a number":                         {`["abc"]`, asked{value: "size(row)"}, []string{"=3"}},
		"a negative number is one":                   {`[-2]`, asked{value: "row"}, []string{"=-2"}},
		"numbers are compared across types":          {`[1,2]`, asked{where: "row > 1"}, []string{"=1"}},
		"now is the time of the poll":                {`["2026-11-01T00:00:00Z","2026-09-01T00:00:00+02:00"]`, asked{where: `timestamp(row) > now - duration("672h")`}, []string{"=1"}},
		"times are in UTC":                           {`["2026-11-01T00:00:00Z"]`, asked{where: `timestamp(row).getHours() == 0 && now.getHours() == 9`}, []string{"=1"}},
		"strings, sets, lists and math have helpers": {`["A B"]`, asked{where: `row.lowerAscii().split(" ").join("-") == "a-b" && sets.contains([1,2],[2]) && [[1],[2]].flatten().size() == 2 && math.greatest(1,2) == 2`}, []string{"=1"}},
		"absent fields have defaults":                {`[{"a":1},{}]`, asked{value: "row.?a.orValue(5)"}, []string{"=6"}},
		"has() sees them":                            {`[{"a":1},{}]`, asked{where: "has(row.a)"}, []string{"=1"}},
		"a byte order mark is skipped":               {"\xef\xbb\xbf[1]", asked{}, []string{"=1"}},
		"NDJSON is the list of its lines":            {"{\"n\":1}\r\n\n{\"n\":2}", asked{format: v1alpha1.HTTPFormatNDJSON, value: "row.n"}, []string{"=3"}},
		"empty NDJSON is an empty answer":            {"\n", asked{format: v1alpha1.HTTPFormatNDJSON}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			answer, failure := ask(t, answering(t, test.body), test.asked)
			wantRows(t, answer, failure, test.want...)
			if answer.Segmented != (test.segment != "") || answer.Complete {
				t.Errorf("%+v", answer)
			}
		})
	}
}

func TestAnErrorInARowMakesItsSegmentUnknownAndNoOther(t *testing.T) {
	row := func(n string) string {
		return `[{"t":"bad","n":` + n + `},{"t":"bad","n":1},{"t":"good","n":1},{"t":"bad","n":2}]`
	}
	for name, test := range map[string]struct {
		body         string
		where, value expr
		words        string
	}{
		"a missing field":             {`[{"t":"bad"},{"t":"good","n":1}]`, "", "row.n", "there is no n: check its name and where it stands; has()"},
		"one in where":                {`[{"t":"bad"},{"t":"good","n":1}]`, "row.n > 0", "", "http.where, line 1, column 4: there is no n"},
		"null":                        {row("null"), "", "row.n", "http.value gives null, not a number"},
		"null in where":               {row("null"), "row.n > 0", "", "or null"},
		"a string":                    {row(`"hunter2"`), "", "row.n", "put double() around it"},
		"a string that is no number":  {row(`"hunter2"`), "", "double(row.n)", "cannot be converted"},
		"a list":                      {row(`["hunter2"]`), "", "row.n", "a list, not a number"},
		"an object":                   {row(`{"hunter2":1}`), "", "row.n", "an object, not a number"},
		"true":                        {row("true"), "", "row.n", "http.where"},
		"a field of a string":         {row(`"hunter2"`), "", "row.t == 'bad' ? row.n.m : row.n", "no m"},
		"a field of null":             {row("null"), "", "row.t == 'bad' ? row.n.m : row.n", "no m"},
		"a key from the data":         {row(`"hunter2"`), "", "row.t == 'bad' ? {'a': 1.0}[row.n] : row.n", "a field is absent"},
		"a time that is none":         {row(`"hunter2"`), "row.t == 'good' || now > timestamp(row.n)", "", "converted"},
		"an optional":                 {row("1"), "", "row.t == 'bad' ? row.?n : row.n", "orValue()"},
		"NaN":                         {row("1"), "", "row.t == 'bad' ? 0.0 / 0.0 : row.n", "NaN"},
		"infinity":                    {row("1"), "", "row.t == 'bad' ? row.n / 0.0 : row.n", "infinite"},
		"a sum that is out of range":  {row("1"), "", "row.t == 'bad' ? 1.7e308 : row.n", "out of range"},
		"numbers of two kinds":        {row("1"), "", "row.t == 'bad' ? row.n * dyn(100) : row.n", "100.0"},
		"an integer division by zero": {row("1"), "", "row.t == 'bad' ? 1 / 0 : 1", "division by zero"},
		"a where that is not one":     {row("1"), "row.t == 'bad' ? dyn('x') : dyn(true)", "", "a string, not true or false"},
		"a list that is too short":    {row("[]"), "", "row.t == 'bad' ? row.n[3] : row.n", ""},
		"too much work":               {row("1"), "row.t == 'good' || lists.range(400).all(a, lists.range(400).all(b, a + b < 1000))", "", "too much work for a row"},
	} {
		t.Run(name, func(t *testing.T) {
			c := answering(t, test.body)
			answer, failure := ask(t, c, asked{segment: "row.t", where: test.where, value: test.value})
			wantRows(t, answer, failure, "bad?", "good=1")
			if got := answer.Rows[0].Unknown; !strings.Contains(got, test.words) {
				t.Errorf("%q does not say %q", got, test.words)
			}
			_, failure = ask(t, c, asked{where: test.where, value: test.value})
			wantFailure(t, failure, source.BadAnswer, test.words)
		})
	}
}

func TestWhatIsNotOfOneSegmentMakesTheAnswerUnknown(t *testing.T) {
	for name, test := range map[string]struct {
		body string
		asked
		words []string
	}{
		"a row without its segment":   {`[{"t":"a"},{}]`, asked{segment: "row.t"}, []string{"http.segment", "there is no t"}},
		"one that is no string":       {`[{"t":1}]`, asked{segment: "row.t"}, []string{"http.segment gives a number, not a string"}},
		"rows that are an object":     {`{"rows":{"hunter2":1}}`, asked{rows: "body.rows"}, []string{"http.rows gives an object, not a list"}},
		"rows that are null":          {`{"rows":null}`, asked{rows: "body.rows"}, []string{"http.rows gives null, not a list", "body.rows == null ? [] : body.rows"}},
		"rows that are gone":          {`{"items":[]}`, asked{rows: "body.rows"}, []string{"http.rows", "there is no rows"}},
		"rows of a list that is none": {`[]`, asked{rows: "body.rows"}, []string{"http.rows"}},
		"an object where a list was":  {`{"message":"hunter2 is busy"}`, asked{}, []string{"answered with an object, and a list is needed", "http.rows or http.value"}},
		"a string where a list was":   {`"hunter2 is busy"`, asked{}, []string{"a string, and a list is needed"}},
		"an answer of null":           {`null`, asked{}, []string{"null", "body == null ? [] : body"}},
		"a null row without segment":  {`[{"t":"a"},null]`, asked{segment: "row.t"}, []string{"a row is null", "row != null"}},
		"a null row":                  {`[{"t":"a"},null]`, asked{}, []string{"a row is null", "row != null"}},
		"a null row with a value":     {`[1,null]`, asked{value: "1"}, []string{"a row is null"}},
		"many rows":                   {"[" + strings.Repeat("1,", mostRows) + "1]", asked{}, []string{"more than 100,000 rows"}},
		"many segments":               {numbers(mostSegments + 1), asked{segment: "string(row)"}, []string{"more than 5,000 segments"}},
		"too much work for rows":      {`["` + strings.Repeat("a", longestText) + `"]`, asked{rows: "body.filter(s, lists.range(99).all(i, (s + s).size() > i))"}, []string{"too much work for an answer: pick rows with http.where"}},
		"gigabytes of strings":        {`["` + strings.Repeat("a", longestText) + `"]`, asked{where: "lists.range(99).map(i, row + row).size() > 0"}, []string{"too much work for a row"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, failure := ask(t, answering(t, test.body), test.asked)
			wantFailure(t, failure, source.BadAnswer, test.words...)
		})
	}
}

func TestThePollsWorkIsBounded(t *testing.T) {
	c := answering(t, numbers(2000))
	c.(*connection).cost = 100_000
	_, failure := ask(t, c, asked{where: "lists.range(10).all(a, a >= 0 && row >= 0)"})
	wantFailure(t, failure, source.BadAnswer, "too much work for so large an answer")
	// That holds for the whole answer, whichever segment a row is of.
	_, failure = ask(t, c, asked{where: "lists.range(10).all(a, a >= 0 && row >= 0)", segment: "string(row)"})
	wantFailure(t, failure, source.BadAnswer, "too much work for so large an answer")
}

// CEL cannot interrupt these, and some make gigabytes of a few bytes.
func TestAFunctionThatIsGivenTooMuchDoesNotBegin(t *testing.T) {
	long := strings.Repeat("a", longestText)
	c := answering(t, `{"s":"`+long+`","l":`+numbers(5000)+`}`)
	for _, value := range []expr{
		`row.s.replace("", row.s).size()`,
		`row.s.replace("", row.s, 1000).size()`,
		`lists.range(20).map(x, row.s).join().size()`,
		`lists.range(20).map(x, row.s).join(row.s).size()`,
		`"%s".format([lists.range(20).map(x, row.s)]).size()`,
		`row.l.distinct().size()`,
		`lists.range(20).map(x, [row.s]).flatten().size()`,
		`lists.range(20).map(x, [row.s]).flatten(1).size()`,
		`sets.contains(row.l, row.l) ? 1 : 0`,
		`sets.intersects(row.l, row.l) ? 1 : 0`,
		`sets.equivalent(row.l, row.l) ? 1 : 0`,
		`row.s.indexOf(row.s)`,
		`row.s.lastIndexOf(row.s + "b", 3)`,
		`row.s.matches(row.s) ? 1 : 0`,
		`matches(row.s, row.s) ? 1 : 0`,
	} {
		_, failure := ask(t, c, asked{value: value})
		wantFailure(t, failure, source.BadAnswer, "too much")
	}
	for value, want := range map[expr]string{
		`"abc".replace("b", "x") == "axc" && "abcb".replace("b", "x", 1) == "axcb" ? 1 : 0`: "=1",
		`[["a"],["b"]].flatten().join("-") == "a-b" && [1,1].distinct() == [1] ? 1 : 0`:     "=1",
		`"abc".matches("^a.c$") && matches("abc", "b") && !"abc".matches("x") ? 1 : 0`:      "=1",
		`"%s-%d".format(["a", 1]) == "a-1" && "abc".indexOf("c") == 2 ? 1 : 0`:              "=1",
		`sets.equivalent([1,2],[2,1]) && sets.intersects([1],[1,2]) ? 1 : 0`:                "=1",
		`row.l.filter(x, string(x).matches("^1")).size()`:                                   "=1111",
	} {
		answer, failure := ask(t, c, asked{value: value})
		wantRows(t, answer, failure, want)
	}
}

func numbers(n int) string {
	list := make([]string, n)
	for i := range list {
		list[i] = strconv.Itoa(i)
	}
	return "[" + strings.Join(list, ",") + "]"
}

func TestASumDoesNotDependOnTheOrderOfRows(t *testing.T) {
	rows := []string{"1e308", "-1e308", "0.1", "0.2", "0.3", "1e16", "1", "-1e16", "1e308", "-1e308", "5e-324"}
	for range 20 {
		rand.Shuffle(len(rows), func(i, j int) { rows[i], rows[j] = rows[j], rows[i] })
		answer, failure := ask(t, answering(t, "["+strings.Join(rows, ",")+"]"), asked{value: "row"})
		wantRows(t, answer, failure, "=1.6")
	}
}
