// SPDX-License-Identifier: Apache-2.0

package database

import (
	"cmp"
	"database/sql"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/uptake-dev/uptake/internal/source"
)

const (
	// mostRows bounds what is read of an answer.
	mostRows = 5000
)

// result is what a driver gives, one row after another.
type result interface {
	next() bool
	// cells of the row, as text. They are valid until the next one.
	cells() ([]cell, error)
	// failure is why there is no next row; nil: that was all.
	failure() error
}

// column of a result; numeric says that it holds numbers.
type column struct {
	name    string
	numeric bool
}

// cell is text, or NULL when it is not valid.
type cell = sql.NullString

// answerOf reads a result. The error is a *source.Error, or what the driver says.
func answerOf(header []column, rows result) (source.Answer, error) {
	columns, failure := columnsOf(header)
	if failure != nil {
		return source.Answer{}, failure
	}
	answer := source.Answer{Segmented: columns.segment >= 0}
	for rows.next() {
		switch {
		case len(answer.Rows) == mostRows:
			return source.Answer{}, badAnswer("the statement gives more than %d rows: aggregate in the statement", mostRows)
		case len(answer.Rows) == 1 && !answer.Segmented:
			return source.Answer{}, badAnswer("the statement gives several rows and one number is needed: aggregate, or name the column that says the segment segment")
		}
		cells, err := rows.cells()
		if err != nil {
			return source.Answer{}, err
		}
		row, failure := columns.row(cells)
		if failure != nil {
			return source.Answer{}, failure
		}
		if row.Unknown != "" && !answer.Segmented {
			return source.Answer{}, badAnswer("%s", row.Unknown)
		}
		answer.Rows = append(answer.Rows, row)
	}
	if err := rows.failure(); err != nil {
		return source.Answer{}, err
	}
	if answer.Segmented {
		return grouped(answer, columns.trimmed)
	}
	return answer, nil
}

// grouped sorts rows by segment. Rows of nobody are added up; of any other segment
// there is one.
func grouped(answer source.Answer, trimmed map[string]bool) (source.Answer, error) {
	slices.SortStableFunc(answer.Rows, func(a, b source.Row) int { return cmp.Compare(a.Segment, b.Segment) })
	answer.Rows = source.JoinNobody(answer.Rows)
	for i := 1; i < len(answer.Rows); i++ {
		name := answer.Rows[i].Segment // it stays here: whoever wrote the statement could show anything by it
		switch {
		case name != answer.Rows[i-1].Segment:
		case trimmed[name]:
			return source.Answer{}, badAnswer("several rows have the same segment once the space around it is left out: GROUP BY trim(...)")
		default:
			return source.Answer{}, badAnswer("several rows have the same segment: GROUP BY segment")
		}
	}
	return answer, nil
}

// columns says where value and segment are; segment is -1 when there is none.
type columns struct {
	value, segment int
	numeric        bool
	// trimmed are the segments whose names had space around them.
	trimmed map[string]bool
}

func columnsOf(header []column) (columns, *source.Error) {
	found := columns{value: -1, segment: -1, trimmed: map[string]bool{}}
	for i, one := range header {
		switch {
		case strings.EqualFold(one.name, "value") && found.value < 0:
			found.value, found.numeric = i, one.numeric
		case strings.EqualFold(one.name, "segment") && found.segment < 0:
			found.segment = i
		default:
			return columns{}, unexpectedColumns()
		}
	}
	if found.value < 0 {
		return columns{}, unexpectedColumns()
	}
	return found, nil
}

func unexpectedColumns() *source.Error {
	return invalid("the statement gives other columns than are expected: value once, segment at most once, and nothing else; name them with AS")
}

func (c columns) row(cells []cell) (source.Row, *source.Error) {
	segment := ""
	if c.segment >= 0 {
		segment = cells[c.segment].String
	}
	if !utf8.ValidString(segment) {
		return source.Row{}, badAnswer("the name of a segment is not text in UTF-8: convert it in the statement")
	}
	if name := source.SegmentName(segment); name != segment {
		c.trimmed[name] = true
		segment = name
	}
	value, unknown := number(cells[c.value], c.numeric)
	return source.Row{Segment: segment, Value: value, Unknown: unknown}, nil
}

// number returns what a cell says, or why it says no number.
func number(text cell, numeric bool) (value float64, unknown string) {
	value, err := strconv.ParseFloat(text.String, 64)
	switch {
	case !text.Valid:
		return 0, "the value is NULL: use COALESCE where nothing means zero"
	case !numeric:
		return 0, "the value is not a number: count, or CAST it to a numeric type"
	case math.IsNaN(value):
		return 0, "the value is NaN, which is not a number"
	case math.IsInf(value, 0):
		return 0, "the value is infinite or too large"
	case err != nil:
		return 0, "the value is not a number"
	}
	return value, ""
}
