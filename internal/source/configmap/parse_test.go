// SPDX-License-Identifier: Apache-2.0

package configmap

import (
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/uptake-dev/uptake/internal/source"
)

var (
	zurich = mustLoad("Europe/Zurich")
	// now is the 20th of November 2026, in the morning.
	now = time.Date(2026, 11, 20, 9, 0, 0, 0, zurich)
)

func mustLoad(name string) *time.Location {
	loc, err := time.LoadLocation(name)
	if err != nil {
		panic(err)
	}
	return loc
}

func day(year int, month time.Month, day int) time.Time {
	return time.Date(year, month, day, 0, 0, 0, 0, zurich)
}

func TestADatedNumberIsRead(t *testing.T) {
	counted, expires := day(2026, time.November, 1), day(2027, time.March, 1) // 120 days after the 1st of November
	for text, want := range map[string]source.Row{
		"2026-11-01 41.3%":                               {Value: 0.413, Percent: true, Date: counted, Expires: expires},
		"2026-11-01 41.3 %\n":                            {Value: 0.413, Percent: true, Date: counted, Expires: expires},
		"2026-11-01\t900":                                {Value: 900, Date: counted, Expires: expires},
		"  2026-11-01   0  ":                             {Value: 0, Date: counted, Expires: expires},
		"2026-11-01 -12.5":                               {Value: -12.5, Date: counted, Expires: expires},
		"\ufeff# survey\r\n\r\n2026-11-01 100%\r\n":      {Value: 1, Percent: true, Date: counted, Expires: expires},
		"2026-10-01 10%\n2026-11-01 20%\n2026-12-01 30%": {Value: 0.2, Percent: true, Date: counted, Expires: expires},
		"2026-11-01T00:00:00+01:00 7":                    {Value: 7, Date: counted, Expires: expires},
	} {
		answer, err := Parse(text, now, zurich)
		if err != nil {
			t.Errorf("%q: %v", text, err)
			continue
		}
		if answer.Segmented || answer.Complete || len(answer.Rows) != 1 || !same(answer.Rows[0], want) {
			t.Errorf("%q: want %+v, got %+v", text, want, answer)
		}
	}
}

func same(a, b source.Row) bool {
	return a.Segment == b.Segment && a.Value == b.Value && a.Percent == b.Percent && a.Expires.Equal(b.Expires)
}

func TestOfEachSegmentTheNewestRowThatIsNotInTheFutureCounts(t *testing.T) {
	text := "\ufeff# Survey, by team\r\n" +
		"Value , date,SEGMENT\r\n" +
		"\r\n" +
		"41.3%,2026-11-01,cart\r\n" +
		"50%,2026-11-20,cart\r\n" +
		"60%,2026-11-21,cart\r\n" +
		"# media answered late, \"as usual\"\r\n" +
		"12%,2026-10-01,\"media, ads\"\r\n" +
		"99%,2026-12-01,research\r\n" +
		",,\r\n"
	answer, err := Parse(text, now, zurich)
	if err != nil {
		t.Fatal(err)
	}
	want := []source.Row{
		{Segment: "cart", Value: 0.5, Percent: true, Date: day(2026, time.November, 20), Expires: day(2027, time.March, 20)},
		{Segment: "media, ads", Value: 0.12, Percent: true, Date: day(2026, time.October, 1), Expires: day(2027, time.January, 29)},
		{Segment: "research"},
	}
	if !answer.Segmented || !slices.EqualFunc(answer.Rows, want, same) {
		t.Fatalf("want %+v, got %+v", want, answer)
	}
	if why := answer.Rows[2].Unknown; !strings.Contains(why, "the only row (line 9) is dated in the future (in Europe/Zurich)") {
		t.Errorf("of a row that is passed over is said: %q", why)
	}
}

func TestATableWithoutSegmentsIsOneNumber(t *testing.T) {
	answer, err := Parse("date,value\n2026-11-01,7\n2026-11-02,8\n", now, zurich)
	if err != nil {
		t.Fatal(err)
	}
	if answer.Segmented || len(answer.Rows) != 1 || answer.Rows[0].Value != 8 {
		t.Fatalf("%+v", answer)
	}
}

func TestADateIsADayInTheProgramsZone(t *testing.T) {
	text := "2026-11-20 1\n2026-11-19 2"
	early := time.Date(2026, 11, 20, 0, 30, 0, 0, zurich)
	for loc, want := range map[*time.Location]float64{zurich: 1, mustLoad("America/New_York"): 2} {
		answer, err := Parse(text, early, loc)
		if err != nil {
			t.Fatal(err)
		}
		if got := answer.Rows[0].Value; got != want {
			t.Errorf("in %v the newest is %v, want %v", loc, got, want)
		}
	}
}

