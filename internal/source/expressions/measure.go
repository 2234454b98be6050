// SPDX-License-Identifier: Apache-2.0

package expressions

import (
	"fmt"
	"maps"
	"slices"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/decls"
	celfunctions "github.com/google/cel-go/common/functions"
	"github.com/google/cel-go/common/operators"
	"github.com/google/cel-go/common/overloads"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"github.com/google/cel-go/common/types/traits"
	"github.com/google/cel-go/interpreter"
)

const (
	// mostSteps bounds the work of one call of a function, in steps of some 25 ns. CEL
	// counts the cost of a call only after it has returned, and cannot interrupt it, so
	// that calls whose work or result can be out of proportion to what they are given
	// are measured before.
	mostSteps = 16 << 20
	// byteOfResult is how many steps a byte of a result is worth, because it is also
	// kept, and nodeOfPattern those of a character that is matched with a node.
	byteOfResult, nodeOfPattern = 4, 4
	// bytesCompared is how many bytes of texts are compared in a step.
	bytesCompared = 16
)

// measures has these functions, with what says how many steps a call takes.
var measures = map[string]func([]ref.Val) int{
	"distinct":        pairs,
	"sets.contains":   pairs,
	"sets.intersects": pairs,
	"sets.equivalent": pairs,
	"flatten":         product,
	"format":          product,
	"indexOf":         product,
	"join":            product,
	"lastIndexOf":     product,
	"replace":         product,
}

// matches is the standard function with its measure. It has one implementation for
// both its forms, which cannot be replaced one by one.
func matches() cel.EnvOption {
	args := []*cel.Type{cel.StringType, cel.StringType}
	return cel.Function("matches",
		cel.Overload(overloads.Matches, args, cel.BoolType),
		cel.MemberOverload(overloads.MatchesString, args, cel.BoolType),
		cel.SingletonBinaryBinding(match))
}

// in is the standard operator with its measure: a list is looked through, to the
// depth of what is in it.
func in() cel.EnvOption {
	a, b := cel.TypeParamType("A"), cel.TypeParamType("B")
	return cel.Function(operators.In,
		cel.Overload(overloads.InList, []*cel.Type{a, cel.ListType(a)}, cel.BoolType),
		cel.Overload(overloads.InMap, []*cel.Type{a, cel.MapType(a, b)}, cel.BoolType),
		cel.SingletonBinaryBinding(func(value, within ref.Val) ref.Val {
			container, is := within.(traits.Container)
			switch {
			case !is:
				return types.ValOrErr(within, "no such overload")
			case looking(value, within) > mostSteps:
				return types.NewErr(TooMuchAtOnce)
			}
			return container.Contains(value)
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
			i := slices.IndexFunc(bindings, func(b *celfunctions.Overload) bool { return b.Operator == overload.ID() })
			if i < 0 {
				return nil, fmt.Errorf("%s has no implementation", overload.ID())
			}
			overloads = append(overloads, measuredOverload(overload, bindings[i], measures[name]))
		}
		options = append(options, cel.Function(name, overloads...))
	}
	return options, nil
}

func measuredOverload(declared *decls.OverloadDecl, binding *celfunctions.Overload, steps func([]ref.Val) int) cel.FunctionOpt {
	call := func(args ...ref.Val) ref.Val {
		switch {
		case steps(args) > mostSteps:
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

// measuredEquality puts a measure in front of == and !=, which are no functions to
// CEL: they compare to any depth at once.
func measuredEquality(node interpreter.InterpretableV2) (interpreter.InterpretableV2, error) {
	call, is := node.(interpreter.InterpretableCall)
	if !is || call.Function() != operators.Equals && call.Function() != operators.NotEquals {
		return node, nil
	}
	return equality{call}, nil
}

type equality struct{ interpreter.InterpretableCall }

// Exec implements interpreter.InterpretableV2.
func (e equality) Exec(frame *interpreter.ExecutionFrame) ref.Val {
	args := e.Args()
	left, right := args[0].Exec(frame), args[1].Exec(frame)
	switch {
	case types.IsUnknownOrError(left):
		return left
	case types.IsUnknownOrError(right):
		return right
	case comparing(left, right) > mostSteps:
		return types.NewErr(TooMuchAtOnce)
	}
	equal := types.Equal(left, right) == types.True
	return types.Bool(equal == (e.Function() == operators.Equals))
}

// Eval implements interpreter.InterpretableV2.
func (e equality) Eval(variables interpreter.Activation) ref.Val {
	return e.Exec(interpreter.AsFrame(variables))
}

// looking is how many steps it takes to look for a value in something. Maps are not
// looked through.
func looking(value, within ref.Val) int {
	if _, is := within.(traits.Mapper); is {
		return 1
	}
	return weightUpTo(weight(value, bytesCompared)*size(within), within, bytesCompared)
}

// comparing is how many steps it takes to compare two values: what the lighter one
// holds.
func comparing(a, b ref.Val) int {
	switch b.(type) {
	case traits.Lister, traits.Mapper, *types.Optional:
	default:
		a, b = b, a // what holds nothing else is weighed first
	}
	return weightUpTo(weight(a, bytesCompared), b, bytesCompared)
}

// pairs is how many steps it takes to compare all of one list with all of another.
func pairs(args []ref.Val) int {
	a, b := args[0], args[len(args)-1]
	return min(weight(a, bytesCompared)*size(b), weight(b, bytesCompared)*size(a))
}

// product looks at all that the arguments hold: what comes of them is at most one's
// length times the other's.
func product(args []ref.Val) int {
	all := byteOfResult
	for _, a := range args {
		if all *= weight(a, 1); all > mostSteps {
			return all
		}
	}
	return all
}

// size is how many entries a list or a map has, or how long a text is; otherwise 1.
func size(value ref.Val) int {
	if sized, is := value.(traits.Sizer); is {
		return min(max(int(sized.Size().(types.Int)), 1), mostSteps+1) //nolint:forcetypeassert // so it is defined
	}
	return 1
}

// mostVisits is how many values are looked at to see what something holds. It holds too
// much for anything when it holds more.
const mostVisits = 64 << 10

// weight is what a value holds, to its depth: 1 for each value, and 1 for so many
// bytes of a text.
func weight(value ref.Val, bytes int) int { return weightUpTo(mostSteps+1, value, bytes) }

// weightUpTo does not tell apart what is heavier than most, and looks no further.
func weightUpTo(most int, value ref.Val, bytes int) int {
	s := scale{bytes: bytes, most: most}
	s.weigh(value)
	if s.visits > mostVisits {
		return min(mostSteps+1, most)
	}
	return min(s.weight, most)
}

type scale struct{ bytes, most, visits, weight int }

func (s *scale) isFull() bool { return s.visits > mostVisits || s.weight > s.most }

func (s *scale) weigh(value ref.Val) {
	s.visits++
	s.weight++
	switch value := value.(type) {
	case types.String:
		s.weight += len(value) / s.bytes
	case types.Bytes:
		s.weight += len(value) / s.bytes
	case *types.Optional:
		if value.HasValue() {
			s.weigh(value.GetValue())
		}
	case traits.Mapper:
		for i := value.Iterator(); !s.isFull() && i.HasNext() == types.True; {
			key := i.Next()
			s.weigh(key)
			s.weigh(value.Get(key))
		}
	case traits.Lister:
		for i := value.Iterator(); !s.isFull() && i.HasNext() == types.True; {
			s.weigh(i.Next())
		}
	}
}
