// SPDX-License-Identifier: Apache-2.0

package httpjson

import (
	"cmp"
	"context"
	"fmt"
	"hash/maphash"
	"maps"
	"math"
	"math/big"
	"slices"
	"strings"

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
	seed      maphash.Seed
}

// sum is of one segment. Once unknown says why there is none, it stays so.
type sum struct {
	value   big.Float
	unknown string
	// keys are digests of the different keys, where those are counted. There are no
	// more than rows.
	keys map[uint64]struct{}
}

func newTally(segmented bool) *tally {
	return &tally{segmented: segmented, sums: map[string]*sum{}, seed: maphash.MakeSeed()}
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
		value += float64(len(of.keys))
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
			return badAnswer("there are more than 100,000 rows: ask for less, or for a number that the API has counted itself")
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
		return nil, badAnswer("%s answered with null: where that means that there are no rows, set http.rows: \"body == null ? [] : body\"", host)
	case p.bodies > 0 && p.ofLists != isList:
		// One of them is no part of the report, but says that something is wrong.
		return nil, badAnswer("%s answered with a list once and with something else once", host)
	}
	p.bodies, p.ofLists = p.bodies+1, isList
	switch {
	case isList:
		return list, nil
	case p.query.value == nil && p.query.where == nil && p.query.segment == nil && p.query.distinct == nil:
		// It would count as one, whatever it says, such as what is wrong.
		return nil, badAnswer("%s answered with %s, and a list is needed: say http.rows or http.value", host, inWords(body))
	}
	return types.DefaultTypeAdapter.NativeToValue([]ref.Val{body}).(traits.Lister), nil
}

// add adds a row to its segment. When nobody knows which that is, nothing is known.
// Any other failure of a row is its segment's.
func (p *poll) add(ctx context.Context, variables map[string]any) *source.Error {
	if variables["row"] == types.NullValue {
		return p.addNull(ctx, variables)
	}
	segment, failure := p.segment(ctx, variables)
	if failure != nil {
		return failure
	}
	of, failure := p.tally.of(segment)
	if failure != nil || of.unknown != "" {
		return failure
	}
	if failure := p.addTo(ctx, of, variables); failure != nil {
		if halted := p.halted(ctx); halted != nil {
			return halted
		}
		of.unknown = failure.Message
	}
	return nil
}

// addTo adds a row to a sum, or its key to the keys.
func (p *poll) addTo(ctx context.Context, of *sum, variables map[string]any) *source.Error {
	counts, failure := p.counts(ctx, variables)
	if failure != nil || !counts {
		return failure
	}
	if p.query.distinct != nil {
		key, failure := p.key(ctx, variables)
		if failure != nil {
			return failure
		}
		if of.keys == nil {
			of.keys = map[uint64]struct{}{}
		}
		of.keys[key] = struct{}{}
		return nil
	}
	value, failure := p.value(ctx, variables)
	if failure != nil {
		return failure
	}
	of.value.Add(&of.value, big.NewFloat(value))
	return nil
}

const nullRow = "a row is null, which is no record, so the answer may be a part: where null means nothing, leave such rows out with http.where: row != null"

// addNull takes in a row that is null. An API writes that for a record which it
// could not get, so it makes its segment unknown, or everything when there is no
// telling which that is. http.where may say that it means nothing.
func (p *poll) addNull(ctx context.Context, variables map[string]any) *source.Error {
	if counts, failure := p.counts(ctx, variables); failure == nil && !counts {
		return nil
	}
	segment, failure := p.segment(ctx, variables)
	if failure != nil {
		if halted := p.halted(ctx); halted != nil {
			return halted
		}
		return badAnswer(nullRow)
	}
	of, failure := p.tally.of(segment)
	if failure == nil {
		of.unknown = cmp.Or(of.unknown, nullRow)
	}
	return failure
}

// segment returns the name of a row's segment; empty: there are none, or it is in none.
func (p *poll) segment(ctx context.Context, variables map[string]any) (string, *source.Error) {
	if p.query.segment == nil {
		return "", nil
	}
	value, failure := p.eval(ctx, p.query.segment, variables)
	if failure != nil {
		return "", failure
	}
	if optional, is := value.(*types.Optional); is {
		value = types.NullValue
		if optional.HasValue() {
			value = optional.GetValue()
		}
	}
	switch name := value.(type) {
	case types.String:
		return source.SegmentName(string(name)), nil
	case types.Null:
		return source.Nobody, nil
	}
	return "", p.query.segment.misfit(value)
}

// counts reports whether a row counts.
func (p *poll) counts(ctx context.Context, variables map[string]any) (bool, *source.Error) {
	where := p.query.where
	if where == nil {
		return true, nil
	}
	counts, failure := p.eval(ctx, where, variables)
	if failure != nil {
		return false, failure
	}
	if _, isBool := counts.(types.Bool); !isBool {
		return false, where.misfit(counts)
	}
	return counts == types.True, nil
}

// value returns the number of a row.
func (p *poll) value(ctx context.Context, variables map[string]any) (float64, *source.Error) {
	if p.query.value == nil {
		return 1, nil
	}
	result, failure := p.eval(ctx, p.query.value, variables)
	if failure != nil {
		return 0, failure
	}
	return p.query.value.number(result)
}

// key returns a digest of a row's key: whatever keys hold, a poll remembers few bytes
// of each.
func (p *poll) key(ctx context.Context, variables map[string]any) (uint64, *source.Error) {
	value, failure := p.eval(ctx, p.query.distinct, variables)
	if failure != nil {
		return 0, failure
	}
	if optional, is := value.(*types.Optional); is && optional.HasValue() {
		value = optional.GetValue()
	}
	var text string
	switch key := value.(type) {
	case types.String:
		text = "s" + string(key)
	case types.Bool:
		text = fmt.Sprint("b", bool(key))
	case types.Int, types.Uint, types.Double:
		// 7 is 7, however it is written.
		number, _ := value.ConvertToType(types.DoubleType).(types.Double)
		if math.Abs(float64(number)) >= 1<<53 {
			return 0, badAnswer("http.distinct gives a number so large that it cannot be told from the next one: take a key that the API writes as a string")
		}
		text = fmt.Sprint("n", number)
	}
	if len(strings.TrimSpace(text)) < 2 {
		return 0, badAnswer("http.distinct gives %s for a row, not a key: leave rows without one out with http.where", emptyInWords(value))
	}
	return maphash.String(p.tally.seed, text), nil
}

func emptyInWords(value ref.Val) string {
	switch value := value.(type) {
	case types.String:
		return "an empty string"
	case *types.Optional:
		if !value.HasValue() {
			return "nothing"
		}
	}
	return inWords(value)
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
