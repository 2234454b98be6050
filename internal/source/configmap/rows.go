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
			return nil, wrong("line %d has a comma: CSV begins with the header date,value or date,segment,value, and a decimal is written with a point", number)
		}
		date, value, found := strings.Cut(line, " ")
		if !found {
			date, value, found = strings.Cut(line, "\t")
		}
		if !found {
			return nil, wrong("line %d is not a date and a number: write it as 2026-11-01 41.3%%", number)
		}
		r, err := parseRow(number, date, "", strings.TrimSpace(value), loc)
		if err != nil {
			return nil, err
		}
		rows = append(rows, r)
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

// isBlank says that a row is empty, as spreadsheets like to add at the end.
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
		place := places[strings.ToLower(field)]
		if place == nil || *place >= 0 {
			return nil, badHeader(line)
		}
		*place = i
	}
	if found.date < 0 || found.value < 0 {
		return nil, badHeader(line)
	}
	return &found, nil
}

func badHeader(line int) error {
	return wrong("line %d is not the header: write date,segment,value or date,value, with commas", line)
}

func (c *columns) parse(line int, fields []string, loc *time.Location) (row, error) {
	if len(fields) != c.width {
		return row{}, wrong("line %d has %d columns and the header %d", line, len(fields), c.width)
	}
	segment := ""
	if c.segment >= 0 {
		if segment = fields[c.segment]; segment == "" {
			return row{}, wrong("line %d has no segment: write its name", line)
		}
	}
	return parseRow(line, fields[c.date], segment, fields[c.value], loc)
}

func parseRow(line int, date, segment, value string, loc *time.Location) (row, error) {
	day, err := parseDate(date, loc)
	if err != nil {
		return row{}, wrong("line %d has no usable date: write it as 2026-11-01", line)
	}
	number, percent, ok := parseValue(value)
	if !ok {
		return row{}, wrong("line %d has no usable value: write a decimal such as 41.3 or 41.3%%", line)
	}
	return row{line: line, date: day, segment: segment, value: number, percent: percent}, nil
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