func TestARowThatIsAheadIsPassedOverWithAWord(t *testing.T) {
	inUTC := time.Date(2026, 11, 20, 11, 0, 0, 0, time.UTC) // in Auckland it is the 21st
	for text, words := range map[string]string{
		"2026-11-21 41%":             "the only row (line 1) is dated tomorrow (in UTC): set timeZone",
		"# a\n2026-11-22 1":          "the only row (line 2) is dated in the future (in UTC)",
		"2026-11-22 1\n2026-11-21 1": "every row is in the future: the first (line 2) is dated tomorrow",
		"date,value\n2026-11-21,1":   "the only row (line 2)",
	} {
		answer, err := Parse(text, inUTC, time.UTC)
		if err != nil || len(answer.Rows) != 1 || !strings.Contains(answer.Rows[0].Unknown, words) {
			t.Errorf("%q: %+v, %v", text, answer, err)
		}
	}
	answer, err := Parse("2026-11-21 41%", inUTC, mustLoad("Pacific/Auckland"))
	if err != nil || answer.Rows[0].Value != 0.41 {
		t.Errorf("in the program's zone: %+v, %v", answer, err)
	}
	answer, err = Parse("date,value\n", now, zurich)
	if err != nil || len(answer.Rows) != 0 {
		t.Errorf("a table without rows: %+v, %v", answer, err)
	}
}

func TestARowThatCannotBeUsedIsItsSegmentsAlone(t *testing.T) {
	for text, want := range map[string]map[string]string{
		"date,segment,value\n2026-11-01,cart,n/a\n2026-11-01,media,5":                     {"cart": "line 2 has no usable value: write a decimal", "media": ""},
		"date,segment,value\n2026-13-01,cart,1\n2026-11-01,cart,2\n2026-11-01,media,5":    {"cart": "line 2 has no usable date", "media": ""},
		"date,segment,value\n2026-10-01,cart,n/a\n2026-11-01,cart,2\n2026-11-01,media,5":  {"cart": "", "media": ""},
		"date,segment,value\n2026-11-01,cart,1\n2026-11-01,cart,2\n2026-11-01,media,5":    {"cart": "lines 2 and 3 are for the same date", "media": ""},
		"date,segment,value\n2026-11-01,cart,1\n2026-11-01, cart ,2\n2026-11-01,media,5":  {"cart": "lines 2 and 3", "media": ""},
		"date,segment,value\n2027-11-01,cart,1\n2026-11-01,media,5":                       {"cart": "the only row (line 2)", "media": ""},
		"date,segment,value\n2026-11-01,cart,n/a\n2026-11-01,media,5%\n2026-11-01,ads,7%": {"cart": "line 2", "media": "", "ads": ""},
		"date,segment,value\n2026-11-01,,n/a\n2026-11-01,media,5":                         {"": "line 2", "media": ""},
	} {
		answer, err := Parse(text, now, zurich)
		if err != nil || len(answer.Rows) != len(want) {
			t.Errorf("%q: %+v, %v", text, answer, err)
			continue
		}
		for _, row := range answer.Rows {
			if (row.Unknown == "") != (want[row.Segment] == "") || !strings.Contains(row.Unknown, want[row.Segment]) {
				t.Errorf("%q: of %q is said %q, not %q", text, row.Segment, row.Unknown, want[row.Segment])
			}
		}
	}
}

func TestRowsWithoutASegmentAreNobodys(t *testing.T) {
	answer, err := Parse("date,segment,value\n2026-11-01,,1\n2026-11-01, \u00a0,2\n2026-10-01,,9\n2026-11-01,cart,5", now, zurich)
	if err != nil || len(answer.Rows) != 2 || answer.Rows[0].Segment != "" || answer.Rows[0].Value != 3 || answer.Rows[1].Value != 5 {
		t.Errorf("%+v, %v", answer, err)
	}
}

func TestOtherColumnsAreForPeople(t *testing.T) {
	answer, err := Parse("date,segment,responses,value,comment\n2026-11-01,cart,12,5,\"fine, thanks\"\n", now, zurich)
	if err != nil || len(answer.Rows) != 1 || answer.Rows[0].Value != 5 {
		t.Errorf("%+v, %v", answer, err)
	}
	for _, slip := range []string{"segmnt", "segments", "segmetn", "values", "vlaue", "dates", "", "segmenx"} {
		if _, err := Parse("date,value,"+slip+"\n2026-11-01,1,2", now, zurich); err == nil {
			t.Errorf("%q is taken for a column of its own", slip)
		}
	}
}

