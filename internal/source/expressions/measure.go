// SPDX-License-Identifier: Apache-2.0

package expressions

import (
	"fmt"
	"maps"
	"slices"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/decls"
	"github.com/google/cel-go/common/functions"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"github.com/google/cel-go/common/types/traits"
)

const (
	// mostPairs and mostProduct bound the work of one call of a function.
	mostPairs   = 16 << 20
	mostProduct = 4 << 20
)

// measures has the functions whose work or result can be out of proportion to
// what they are given. CEL counts their cost only after they have returned, and
// cannot interrupt them, so they are measured before.
var measures = map[string]func([]ref.Val) bool{
	"distinct":        fewPairs,
	"sets.contains":   fewPairs,
	"sets.intersects": fewPairs,
	"sets.equivalent": fewPairs,
	"flatten":         smallProduct,
	"format":          smallProduct,
	"indexOf":         smallProduct,
	"join":            smallProduct,
	"lastIndexOf":     smallProduct,
	"replace":         smallProduct,
}

// matches is the standard function with its measure. It has one implementation for
// both its forms, which cannot be replaced one by one.
func matches() cel.EnvOption {
	args := []*cel.Type{cel.StringType, cel.StringType}
	return cel.Function("matches",
		cel.Overload("matches", args, cel.BoolType),
		cel.MemberOverload("matches_string", args, cel.BoolType),
		cel.SingletonBinaryBinding(func(text, pattern ref.Val) ref.Val {
			matcher, is := text.(traits.Matcher)
			switch {
			case !is:
				return types.MaybeNoSuchOverloadErr(text)
			case !smallProduct([]ref.Val{text, pattern}):
				return types.NewErr(TooMuchAtOnce)
			}
			return matcher.Match(pattern)
		}))
}

// measuredFunctions puts a measure in front of functions of an environment.
func measuredFunctions(env *cel.Env) ([]cel.EnvOption, error) {
	var options []cel.EnvOption
	known := env.Functions()
	for _, name := range slices.Sorted(maps.Keys(measures)) {
		bindings, err := known[name].Bindings()
		if err != nil {
			return nil, err
		}
		var overloads []cel.FunctionOpt
		for _, overload := range known[name].OverloadDecls() {
			i := slices.IndexFunc(bindings, func(b *functions.Overload) bool { return b.Operator == overload.ID() })
			if i < 0 {
				return nil, fmt.Errorf("%s has no implementation", overload.ID())
			}
			overloads = append(overloads, measuredOverload(overload, bindings[i], measures[name]))
		}
		options = append(options, cel.Function(name, overloads...))
	}
	return options, nil
}

func measuredOverload(declared *decls.OverloadDecl, binding *functions.Overload, fits func([]ref.Val) bool) cel.FunctionOpt {
	call := func(args ...ref.Val) ref.Val {
		switch {
		case !fits(args):
			return types.NewErr(TooMuchAtOnce)
		case len(args) == 1 && binding.Unary != nil:
			return binding.Unary(args[0])
		case len(args) == 2 && binding.Binary != nil:
			return binding.Binary(args[0], args[1])
		}
		return binding.Function(args...)
	}
	var bound cel.OverloadOpt
	switch len(declared.ArgTypes()) {
	case 1:
		bound = cel.UnaryBinding(func(a ref.Val) ref.Val { return call(a) })
	case 2:
		bound = cel.BinaryBinding(func(a, b ref.Val) ref.Val { return call(a, b) })
	default:
		bound = cel.FunctionBinding(call)
	}
	if declared.IsMemberFunction() {
		return cel.MemberOverload(declared.ID(), declared.ArgTypes(), declared.ResultType(), bound)
	}
	return cel.Overload(declared.ID(), declared.ArgTypes(), declared.ResultType(), bound)
}

// fewPairs looks at how many entries are compared with how many.
func fewPairs(args []ref.Val) bool {
	return size(args[0])*size(args[len(args)-1]) <= mostPairs
}

func size(value ref.Val) int {
	if sized, is := value.(traits.Sizer); is {
		return int(sized.Size().(types.Int))
	}
	return 1
}

// smallProduct looks at all that the arguments hold: what comes of them is at most
// one's length times the other's.
func smallProduct(args []ref.Val) bool {
	all := 1.0
	for _, a := range args {
		left := mostProduct
		if !weigh(a, &left) {
			return false
		}
		all *= float64(mostProduct - left)
	}
	return all <= mostProduct
}

// weigh takes what a value holds, to its depth, off what is left; it is false when
// nothing is.
func weigh(value ref.Val, left *int) bool {
	*left -= 1
	switch value := value.(type) {
	case types.String:
		*left -= len(value)
	case types.Bytes:
		*left -= len(value)
	case traits.Mapper:
		for i := value.Iterator(); *left > 0 && i.HasNext() == types.True; {
			key := i.Next()
			_ = weigh(key, left) && weigh(value.Get(key), left)
		}
	case traits.Lister:
		for i := value.Iterator(); *left > 0 && i.HasNext() == types.True; {
			weigh(i.Next(), left)
		}
	}
	return *left > 0
}

// dynamicCost counts calls whose types are known only with the answer, which is
// most of them. CEL itself counts 1 for each, also for gluing long strings together.
type dynamicCost struct{}

// CallCost implements interpreter.ActualCostEstimator. Nil is CEL's own opinion.
func (dynamicCost) CallCost(_, overload string, args []ref.Val, result ref.Val) *uint64 {
	if overload != "" {
		return nil
	}
	cost := uint64(1)
	for _, value := range append([]ref.Val{result}, args...) {
		cost += uint64(size(value) / 10)
	}
	return &cost
}
