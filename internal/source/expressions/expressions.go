// SPDX-License-Identifier: Apache-2.0

// Package expressions has the CEL that people write in queries: which functions
// there are, and how an evaluation is kept from taking more time or memory than
// anybody meant it to.
package expressions

import (
	"sync"

	"github.com/google/cel-go/cel"
	celenv "github.com/google/cel-go/common/env"
	"github.com/google/cel-go/common/operators"
	"github.com/google/cel-go/common/overloads"
	"github.com/google/cel-go/ext"
)

// TooMuchAtOnce is what an error says when a function is given more than it may.
const TooMuchAtOnce = "uptake: too much at once"

// longestRange bounds lists.range.
const longestRange = 10_000

// environment has the functions.
var environment = sync.OnceValues(func() (*cel.Env, error) {
	env, err := cel.NewCustomEnv(
		cel.StdLib(cel.StdLibSubset(celenv.NewLibrarySubset().AddExcludedFunctions(
			celenv.NewFunction("matches"), celenv.NewFunction(operators.Conditional)))),
		matches(),
		conditional(),
		cel.CrossTypeNumericComparisons(true),
		cel.DefaultUTCTimeZone(true),
		cel.EagerlyValidateDeclarations(true),
		cel.OptionalTypes(),
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

// Environment returns the functions with some variables.
func Environment(variables ...cel.EnvOption) (*cel.Env, error) {
	env, err := environment()
	if err != nil {
		return nil, err
	}
	return env.Extend(variables...)
}

// Program makes a compiled expression ready to be evaluated, each time within a
// cost. A comparison costs about 1.
func Program(env *cel.Env, compiled *cel.Ast, cost uint64) (cel.Program, error) {
	return env.Program(compiled,
		cel.CostLimit(cost), cel.CostTracking(dynamicCost{}), cel.EvalOptions(cel.OptOptimize), cel.InterruptCheckFrequency(100))
}
