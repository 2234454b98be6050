// SPDX-License-Identifier: Apache-2.0

package expressions

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common"
	"github.com/google/cel-go/common/ast"
)

// check parses an expression and checks its types. What is wrong with it is said in our words, with
// the line and the column: CEL's own are for those who know how it is built.
func check(env *cel.Env, text string) (compiled *cel.Ast, problem string) {
	if doublings := strings.Count(text, "optMap") + strings.Count(text, "optFlatMap"); doublings > mostDoublings {
		return nil, fmt.Sprintf("optMap and optFlatMap stand in it %d times: at most %d, since each doubles what is before it", doublings, mostDoublings)
	}
	compiled, issues := env.Parse(text)
	if issues.Err() == nil {
		if computed := computedKeys(compiled); computed > mostDoublings {
			return nil, fmt.Sprintf("%d keys of maps in it are computed: at most %d; write a text, or string(...)", computed, mostDoublings)
		}
		compiled, issues = env.Check(compiled)
	}
	if issues.Err() == nil {
		return compiled, ""
	}
	first := issues.Errors()[0]
	line, column := max(first.Location.Line(), 1), max(first.Location.Column(), 0)
	return nil, place(first.Location, inOurWords(text, first.Message, at(text, line, column)))
}

// mostDoublings is how often an expression may hold what doubles it when it is compiled:
// the macros that write their target twice, and maps the type of which has that of their
// key and of their value in it. 25 of them in a row would take all memory there is.
const mostDoublings = 4

// computedKeys counts the entries of maps whose key may be of any type.
func computedKeys(parsed *cel.Ast) int {
	computed := 0
	ast.PreOrderVisit(parsed.NativeRep().Expr(), ast.NewExprVisitor(func(e ast.Expr) {
		if e.Kind() != ast.MapKind {
			return
		}
		for _, entry := range e.AsMap().Entries() {
			key := entry.AsMapEntry().Key()
			if key.Kind() == ast.LiteralKind || key.Kind() == ast.CallKind && converts[key.AsCall().FunctionName()] {
				continue
			}
			computed++
		}
	}))
	return computed
}

// converts are the functions whose result has one type, whatever they are given.
var converts = map[string]bool{"string": true, "int": true, "uint": true, "double": true, "bool": true}

// place says where something is wrong.
func place(location common.Location, words string) string {
	return fmt.Sprintf("line %d, column %d: %s", max(location.Line(), 1), max(location.Column(), 0)+1, words)
}

// at returns what stands at a place, with the word or the character before it.
func at(text string, line, column int) string {
	lines := strings.Split(text, "\n")
	if line < 1 || line > len(lines) {
		return ""
	}
	runes := []rune(lines[line-1])
	column = min(max(column, 0), len(runes))
	if word := lastWord.FindString(string(runes[:column])); word != "" {
		return word + string(runes[column:])
	}
	return string(runes[max(column-1, 0):])
}

// lastWord is one that other languages have for an operator.
var lastWord = regexp.MustCompile(`(?i)\b(and|or|not|like|is|between)\s+$`)

var (
	undeclared  = regexp.MustCompile(`^undeclared reference to '([^']+)'`)
	reserved    = regexp.MustCompile(`^reserved identifier: (\w+)`)
	noOverload  = regexp.MustCompile(`^found no matching overload for '([^']+)' applied to '(.*)'$`)
	wrongSyntax = regexp.MustCompile(`^Syntax error: `)
	anotherType = regexp.MustCompile(`^expected type '([^']+)' but found '([^']+)'`)
)

func inOurWords(text, message, here string) string {
	if found := reserved.FindStringSubmatch(message); found != nil {
		if found[1] == "namespace" {
			return "the namespace of the object is called namespaceObject"
		}
		return found[1] + " is a word that CEL keeps for itself: use another name"
	}
	if found := undeclared.FindStringSubmatch(message); found != nil {
		return unknownName(found[1])
	}
	if found := noOverload.FindStringSubmatch(message); found != nil {
		return noSuchOperation(found[1], found[2])
	}
	if found := anotherType.FindStringSubmatch(message); found != nil {
		return fmt.Sprintf("%s stands where %s is needed", typeInWords(found[2]), typeInWords(found[1]))
	}
	switch {
	case wrongSyntax.MatchString(message):
		return syntaxError(text, here)
	case strings.Contains(message, "has() macro"):
		return "has() is for a field, such as has(row.team)"
	case strings.Contains(message, "does not support field selection"):
		return "this has no fields: only objects have them"
	case strings.Contains(message, "recursion"):
		return "the expression is nested more than 40 deep: simplify it, or split long chains with parentheses"
	}
	return "the expression does not fit here: check names, types and brackets"
}