func TestAMistakeIsToldWithItsLineAndTheRemedyAndNotQuoted(t *testing.T) {
	for text, words := range map[string][]string{
		"":                                 {"nothing in it", "2026-11-01 41.3%", "date,segment,value"},
		"# only a comment\n\n":             {"nothing in it"},
		"2026-11-01":                       {"line 1", "2026-11-01 41.3%"},
		"2026-11-01 hunter2":               {"line 1", "41.3%"},
		"# a\n\n2026-13-01 1":              {"line 3", "date", "2026-11-01"},
		"01.11.2026 1":                     {"line 1", "date"},
		"2026-11-01,41%":                   {"line 1", "header", "date,value"},
		"2026-11-01 41,3%":                 {"line 1", "point"},
		"2026-11-01 1e3":                   {"line 1", "decimal"},
		"2026-11-01 0x10":                  {"line 1", "decimal"},
		"2026-11-01 NaN":                   {"line 1", "decimal"},
		"2026-11-01 Inf":                   {"line 1", "decimal"},
		"2026-11-01 1_000":                 {"line 1", "decimal"},
		"2026-11-01 1'000":                 {"line 1", "decimal"},
		"2026-11-01 +1":                    {"line 1", "decimal"},
		"2026-11-01 .5":                    {"line 1", "decimal"},
		"2026-11-01 41%%":                  {"line 1", "decimal"},
		"2026-11-01 99999999999999999999":  {"line 1", "decimal"},
		"2026-11-01 1%\n2026-11-02 2":      {"line 1 has a %", "line 2 has none"},
		"2026-11-01 1\n2026-11-02 2%":      {"line 2 has a %", "line 1 has none"},
		"2026-11-01 1\n2026-11-01 2":       {"lines 1 and 2", "same date"},
		"date;value\n2026-11-01;1":         {"line 1", "header", "commas"},
		"hunter2":                          {"line 1", "header"},
		"date,segment\n2026-11-01,cart":    {"line 1", "header"},
		"date,value,value\n2026-11-01,1,2": {"line 1", "header"},
		"date,value\n2026-11-01,1,2":       {"line 2", "3 columns", "the header 2"},
		"date,value\n\"2026-11-01,1":       {"line 2", "quote"},
	} {
		_, err := Parse(text, now, zurich)
		failure := source.AsError(err)
		if err == nil || failure.Class != source.BadAnswer {
			t.Errorf("%q: %v", text, err)
			continue
		}
		for _, word := range words {
			if !strings.Contains(failure.Message, word) {
				t.Errorf("%q: the message does not say %q: %s", text, word, failure.Message)
			}
		}
		if strings.Contains(failure.Message, "hunter2") {
			t.Errorf("what was written is told: %s", failure.Message)
		}
	}
}

func firstKnown(rows []source.Row) source.Row {
	return rows[slices.IndexFunc(rows, func(r source.Row) bool { return r.Unknown == "" })]
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		"2026-11-01 41.3%", "2026-11-01 7\n2026-12-01 8", "date,value\n2026-11-01,1", "\ufeffdate,segment,value\r\n2026-11-01,cart,41%\r\n",
		"date,segment,value\n2026-11-01,\"a,b\",1\n# c\n,,\n", "2026-11-01T10:00:00Z 1", "date,value\n\"", "0", "#", "2026-11-01 1e5",
		"date,segment,value\n2026-11-01,b,1\n2026-11-01,a,2\n2026-11-02,a,3", "9999-12-31 1", "0000-01-01 1",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		answer, err := Parse(text, now, zurich)
		if err != nil {
			failure := source.AsError(err)
			if failure.Class != source.BadAnswer || failure.Message == "" || len(failure.Message) > 200 {
				t.Fatalf("not a usable error: %+v", failure)
			}
			return
		}
		if answer.Complete || (!answer.Segmented && len(answer.Rows) > 1) {
			t.Fatalf("not an answer: %+v", answer)
		}
		for i, row := range answer.Rows {
			switch {
			case math.IsNaN(row.Value) || math.IsInf(row.Value, 0):
				t.Fatalf("not finite: %+v", row)
			case row.Segment != "" && !answer.Segmented || row.Segment != source.SegmentName(row.Segment):
				t.Fatalf("a segment where there is none, or one that is none: %+v", answer)
			case row.Unknown != "" && row.Value == 0:
			case row.Percent != firstKnown(answer.Rows).Percent:
				t.Fatalf("mixed: %+v", answer.Rows)
			case i > 0 && row.Segment <= answer.Rows[i-1].Segment:
				t.Fatalf("not sorted, or twice: %+v", answer.Rows)
			case row.Expires.IsZero() || row.Expires.After(now.AddDate(0, 0, keptFor)):
				t.Fatalf("from the future: %+v", row)
			}
		}
		again, err := Parse(strings.ReplaceAll(text, "\n", "\n\n"), now, zurich)
		if err == nil && !strings.Contains(text, `"`) && !slices.EqualFunc(again.Rows, answer.Rows, same) {
			t.Fatalf("blank lines matter: %+v, %+v", answer.Rows, again.Rows)
		}
	})
}
