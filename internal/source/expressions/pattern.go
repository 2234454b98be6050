// SPDX-License-Identifier: Apache-2.0

package expressions

import (
	"regexp"
	"regexp/syntax"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/ast"
	"github.com/google/cel-go/common/overloads"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"k8s.io/utils/lru"
)

const (
	// longestPattern and mostNodes bound a pattern: as it is written, and with its
	// repetitions written out, since a{1000} is a thousand.
	longestPattern = 1_024
	mostNodes      = 1_000
	// mostPatterns is how many patterns are kept compiled: some 10 MiB at most.
	mostPatterns = 64
)

// pattern is a regular expression with its measure.
type pattern struct {
	compiled *regexp.Regexp // nil: it is too large
	invalid  bool
	nodes    int
}

// steps is how many steps it takes to match a text of a length.
func (p pattern) steps(length int) int { return p.nodes * (length + 1) * nodeOfPattern }

// patterns keeps those that were compiled last: most calls have the same one.
var patterns = lru.New(mostPatterns)

func patternOf(text string) pattern {
	if len(text) > longestPattern {
		return pattern{}
	}
	if known, is := patterns.Get(text); is {
		return known.(pattern) //nolint:forcetypeassert // nothing else is put there
	}
	made := newPattern(text)
	patterns.Add(text, made)
	return made
}

func newPattern(text string) pattern {
	parsed, err := syntax.Parse(text, syntax.Perl)
	if err != nil {
		return pattern{invalid: true}
	}
	nodes := nodesOf(parsed)
	if nodes > mostNodes {
		return pattern{}
	}
	compiled, err := regexp.Compile(text)
	return pattern{compiled: compiled, invalid: err != nil, nodes: nodes}
}

// nodesOf counts what a pattern becomes when it is compiled.
func nodesOf(re *syntax.Regexp) int {
	n := 1
	if re.Op == syntax.OpLiteral {
		n += len(re.Rune)
	} else {
		n += len(re.Rune) / 256 // a class, which is looked up
	}
	for _, sub := range re.Sub {
		n += nodesOf(sub)
	}
	if re.Op == syntax.OpRepeat {
		n *= max(re.Max, re.Min+1, 1)
	}
	return min(n, mostNodes+1)
}

// match is matches(): whether a pattern is found in a text.
func match(text, written ref.Val) ref.Val {
	t, isText := text.(types.String)
	w, isPattern := written.(types.String)
	if !isText || !isPattern {
		return types.MaybeNoSuchOverloadErr(text)
	}
	p := patternOf(string(w))
	switch {
	case p.invalid:
		return types.NewErr(InvalidPattern)
	case p.compiled == nil, p.steps(len(t)) > mostSteps:
		return types.NewErr(TooMuchAtOnce)
	}
	return types.Bool(p.compiled.MatchString(string(t)))
}

// InvalidPattern is what an error says when matches() is given something else.
const InvalidPattern = "uptake: not a pattern"

// checkPatterns says what is wrong with patterns that stand in an expression, so that
// nobody has to wait for an answer to be told.
func checkPatterns(tree *cel.Ast) (problem string) {
	native := tree.NativeRep()
	ast.PostOrderVisit(native.Expr(), ast.NewExprVisitor(func(e ast.Expr) {
		if e.Kind() != ast.CallKind || e.AsCall().FunctionName() != overloads.Matches {
			return
		}
		args := e.AsCall().Args()
		written := args[len(args)-1]
		if written.Kind() != ast.LiteralKind {
			return
		}
		text, is := written.AsLiteral().Value().(string)
		if !is {
			return
		}
		at := native.SourceInfo().GetStartLocation(written.ID())
		switch p := patternOf(text); {
		case p.invalid:
			problem = place(at, "this is not a pattern that RE2 knows: check its brackets and repetitions")
		case p.compiled == nil:
			problem = place(at, "the pattern is too large: write fewer and smaller repetitions")
		}
	}))
	return problem
}
