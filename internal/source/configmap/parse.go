// SPDX-License-Identifier: Apache-2.0

package configmap

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/uptake-dev/uptake/internal/source"
)

// keptFor is how many days an entered number is good for.
const keptFor = 120

// Parse reads what people wrote: a dated number on each line
// ("2026-11-01 41.3%"), or CSV with the columns date, value and, if wanted,
// segment, named by the header in any order; other columns are ignored. Blank lines
// and lines that begin with # do not count. For each segment the newest row that is
// not in the future counts, until 120 days after its date. Dates are days in loc, or
// RFC 3339.
//
// A row that cannot be used is its segment's, and no other's. What is said of it names
// the line and what to write, never what was written; so does an error, which is for
// lines whose segment cannot be told.
func Parse(text string, now time.Time, loc *time.Location) (source.Answer, error) {
	text = strings.TrimPrefix(text, "\ufeff")
	rows, segmented, err := rowsOf(text, loc)
	if err != nil {
		return source.Answer{}, err
	}
	if err := checkPercent(rows); err != nil {
		return source.Answer{}, err
	}
	answer := source.Answer{Segmented: segmented}
	bySegment := map[string][]row{}
	for _, r := range rows {
		bySegment[r.segment] = append(bySegment[r.segment], r)
	}
	for _, segment := range slices.Sorted(maps.Keys(bySegment)) {
		chosen, isMistake := newest(bySegment[segment], now, loc, segment == source.Nobody && segmented)
		if isMistake && !segmented {
			return source.Answer{}, wrong("%s", chosen.Unknown)
		}
		chosen.Segment = segment
		answer.Rows = append(answer.Rows, chosen)
	}
	return answer, nil
}

// newest returns the row of a segment that counts, and whether it is unknown because of
// a mistake: that a day has not come yet is none. Of nobody's rows those of the newest
// date count together, since they are no one segment.
func newest(rows []row, now time.Time, loc *time.Location, addsUp bool) (counted source.Row, isMistake bool) {
	var best []row
	for _, r := range rows {
		switch {
		case r.undated:
			return source.Row{Unknown: r.problem}, true
		case r.date.After(now):
		case len(best) == 0 || r.date.After(best[0].date):
			best = []row{r}
		case r.date.Equal(best[0].date):
			best = append(best, r)
		}
	}
	if len(best) == 0 {
		return source.Row{Unknown: allAhead(rows, now, loc)}, false
	}
	if len(best) > 1 && !addsUp {
		return source.Row{Unknown: sentence("lines %d and %d are for the same date: keep one", best[0].line, best[1].line)}, true
	}
	counted = source.Row{Percent: best[0].percent, Date: best[0].date, Expires: best[0].date.AddDate(0, 0, keptFor)}
	for _, r := range best {
		if r.problem != "" {
			return source.Row{Unknown: r.problem}, true
		}
		counted.Value += r.value
	}
	return counted, false
}

// allAhead says that every row is in the future, as people see it who are ahead of the
// program's time zone.
func allAhead(rows []row, now time.Time, loc *time.Location) string {
	first := slices.MinFunc(rows, func(a, b row) int { return a.date.Compare(b.date) })
	which, when := "the only row", "in the future"
	if len(rows) > 1 {
		which = "every row is in the future: the first"
	}
	year, month, day := now.In(loc).Date()
	if first.date.Before(time.Date(year, month, day+2, 0, 0, 0, 0, loc)) {
		when = "tomorrow"
	}
	return sentence("%s (line %d) is dated %s (in %s): set timeZone of the program where it is that day already, correct the date, or wait for it", which, first.line, when, loc)
}

// row is a number as it was entered.
type row struct {
	line    int
	date    time.Time
	undated bool // the date cannot be read
	segment string
	value   float64
	percent bool
	// problem says why there is no number, or no date; empty: there are both.
	problem string
}

func rowsOf(text string, loc *time.Location) (rows []row, segmented bool, err error) {
	first, found := firstLine(text)
	switch {
	case !found:
		return nil, false, wrong(`there is nothing in it: write a dated number such as "2026-11-01 41.3%%", or CSV with the header date,segment,value`)
	case !startsWithDigit(first):
		return tableRows(text, loc)
	default:
		rows, err = scalarRows(text, loc)
		return rows, false, err
	}
}

// firstLine returns the first line that counts.
func firstLine(text string) (string, bool) {
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); !isSkipped(line) {
			return line, true
		}
	}
	return "", false
}

func isSkipped(line string) bool { return line == "" || strings.HasPrefix(line, "#") }

func startsWithDigit(line string) bool { return line[0] >= '0' && line[0] <= '9' }

// checkPercent refuses a mixture, of which one kind must be a mistake.
func checkPercent(rows []row) error {
	first := slices.IndexFunc(rows, func(r row) bool { return r.problem == "" })
	for _, r := range rows {
		if r.problem == "" && r.percent != rows[first].percent {
			with, without := r.line, rows[first].line
			if rows[first].percent {
				with, without = without, with
			}
			return wrong("line %d has a %% and line %d has none: write all values with one, or none", with, without)
		}
	}
	return nil
}

func sentence(format string, args ...any) string { return fmt.Sprintf(format, args...) }

func wrong(format string, args ...any) *source.Error {
	return &source.Error{Class: source.BadAnswer, Message: fmt.Sprintf(format, args...)}
}
