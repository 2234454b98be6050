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
// segment, named by the header in any order. Blank lines and lines that begin
// with # do not count. For each segment the newest row that is not in the future
// counts, until 120 days after its date. Dates are days in loc, or RFC 3339.
//
// An error names the line and what to write, never what was written.
func Parse(text string, now time.Time, loc *time.Location) (source.Answer, error) {
	text = strings.TrimPrefix(text, "\ufeff")
	rows, segmented, err := rowsOf(text, loc)
	if err != nil {
		return source.Answer{}, err
	}
	if err := checkPercent(rows); err != nil {
		return source.Answer{}, err
	}
	newest, err := newestRows(rows, now)
	if err != nil {
		return source.Answer{}, err
	}
	answer := source.Answer{Segmented: segmented}
	for _, segment := range slices.Sorted(maps.Keys(newest)) {
		row := newest[segment]
		answer.Rows = append(answer.Rows, source.Row{
			Segment: segment,
			Value:   row.value,
			Percent: row.percent,
			Date:    row.date,
			Expires: row.date.AddDate(0, 0, keptFor),
		})
	}
	return answer, nil
}

// row is a number as it was entered.
type row struct {
	line    int
	date    time.Time
	segment string
	value   float64
	percent bool
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
	for _, r := range rows {
		if r.percent != rows[0].percent {
			with, without := r.line, rows[0].line
			if rows[0].percent {
				with, without = without, with
			}
			return wrong("line %d has a %% and line %d has none: write all values with one, or none", with, without)
		}
	}
	return nil
}

func newestRows(rows []row, now time.Time) (map[string]row, error) {
	newest := map[string]row{}
	for _, r := range rows {
		if r.date.After(now) {
			continue
		}
		best, some := newest[r.segment]
		if some && r.date.Equal(best.date) {
			return nil, wrong("lines %d and %d are for the same date: keep one", best.line, r.line)
		}
		if !some || r.date.After(best.date) {
			newest[r.segment] = r
		}
	}
	return newest, nil
}

func wrong(format string, args ...any) *source.Error {
	return &source.Error{Class: source.BadAnswer, Message: fmt.Sprintf(format, args...)}
}
