// SPDX-License-Identifier: Apache-2.0

package httpjson

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"time"

	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"github.com/google/cel-go/common/types/traits"

	"github.com/uptake-dev/uptake/internal/source"
)

// mostBody bounds what is sent.
const mostBody = 1 << 20

// content evaluates http.body for a page. What is wrong with it before any answer
// has come is in the query, or in the parameters.
func (p *poll) content(ctx context.Context, page int, cursor ref.Val) ([]byte, *source.Error) {
	if p.query.body == nil {
		return nil, nil
	}
	text, failure := p.encode(ctx, map[string]any{"page": page, "cursor": cursor})
	if failure != nil && page > 1 && failure.Class == source.InvalidQuery {
		failure.Class = source.BadAnswer
	}
	if failure != nil && page == 1 && failure.Class == source.BadAnswer {
		failure.Class = source.InvalidQuery
	}
	return text, failure
}

func (p *poll) encode(ctx context.Context, variables map[string]any) ([]byte, *source.Error) {
	value, failure := p.eval(ctx, p.query.body, variables)
	if failure != nil {
		return nil, failure
	}
	plain, err := native(value)
	if err != nil {
		return nil, invalid("http.body: %v", err)
	}
	text, err := json.Marshal(plain)
	if err != nil || len(text) > mostBody {
		return nil, invalid("http.body: it cannot be written as JSON of at most 1 MiB")
	}
	return text, nil
}

// native returns a value as encoding/json writes it. Whole numbers stay exact.
func native(value ref.Val) (any, error) {
	switch value := value.(type) {
	case types.Null:
		return nil, nil
	case types.Bool, types.Int, types.Uint, types.String:
		return value.Value(), nil
	case types.Double:
		if math.IsNaN(float64(value)) || math.IsInf(float64(value), 0) {
			return nil, errors.New("it has a number that is NaN or infinite, which JSON does not know")
		}
		return float64(value), nil
	case types.Timestamp:
		return value.UTC().Format(time.RFC3339Nano), nil
	case traits.Mapper:
		return nativeObject(value)
	case traits.Lister:
		list := []any{}
		for i := value.Iterator(); i.HasNext() == types.True; {
			entry, err := native(i.Next())
			if err != nil {
				return nil, err
			}
			list = append(list, entry)
		}
		return list, nil
	}
	return nil, errors.New("it has " + inWords(value) + ", which JSON does not know: use string(...)")
}

func nativeObject(value traits.Mapper) (any, error) {
	object := map[string]any{}
	for i := value.Iterator(); i.HasNext() == types.True; {
		key := i.Next()
		name, isString := key.(types.String)
		if !isString {
			return nil, errors.New("it has an object with a key that is not a string")
		}
		entry, err := native(value.Get(key))
		if err != nil {
			return nil, err
		}
		object[string(name)] = entry
	}
	return object, nil
}
