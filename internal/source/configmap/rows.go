// SPDX-License-Identifier: Apache-2.0

package configmap

import (
	"encoding/csv"
	"errors"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/uptake-dev/uptake/internal/source"
)

// scalarRows reads lines of a date and a number.
func scalarRows(text string, loc *time.Location) ([]row, error) {
	var rows []row
	number := 0
	for line := range strings.Lines(text) {
		number++
		line = strings.TrimSpace(line)
		if isSkipped(line) {
			continue
		}
		if strings.Contains(line, ",") {
			return nil, wrong("line %d has a comma: a decimal is written with a point (0.5) and a thousand without a separator (1200); CSV begins with the header date,value or date,segment,value", number)
		}
		date, value, found := strings.Cut(line, " ")
		if !found {
			date, value, found = strings.Cut(line, "\t")
		}
		if !found {
			return nil, wrong("line %d is not a date and a number: write it as 2026-11-01 41.3%%", number)
		}
		rows = append(rows, parseRow(number, date, "", strings.TrimSpace(value), loc))
	}
	return rows, nil
}

// tableRows reads CSV.
func tableRows(text string, loc *time.Location) (rows []row, segmented bool, err error) {
	reader := csv.NewReader(strings.NewReader(text))
	reader.FieldsPerRecord = -1 // checked here, for a better message
	reader.Comment = '#'
	reader.TrimLeadingSpace = true
	var table *columns
	for {
		fields, err := reader.Read()
		if errors.Is(err, io.EOF) {
			return rows, table != nil && table.segment >= 0, nil
		}
		if err != nil {
			return nil, false, notCSV(err)
		}
		line, _ := reader.FieldPos(0)
		trim(fields)
		if isBlank(fields) || strings.HasPrefix(fields[0], "#") {
			continue
		}
		if table == nil {
			if table, err = parseHeader(line, fields); err != nil {
				return nil, false, err
			}
			continue
		}
		r, err := table.parse(line, fields, loc)
		if err != nil {
			return nil, false, err
		}
		rows = append(rows, r)
	}
}

func notCSV(err error) error {
	if broken, is := errors.AsType[*csv.ParseError](err); is {
		return wrong("line %d is not CSV: close every quote, and write a quote inside quotes twice", broken.StartLine)
	}
	return wrong("it is not CSV")
}

func trim(fields []string) {
	for i := range fields {
		fields[i] = strings.TrimSpace(fields[i])
	}
}

// isBlank reports whether a row is empty, as spreadsheets like to add at the end.
func isBlank(fields []string) bool {
	return !slices.ContainsFunc(fields, func(field string) bool { return field != "" })
}

// columns say where in a line is what; segment is -1 when there is none.
type columns struct {
	date, segment, value, width int
}

func parseHeader(line int, fields []string) (*columns, error) {
	found := columns{date: -1, segment: -1, value: -1, width: len(fields)}
	places := map[string]*int{"date": &found.date, "segment": &found.segment, "value": &found.value}
	for i, field := range fields {
		name := strings.ToLower(field)
		place := places[name]
		switch {
		case place == nil && (name == "" || isNearly(name, "segment") || isNearly(name, "value") || isNearly(name, "date")):
			return nil, badHeader(line)
		case place == nil: // for people
		case *place >= 0:
			return nil, badHeader(line)
		default:
			*place = i
		}
	}
	if found.date < 0 || found.value < 0 {
		return nil, badHeader(line)
	}
	return &found, nil
}

// isNearly reports whether a name is another one with a slip: a letter too many or
// too few, or an s at its end.
func isNearly(name, other string) bool {
	if len(name) > len(other) {
		name, other = other, name
	}
	if len(other)-len(name) > 1 {
		return false
	}
	start := 0
	for start < len(name) && name[start] == other[start] {
		start++
	}
	rest, otherRest := name[start:], other[start:]
	if len(name) == len(other) {
		// One letter for another, or two that have changed places.
		return len(rest) <= 1 || rest[1:] == otherRest[1:] ||
			rest[0] == otherRest[1] && rest[1] == otherRest[0] && rest[2:] == otherRest[2:]
	}
	return rest == otherRest[1:]
}

func badHeader(line int) error {
	return wrong("line %d is not the header: write date,segment,value or date,value, with commas; other columns need names of their own", line)
}

func (c *columns) parse(line int, fields []string, loc *time.Location) (row, error) {
	if len(fields) != c.width {
		return row{}, wrong("line %d has %d columns and the header %d: a decimal is written with a point, and a text with a comma in quotes", line, len(fields), c.width)
	}
	segment := source.Nobody
	if c.segment >= 0 {
		segment = source.SegmentName(fields[c.segment])
	}
	return parseRow(line, fields[c.date], segment, fields[c.value], loc), nil
}

func parseRow(line int, date, segment, value string, loc *time.Location) row {
	read := row{line: line, segment: segment}
	day, err := parseDate(date, loc)
	if err != nil {
		read.undated = true
		read.problem = sentence("line %d has no usable date: write it as 2026-11-01", line)
		return read
	}
	read.date = day
	var ok bool
	if read.value, read.percent, ok = parseValue(value); !ok {
		read.problem = sentence("line %d has no usable value: write a decimal such as 41.3 or 41.3%%", line)
	}
	return read
}

func parseDate(text string, loc *time.Location) (time.Time, error) {
	if day, err := time.ParseInLocation(time.DateOnly, text, loc); err == nil {
		return day, nil
	}
	return time.Parse(time.RFC3339, text)
}

// decimal is what counts as a number: no exponent, no hexadecimal, no separators,
// nothing that reads differently to a person and to a program.
var decimal = regexp.MustCompile(`^(-?[0-9]{1,15}(?:\.[0-9]{1,15})?)( ?%)?$`)

func parseValue(text string) (value float64, percent, ok bool) {
	parts := decimal.FindStringSubmatch(text)
	if parts == nil {
		return 0, false, false
	}
	percent = parts[2] != ""
	digits := parts[1]
	if percent {
		digits += "e-2" // exact, unlike dividing by 100 afterwards
	}
	value, err := strconv.ParseFloat(digits, 64)
	return value, percent, err == nil
}
