// SPDX-License-Identifier: Apache-2.0

package objects

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/types"

	"github.com/uptake-dev/uptake/internal/source"
	"github.com/uptake-dev/uptake/internal/source/expressions"
)

const (
	// costOfObject bounds the work for one object; a comparison costs about 1.
	costOfObject = 100_000
	// costOfPoll bounds the work for all of them: some seconds.
	costOfPoll = 50_000_000
)

// where is a compiled condition on objects.
type where struct {
	text     string
	compiled *expressions.Compiled
	params   map[string]string
	// fields are what it looks at of an object.
	fields fields
}

// conditions are what a condition knows.
var conditions = expressions.NewEnvironment(
	costOfObject,
	cel.Variable("object", cel.DynType),
	// As in admission policies; `namespace` is a reserved word of CEL.
	cel.Variable("namespaceObject", cel.MapType(cel.StringType, cel.DynType)),
	cel.Variable("params", cel.MapType(cel.StringType, cel.StringType)),
)

// compileWhere compiles a condition. It gives true or false, or something that is
// only known once there is an object.
func compileWhere(text string) (*where, *source.Error) {
	compiled, problem := conditions.Compile(text)
	if problem != "" {
		return nil, invalid("where, %s", problem)
	}
	if kind := compiled.Ast.OutputType(); !kind.IsExactType(types.BoolType) && !kind.IsExactType(types.DynType) {
		return nil, invalid("where: it gives %s, not true or false", kind)
	}
	return &where{text: text, compiled: compiled, fields: fieldsOf(compiled.Ast.NativeRep())}, nil
}

// holds says whether the condition holds for an object, and what that cost.
func (w *where) holds(ctx context.Context, object, namespace map[string]any) (holds bool, cost uint64, err error) {
	value, details, err := w.compiled.Program.ContextEval(ctx, map[string]any{"object": object, "namespaceObject": namespace, "params": w.params})
	if details != nil && details.ActualCost() != nil {
		cost = *details.ActualCost()
	}
	if err != nil {
		return false, cost, w.explain(err)
	}
	holds, isBool := value.Value().(bool)
	if !isBool {
		return false, cost, errors.New("it gives something that is neither true nor false: compare it with something")
	}
	return holds, cost, nil
}

// explain says what went wrong in words that cannot hold anything of the object:
// CEL's own may quote it.
func (w *where) explain(err error) error {
	text := err.Error()
	if key, found := strings.CutPrefix(text, "no such key: "); found && strings.Contains(w.text, key) {
		return fmt.Errorf("it has no %s: check its name and where it stands; has() is for fields that may be absent", key)
	}
	switch {
	case strings.Contains(text, "no such key"), strings.Contains(text, "no such attribute"):
		return errors.New("a field is absent; use has() for fields that may be")
	case strings.Contains(text, "no such overload"):
		return errors.New("a field is of another type than the expression needs; use has() for fields that may be absent")
	case strings.Contains(text, "cost limit exceeded"), strings.Contains(text, expressions.TooMuchAtOnce):
		return errors.New("the expression is too much work for one object")
	}
	return errors.New("the expression cannot be evaluated; use has() for fields that may be absent")
}
