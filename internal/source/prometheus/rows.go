// SPDX-License-Identifier: Apache-2.0

package prometheus

import (
	"cmp"
	"encoding/json"
	"math"
	"slices"
	"strconv"

	"github.com/uptake-dev/uptake/internal/source"
)

// data is the result of an instant query. It is decoded by hand, because a type
// that fills what is missing with zeros would read nothing as 0.
type data struct {
	ResultType string          `json:"resultType"`
	Result     json.RawMessage `json:"result"`
}

type series struct {
	Metric map[string]string `json:"metric"`
	Value  sample            `json:"value"`
}

// sample is a time and a number: [1767225600.123, "41.3"].
type sample []json.RawMessage

func (s sample) number() (float64, bool) {
	var text string
	if len(s) != 2 || json.Unmarshal(s[1], &text) != nil {
		return 0, false
	}
	number, err := strconv.ParseFloat(text, 64)
	return number, err == nil
}

func (d *data) rows(label string) ([]source.Row, *source.Error) {
	switch d.ResultType {
	case "scalar":
		return d.scalar(label)
	case "vector":
		return d.vector(label)
	case "matrix":
		return nil, badAnswer("the expression gives a range, not numbers of now: take the range out, or put a function such as rate() around it")
	case "string":
		return nil, badAnswer("the expression gives a string, not a number")
	}
	return nil, badAnswer("the expression gives something that is neither a scalar nor a vector")
}

func (d *data) scalar(label string) ([]source.Row, *source.Error) {
	if label != "" {
		return nil, badAnswer("the expression gives a scalar, which has no label %s: give a vector with one series for each segment", label)
	}
	var value sample
	if err := json.Unmarshal(d.Result, &value); err != nil {
		return nil, malformed()
	}
	row, failure := rowOf("", value)
	if failure != nil {
		return nil, failure
	}
	if row.Unknown != "" {
		return nil, badAnswer("%s", row.Unknown)
	}
	return []source.Row{row}, nil
}

func (d *data) vector(label string) ([]source.Row, *source.Error) {
	var vector []series
	if err := json.Unmarshal(d.Result, &vector); err != nil || vector == nil {
		return nil, malformed()
	}
	if label == "" && len(vector) > 1 {
		return nil, badAnswer("the expression gives %d series and one number is needed: aggregate, with sum() for example, or set segmentBy.label", len(vector))
	}
	rows := make([]source.Row, 0, len(vector))
	for _, one := range vector {
		row, failure := rowOf(source.SegmentName(one.Metric[label]), one.Value)
		if failure != nil {
			return nil, failure
		}
		if row.Unknown != "" && label == "" {
			return nil, badAnswer("%s", row.Unknown)
		}
		rows = append(rows, row)
	}
	slices.SortStableFunc(rows, func(a, b source.Row) int { return cmp.Compare(a.Segment, b.Segment) })
	rows = source.JoinNobody(rows)
	for i := 1; i < len(rows); i++ {
		if rows[i].Segment == rows[i-1].Segment {
			return nil, badAnswer("several series have the same %s: aggregate by (%s)", label, label)
		}
	}
	return rows, nil
}

func rowOf(segment string, value sample) (source.Row, *source.Error) {
	number, ok := value.number()
	switch {
	case !ok:
		return source.Row{}, malformed()
	case math.IsNaN(number):
		return source.Row{Segment: segment, Unknown: "the value is NaN, such as 0 divided by 0 gives"}, nil
	case math.IsInf(number, 0):
		return source.Row{Segment: segment, Unknown: "the value is infinite, such as a division by 0 gives"}, nil
	}
	return source.Row{Segment: segment, Value: number}, nil
}

func malformed() *source.Error {
	return badAnswer("the result is not what the Prometheus API promises, or holds a histogram: give plain numbers")
}