func unknownName(name string) string {
	switch strings.ToLower(name) {
	case "and", "or", "not":
		return "write && for and, || for or, ! for not"
	case "none", "nil", "undefined":
		return "there is no " + name + ": write null"
	}
	return "there is no " + name + " here: check how it is spelt, and what this expression knows"
}

// otherLanguages are what people write who know another one.
var otherLanguages = []struct {
	looksLike *regexp.Regexp
	words     string
}{
	{regexp.MustCompile(`^.?\s*\$`), "this is CEL, not JSONPath: write body.n for $.n"},
	{regexp.MustCompile(`(?i)^.?\s*(and|or|not)\b`), "write && for and, || for or, ! for not"},
	{regexp.MustCompile(`(?i)^.?\s*(like|is|between)\b`), "this is CEL, not SQL: compare with ==, and texts with contains(), startsWith() or matches()"},
	{regexp.MustCompile(`^.?\s*[‘’“”]`), `write straight quotes, ' or "`},
	{regexp.MustCompile(`^.?\s*<>`), "write != for <>"},
	{regexp.MustCompile(`^=?\s*=[^=]`), "write == to compare"},
	{regexp.MustCompile(`^[=!]?==`), "write == to compare, and != for the opposite"},
	{regexp.MustCompile(`^.?\s*&[^&]`), "write && for and"},
	{regexp.MustCompile(`^.?\s*\|[^|]`), "this is CEL, which has no pipes: write || for or, and call functions as in row.name.lowerAscii()"},
}

func syntaxError(text, here string) string {
	for _, other := range otherLanguages {
		if other.looksLike.MatchString(here) {
			return other.words
		}
	}
	for open, shut := range map[string]string{"(": ")", "[": "]", "{": "}"} {
		if strings.Count(text, open) > strings.Count(text, shut) {
			return "a bracket is not closed: a " + shut + " is missing"
		}
	}
	return "the expression cannot be read from here on: this is CEL; check brackets, quotes and operators"
}

func noSuchOperation(function, given string) string {
	operator := strings.Trim(function, "_")
	types := strings.TrimSuffix(strings.TrimPrefix(given, "("), ")")
	switch {
	case function == "_?_:_":
		return "the ? : needs true or false before the ?"
	case function == "_&&_", function == "_||_", function == "!_":
		return operator + " needs true or false on both sides"
	case function == operator:
		return "there is no function " + function + " for what it is given: check how it is spelt and what it takes"
	case strings.Contains(types, "double") && (strings.Contains(types, "int") || strings.Contains(types, "uint")):
		return "numbers of two kinds: JSON numbers are doubles, so write 100.0 for 100, or put double() around a whole number"
	case function == "_[_]":
		return "what is in [ ] does not fit: a list takes a whole number, an object a name"
	}
	sides := strings.SplitN(types, ", ", 2)
	if len(sides) == 2 {
		return fmt.Sprintf("%s does not go between %s and %s", operator, typeInWords(sides[0]), typeInWords(sides[1]))
	}
	return operator + " does not go with " + typeInWords(types)
}

func typeInWords(name string) string {
	switch kind, _, _ := strings.Cut(name, "("); kind {
	case "int", "uint":
		return "a whole number"
	case "double":
		return "a number"
	case "string":
		return "a string"
	case "bool":
		return "true or false"
	case "null", "null_type":
		return "null"
	case "list":
		return "a list"
	case "map":
		return "an object"
	case "timestamp", "google.protobuf.Timestamp":
		return "a time"
	case "duration", "google.protobuf.Duration":
		return "a duration"
	case "optional_type":
		return "an optional, which orValue() opens"
	}
	return "something else"
}
