// SPDX-License-Identifier: Apache-2.0

package objects

import (
	"maps"
	"slices"

	"github.com/google/cel-go/common/ast"
	"github.com/google/cel-go/common/operators"
)

// fields are the parts of an object that conditions look at: by its name, a field and
// which parts of that. One without parts is looked at as a whole. Nothing else is kept,
// since an object may be a hundred times as large.
//
// Parts are fields, or nil: a type that holds itself is more than some linters can take.
type fields map[string]any

// part is which parts of a field are looked at.
func (f fields) part(name string) fields {
	parts, _ := f[name].(fields)
	return parts
}

// cover reports whether all of others are among them.
func (f fields) cover(others fields) bool {
	if len(f) == 0 {
		return true // as a whole
	}
	if len(others) == 0 {
		return false
	}
	for name := range others {
		if _, is := f[name]; !is || !f.part(name).cover(others.part(name)) {
			return false
		}
	}
	return true
}

// with returns these and others.
func (f fields) with(others fields) fields {
	if len(f) == 0 || len(others) == 0 {
		return nil
	}
	both := maps.Clone(f)
	for name, parts := range others {
		if _, is := f[name]; is {
			parts = nil
			if both := f.part(name).with(others.part(name)); both != nil {
				parts = both
			}
		}
		both[name] = parts
	}
	return both
}

// of returns the parts of an object that are looked at. It shares them.
func (f fields) of(object map[string]any) map[string]any {
	if len(f) == 0 {
		return object
	}
	kept := make(map[string]any, len(f))
	for name := range f {
		value, is := object[name]
		if !is {
			continue
		}
		if inner, isObject := value.(map[string]any); isObject {
			value = f.part(name).of(inner)
		}
		kept[name] = value
	}
	return kept
}

// fieldsOf finds what a condition looks at; nil: at the whole object.
func fieldsOf(tree *ast.AST) fields {
	found := fieldsFound{fields: fields{}}
	found.in(tree.Expr())
	if found.whole {
		return nil
	}
	if len(found.fields) == 0 {
		return fields{"kind": nil} // it looks at nothing of it
	}
	return found.fields
}

type fieldsFound struct {
	fields fields
	whole  bool
}

// in looks through an expression, for the longest paths that begin at the object.
func (f *fieldsFound) in(e ast.Expr) {
	if path, is := pathOf(e); is {
		f.add(path)
		return
	}
	switch e.Kind() {
	case ast.SelectKind:
		f.in(e.AsSelect().Operand())
	case ast.CallKind:
		if e.AsCall().IsMemberFunction() {
			f.in(e.AsCall().Target())
		}
		for _, arg := range e.AsCall().Args() {
			f.in(arg)
		}
	case ast.ListKind:
		for _, element := range e.AsList().Elements() {
			f.in(element)
		}
	case ast.MapKind:
		for _, entry := range e.AsMap().Entries() {
			f.in(entry.AsMapEntry().Key())
			f.in(entry.AsMapEntry().Value())
		}
	case ast.ComprehensionKind:
		loop := e.AsComprehension()
		for _, part := range []ast.Expr{loop.IterRange(), loop.AccuInit(), loop.LoopCondition(), loop.LoopStep(), loop.Result()} {
			f.in(part)
		}
	case ast.StructKind:
		f.whole = true // there are none; if there were, nothing would be lost
	default:
	}
}

// pathOf returns the names that lead from the object to what an expression is.
func pathOf(e ast.Expr) (path []string, is bool) {
	switch e.Kind() {
	case ast.IdentKind:
		return nil, e.AsIdent() == "object"
	case ast.SelectKind:
		path, is = pathOf(e.AsSelect().Operand())
		return append(path, e.AsSelect().FieldName()), is
	case ast.CallKind:
		call := e.AsCall()
		switch call.FunctionName() {
		case operators.Index, operators.OptIndex, operators.OptSelect:
		default:
			return nil, false
		}
		name, isName := literalString(call.Args()[1])
		if !isName {
			return nil, false
		}
		path, is = pathOf(call.Args()[0])
		return append(path, name), is
	default:
		return nil, false
	}
}

func literalString(e ast.Expr) (string, bool) {
	if e.Kind() != ast.LiteralKind {
		return "", false
	}
	text, is := e.AsLiteral().Value().(string)
	return text, is
}

func (f *fieldsFound) add(path []string) {
	if len(path) == 0 {
		f.whole = true
		return
	}
	one := fields{path[len(path)-1]: nil}
	for _, name := range slices.Backward(path[:len(path)-1]) {
		one = fields{name: one}
	}
	if len(f.fields) == 0 {
		f.fields = one
		return
	}
	f.fields = f.fields.with(one)
}
