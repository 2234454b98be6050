// SPDX-License-Identifier: Apache-2.0

package httpjson

import (
	"context"
	"slices"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/ast"
	"github.com/google/cel-go/common/types/ref"

	"github.com/uptake-dev/uptake/internal/source"
	"github.com/uptake-dev/uptake/internal/source/expressions"
)

const (
	// costOfRow bounds the work for one row; a comparison costs about 1.
	costOfRow = 100_000
	// costOfBody bounds the work for one answer: a filter over some 30,000 rows. CEL
	// counts costs in a time that grows with the square of a loop's length, so more
	// would take minutes; http.where has no such bound.
	costOfBody = 500_000
	// costOfPoll bounds the work for all of it: some seconds.
	costOfPoll = 20_000_000
)

// kind is what an expression is for.
type kind struct {
	// field is its name, for messages.
	field string
	// variables besides now and params.
	variables []string
	// cost bounds the work of one evaluation, and unit says what it is done for.
	cost uint64
	unit string
	// gives are the types that it may have; dyn is allowed besides. Empty: any.
	gives []string
	// wants says what it has to give, in words.
	wants string

	// environment has what such an expression knows. There is one for all.
	environment *expressions.Environment
}

var (
	kindBody    = newKind(kind{field: "http.body", variables: []string{"page", "cursor"}, cost: costOfRow, unit: "a body"})
	kindRows    = newKind(kind{field: "http.rows", variables: []string{"body"}, cost: costOfBody, unit: "an answer", gives: []string{"list"}, wants: "a list"})
	kindWhere   = newKind(kind{field: "http.where", variables: []string{"body", "row"}, cost: costOfRow, unit: "a row", gives: []string{"bool"}, wants: "true or false"})
	kindSegment = newKind(kind{field: "http.segment", variables: []string{"body", "row"}, cost: costOfRow, unit: "a row", gives: []string{"string", "null_type", "optional_type"}, wants: "a string"})
	kindValue   = newKind(kind{field: "http.value", variables: []string{"body", "row"}, cost: costOfRow, unit: "a row", gives: []string{"int", "uint", "double"}, wants: "a number"})
	kindKey     = newKind(kind{field: "http.distinct", variables: []string{"body", "row"}, cost: costOfRow, unit: "a row", gives: []string{"string", "int", "uint", "double", "bool", "optional_type"}, wants: "a string or a number"})
	kindNext    = newKind(kind{field: "http.pagination.next", variables: onPage("body"), cost: costOfBody, unit: "an answer", gives: []string{"string", "null_type", "optional_type"}, wants: "a string"})
	kindCursor  = newKind(kind{field: "http.pagination.cursor", variables: onPage("body"), cost: costOfBody, unit: "an answer"})
	kindWhole   = newKind(kind{field: "http.complete", variables: onPage("body", "file", "count", "last"), cost: costOfBody, unit: "an answer", gives: []string{"bool"}, wants: "true or false"})
	kindLinks   = newKind(kind{field: "http.downloads.links", variables: []string{"body"}, cost: costOfBody, unit: "an answer", gives: []string{"list"}, wants: "a list"})
)

// onPage are variables of expressions that look at one answer.
func onPage(more ...string) []string {
	return append(more, "link", "page", "status", "headers")
}

// variableTypes has those that are not dyn. Of the numbers only page is an int:
// the others are compared with numbers of JSON as well as with those people write.
var variableTypes = map[string]*cel.Type{
	"now": cel.TimestampType, "params": cel.MapType(cel.StringType, cel.StringType),
	"link": cel.MapType(cel.StringType, cel.StringType), "page": cel.IntType,
	"headers": cel.MapType(cel.StringType, cel.StringType), "last": cel.BoolType,
}

// expression is a compiled expression. It is safe for concurrent use.
type expression struct {
	*kind
	text     string
	compiled *expressions.Compiled
	// words are the names and strings that stand in the text: all of a failure
	// that is ever repeated.
	words map[string]bool
}

func compile(kind *kind, text string) (*expression, *source.Error) {
	compiled, problem := kind.environment.Compile(text)
	if problem != "" {
		return nil, invalid("%s, %s", kind.field, problem)
	}
	gives := compiled.Ast.OutputType()
	if len(kind.gives) > 0 && gives.TypeName() != "dyn" && !slices.Contains(kind.gives, gives.TypeName()) {
		return nil, invalid("%s, line 1, column 1: it gives %s, not %s", kind.field, gives, kind.wants)
	}
	return &expression{kind: kind, text: text, compiled: compiled, words: wordsOf(compiled.Ast.NativeRep())}, nil
}

// newKind makes a kind with its environment.
func newKind(k kind) *kind {
	k.environment = expressions.NewEnvironment(k.cost, k.declarations()...)
	return &k
}

func (k kind) declarations() []cel.EnvOption {
	var declared []cel.EnvOption
	for _, name := range slices.Concat([]string{"now", "params"}, k.variables) {
		of := variableTypes[name]
		if of == nil {
			of = cel.DynType
		}
		declared = append(declared, cel.Variable(name, of))
	}
	return declared
}

// wordsOf returns the names of fields and variables, and the strings, of an
// expression.
func wordsOf(tree *ast.AST) map[string]bool {
	words := map[string]bool{}
	ast.PostOrderVisit(tree.Expr(), ast.NewExprVisitor(func(e ast.Expr) {
		switch e.Kind() {
		case ast.IdentKind:
			words[e.AsIdent()] = true
		case ast.SelectKind:
			words[e.AsSelect().FieldName()] = true
		case ast.LiteralKind:
			if text, is := e.AsLiteral().Value().(string); is {
				words[text] = true
			}
		default:
		}
	}))
	return words
}

// dependsOnAnswer reports whether a result may be another one with another answer:
// otherwise the query alone decides it.
func (e *expression) dependsOnAnswer() bool {
	return e.words["body"] || e.words["link"] || e.words["headers"]
}

// eval evaluates an expression within what is left of the poll's time and cost.
func (p *poll) eval(ctx context.Context, e *expression, variables map[string]any) (ref.Val, *source.Error) {
	if failure := p.halted(ctx); failure != nil {
		return nil, failure
	}
	variables["now"], variables["params"] = p.now, p.query.params
	value, details, err := e.compiled.Program.ContextEval(ctx, variables)
	switch {
	case details != nil && details.ActualCost() != nil:
		p.cost += *details.ActualCost()
	case err != nil:
		p.cost += e.cost
	}
	if err != nil {
		if ctx.Err() != nil {
			return nil, p.halted(ctx)
		}
		return nil, e.explain(err)
	}
	return value, nil
}

// halted says why nothing more is evaluated.
func (p *poll) halted(ctx context.Context) *source.Error {
	if err := ctx.Err(); err != nil {
		return source.Unreachable(p.query.connection.web.Host(), err)
	}
	if p.cost > p.query.connection.cost {
		return badAnswer("the expressions are too much work for so large an answer: ask for less, or simplify them")
	}
	return nil
}
