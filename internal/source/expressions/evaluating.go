// SPDX-License-Identifier: Apache-2.0

package expressions

import (
	"maps"
	"slices"
	"strings"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/ast"
	"github.com/google/cel-go/common/decls"
	"github.com/google/cel-go/common/operators"
	"k8s.io/utils/lru"
)

// evaluating is an environment with what one expression calls. A program keeps a table
// of all functions of its environment, which is most of what it takes in memory; the
// variables are not needed any more.
func evaluating(env *cel.Env, tree *cel.Ast) *cel.Env {
	called := map[string]bool{}
	ast.PostOrderVisit(tree.NativeRep().Expr(), ast.NewExprVisitor(func(e ast.Expr) {
		if e.Kind() == ast.CallKind {
			called[e.AsCall().FunctionName()] = true
		}
	}))
	options := []cel.EnvOption{}
	if needsOptionals(called) {
		options = append(options, cel.OptionalTypes()) // with its decorator
	}
	names := slices.Sorted(maps.Keys(called))
	key := strings.Join(names, " ")
	if known, is := smaller.Get(key); is {
		return known.(*cel.Env) //nolint:forcetypeassert // nothing else is put there
	}
	all := env.Functions()
	var used []*decls.FunctionDecl
	for _, name := range names {
		if declared := all[name]; declared != nil {
			used = append(used, declared)
		}
	}
	made, err := cel.NewCustomEnv(append(options, cel.FunctionDecls(used...))...)
	if err != nil {
		return env
	}
	smaller.Add(key, made)
	return made
}

// smaller keeps the environments that were used last, by what is called in them.
var smaller = lru.New(256)

func needsOptionals(called map[string]bool) bool {
	for name := range called {
		switch name {
		case operators.OptIndex, operators.OptSelect, "or", "orValue", "value", "hasValue", "optMap", "optFlatMap", "first", "last", "unwrap", "unwrapOpt":
			return true
		}
		if strings.HasPrefix(name, "optional.") {
			return true
		}
	}
	return false
}
