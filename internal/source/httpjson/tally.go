// SPDX-License-Identifier: Apache-2.0

package httpjson

import (
	"context"
	"maps"
	"math"
	"math/big"
	"slices"

	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"github.com/google/cel-go/common/types/traits"

	"github.com/uptake-dev/uptake/internal/source"
)

const (
	// mostRows bounds the rows of a poll.
	mostRows = 100_000
	// mostSegments bounds the segments of a poll.
	mostSegments = 5_000
	// exact is enough bits for the sum of any mostRows numbers, so that it does not
	// depend on their order.
	exact = 2_200
)

// tally adds up the rows of each segment.
type tally struct {
	segmented bool
	count     int
	sums      map[string]*sum
}

// sum is of one segment. Once unknown says why there is none, it stays so.
type sum struct {
	value   big.Float
	unknown string
}

func newTally(segmented bool) *tally {
	return &tally{segmented: segmented, sums: map[string]*sum{}}
}

// of returns the sum of a segment, from now on there even if nothing is added.
func (t *tally) of(segment string) (*sum, *source.Error) {
	if known := t.sums[segment]; known != nil {
		return known, nil
	}
	if len(t.sums) == mostSegments {
		return nil, badAnswer("there are more than 5,000 segments: group them in http.segment")
	}
	fresh := &sum{}
	fresh.value.SetPrec(exact)
	t.sums[segment] = fresh
	return fresh, nil
}

// rows returns what has been added up. Without segments there is one number or none.
func (t *tally) rows() ([]source.Row, *source.Error) {
	var rows []source.Row
	for _, segment := range slices.Sorted(maps.Keys(t.sums)) {
		of := t.sums[segment]
		value, _ := of.value.Float64()
		if math.IsInf(value, 0) && of.unknown == "" {
			of.unknown = "http.value: the sum is out of range"
		}
		switch {
		case of.unknown == "":
			rows = append(rows, source.Row{Segment: segment, Value: value})
		case t.segmented:
			rows = append(rows, source.Row{Segment: segment, Unknown: of.unknown})
		default:
			return nil, badAnswer("%s", of.unknown)
		}
	}
	return rows, nil
}

// count adds the rows of a body.
func (p *poll) count(ctx context.Context, body ref.Val) *source.Error {
	rows, failure := p.rows(ctx, body)
	if failure != nil {
		return failure
	}
	variables := map[string]any{"body": body}
	for i := rows.Iterator(); i.HasNext() == types.True; {
		if p.tally.count++; p.tally.count > mostRows {
			return badAnswer("there are more than 100,000 rows: ask for less")
		}
		if failure := p.halted(ctx); failure != nil {
			return failure
		}
		variables["row"] = i.Next()
		if failure := p.add(ctx, variables); failure != nil {
			return failure
		}
	}
	return nil
}

// rows returns the records of a body.
func (p *poll) rows(ctx context.Context, body ref.Val) (traits.Lister, *source.Error) {
	records, expression := body, p.query.rows
	if expression != nil {
		var failure *source.Error
		if records, failure = p.eval(ctx, expression, map[string]any{"body": body}); failure != nil {
			return nil, failure
		}
	}
	host := p.query.connection.web.Host()
	list, isList := records.(traits.Lister)
	switch {
	case expression != nil && isList:
		return list, nil
	case expression != nil:
		return nil, expression.misfit(records)
	case body == types.NullValue:
		return nil, badAnswer("%s answered with null", host)
	case p.bodies > 0 && p.ofLists != isList:
		// One of them is no part of the report, but says that something is wrong.
		return nil, badAnswer("%s answered with a list once and with something else once", host)
	}
	p.bodies, p.ofLists = p.bodies+1, isList
	switch {
	case isList:
		return list, nil
	case p.query.value == nil && p.query.where == nil && p.query.segment == nil:
		// It would count as one, whatever it says, such as what is wrong.
		return nil, badAnswer("%s answered with %s, and a list is needed: say http.rows or http.value", host, inWords(body))
	}
	return types.DefaultTypeAdapter.NativeToValue([]ref.Val{body}).(traits.Lister), nil
}

// add adds a row to its segment. When nobody knows which that is, nothing is known.
// Any other failure of a row is its segment's.
func (p *poll) add(ctx context.Context, variables map[string]any) *source.Error {
	segment, failure := p.segment(ctx, variables)
	if failure != nil {
		return failure
	}
	of, failure := p.tally.of(segment)
	if failure != nil || of.unknown != "" {
		return failure
	}
	value, failure := p.value(ctx, variables)
	if failure == nil {
		of.value.Add(&of.value, big.NewFloat(value))
		return nil
	}
	if halted := p.halted(ctx); halted != nil {
		return halted
	}
	of.unknown = failure.Message
	return nil
}

func (p *poll) segment(ctx context.Context, variables map[string]any) (string, *source.Error) {
	if p.query.segment == nil {
		return "", nil
	}
	value, failure := p.eval(ctx, p.query.segment, variables)
	if failure != nil {
		return "", failure
	}
	name, isString := value.(types.String)
	if !isString {
		return "", p.query.segment.misfit(value)
	}
	return string(name), nil
}

// value returns the number of a row, which is 0 for one that does not count.
func (p *poll) value(ctx context.Context, variables map[string]any) (float64, *source.Error) {
	if where := p.query.where; where != nil {
		counts, failure := p.eval(ctx, where, variables)
		if failure != nil {
			return 0, failure
		}
		if _, isBool := counts.(types.Bool); !isBool {
			return 0, where.misfit(counts)
		}
		if counts == types.False {
			return 0, nil
		}
	}
	if p.query.value == nil {
		return 1, nil
	}
	result, failure := p.eval(ctx, p.query.value, variables)
	if failure != nil {
		return 0, failure
	}
	return p.query.value.number(result)
}

// number returns a result as a finite number.
func (e *expression) number(result ref.Val) (float64, *source.Error) {
	switch number := result.(type) {
	case types.Int:
		return float64(number), nil
	case types.Uint:
		return float64(number), nil
	case types.Double:
		switch value := float64(number); {
		case math.IsNaN(value):
			return 0, badAnswer("%s gives NaN, such as 0.0 divided by 0.0", e.field)
		case math.IsInf(value, 0):
			return 0, badAnswer("%s gives an infinite number, such as a division by 0.0", e.field)
		default:
			return value, nil
		}
	}
	return 0, e.misfit(result)
}
