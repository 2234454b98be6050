// SPDX-License-Identifier: Apache-2.0

package expressions

import (
	"math/bits"

	"github.com/google/cel-go/common/operators"
	"github.com/google/cel-go/common/overloads"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"github.com/google/cel-go/common/types/traits"
)

// costs counts what calls cost once they have returned. CEL counts 1 for most: for
// what it knows nothing of the types of, which is nearly all that JSON holds, and for
// its own extensions, whatever comes of them.
type costs struct{}

// stepsForOne is how many steps of a function cost 1, and bytesForOne how many bytes
// that it makes.
const stepsForOne, bytesForOne = 50, 10

// CallCost implements interpreter.ActualCostEstimator.
func (costs) CallCost(function, _ string, args []ref.Val, result ref.Val) *uint64 {
	cost := 1 + taken(function, args)/stepsForOne + made(function, args, result)
	told := uint64(cost) //nolint:gosec // it is a sum of sizes
	return &told
}

// taken is how many steps a call took.
func taken(function string, args []ref.Val) int {
	switch function {
	case operators.Equals, operators.NotEquals:
		return comparing(args[0], args[1])
	case operators.In:
		return looking(args[0], args[1])
	case "sort", "@sortByAssociatedKeys":
		return size(args[0]) * bits.Len(uint(size(args[0]))) //nolint:gosec // a size is positive
	case overloads.Matches:
		if written, is := args[1].(types.String); is {
			return patternOf(string(written)).steps(size(args[0]))
		}
	}
	if steps := measures[function]; steps != nil {
		return steps(args)
	}
	all := 0
	for _, a := range args {
		if _, isList := a.(traits.Lister); !isList {
			all += size(a)
		}
	}
	return all
}

// handsOn has the functions that return what they are given, or a part of it.
var handsOn = map[string]bool{
	operators.Index: true, operators.OptIndex: true, operators.OptSelect: true, operators.Conditional: true,
	"dyn": true, "first": true, "last": true, "or": true, "orValue": true, "value": true,
	"optional.of": true, "optional.ofNonZeroValue": true,
}

// made is how many bytes, and how many entries of lists, are there that were not
// there before.
func made(function string, args []ref.Val, result ref.Val) int {
	if handsOn[function] {
		return 0
	}
	if _, isList := result.(traits.Lister); isList && function == operators.Add {
		return min(size(args[0]), size(args[1])) // the longer one is not copied
	}
	switch result := result.(type) {
	case types.String:
		return len(result) / bytesForOne
	case types.Bytes:
		return len(result) / bytesForOne
	case traits.Lister, traits.Mapper:
		return size(result)
	}
	return 0
}
