// SPDX-License-Identifier: Apache-2.0

// Package expressions has the CEL that people write in queries: which functions
// there are, and how neither compiling nor evaluating an expression takes more time
// or memory than anybody meant it to.
package expressions

import (
	"sync"

	"github.com/google/cel-go/cel"
	celenv "github.com/google/cel-go/common/env"
	"github.com/google/cel-go/common/operators"
	"github.com/google/cel-go/common/overloads"
	"github.com/google/cel-go/ext"
)

const (
	// TooMuchAtOnce is what an error says when a function is given more than it may.
	TooMuchAtOnce = "uptake: too much at once"
	// longestRange bounds lists.range.
	longestRange = 10_000
	// deepest bounds how far an expression is nested: checking its types takes a time
	// that grows with about the fourth power of that, and cannot be interrupted.
	deepest = 40
	// interruptEvery is after how many rounds of a loop the context is looked at: a
	// round may take 100 ms.
	interruptEvery = 1
)

// functions has the functions, without variables.
var functions = sync.OnceValues(func() (*cel.Env, error) {
	env, err := cel.NewCustomEnv(
		cel.StdLib(cel.StdLibSubset(celenv.NewLibrarySubset().AddExcludedFunctions(
			celenv.NewFunction("matches"), celenv.NewFunction(operators.In), celenv.NewFunction(operators.Conditional)))),
		matches(),
		in(),
		conditional(),
		cel.CrossTypeNumericComparisons(true),
		cel.DefaultUTCTimeZone(true),
		cel.EagerlyValidateDeclarations(true),
		cel.OptionalTypes(),
		cel.ParserRecursionLimit(deepest),
		ext.Strings(),
		ext.Sets(),
		ext.Lists(ext.ListsMaxRangeSize(longestRange)),
		ext.Math(),
	)
	if err != nil {
		return nil, err
	}
	measured, err := measuredFunctions(env)
	if err != nil {
		return nil, err
	}
	return env.Extend(measured...)
})

// conditional is ? : with any types on both sides. CEL's own wants the same on both
// and refuses `cond ? null : [x]`, although a null is how JSON says that there is
// nothing. What comes of it is judged when it is there.
func conditional() cel.EnvOption {
	return cel.Function(operators.Conditional,
		cel.Overload(overloads.Conditional, []*cel.Type{cel.BoolType, cel.DynType, cel.DynType}, cel.DynType))
}

// program makes a compiled expression ready to be evaluated, each time within a
// cost. A comparison costs about 1.
//
// CEL's optimizer is not used: it would replace calls whose pattern is a constant,
// and what measures them with it.
func program(env *cel.Env, compiled *cel.Ast, cost uint64) (cel.Program, error) {
	return env.Program(compiled, cel.CostLimit(cost), cel.CostTracking(costs{}),
		cel.CustomDecoratorV2(measuredEquality), cel.InterruptCheckFrequency(interruptEvery))
}
