// SPDX-License-Identifier: Apache-2.0

package expressions

import (
	"strings"
	"testing"

	"github.com/google/cel-go/cel"
)

func TestWhatIsWrongWithAnExpressionIsSaidInOurWords(t *testing.T) {
	env := NewEnvironment(100_000, cel.Variable("row", cel.DynType), cel.Variable("body", cel.DynType))
	for text, words := range map[string]string{
		"$.n":                      "line 1, column 1: this is CEL, not JSONPath: write body.n",
		"row.a == $.n":             "not JSONPath",
		"row.a and row.b":          "write && for and",
		"row.a or row.b":           "|| for or",
		"not row.a":                "! for not",
		"row.a = 1":                "write == to compare",
		"row.a <> 1":               "write !=",
		"row.a === 1":              "write ==",
		"row.a & row.b":            "write &&",
		"row.name like 'a'":        "not SQL",
		"“a”":                      "straight quotes",
		"(row.a":                   "a bracket is not closed: a ) is missing",
		"rwo.a":                    "there is no rwo here",
		"size(row) * 1.5":          "JSON numbers are doubles",
		"'a' + 1":                  "+ does not go between a string and a whole number",
		"1 ? 2 : 3":                "the ? : needs true or false before the ?",
		"'a' && true":              "a string stands where true or false is needed",
		"sise(row)":                "there is no sise",
		"'a'.sise()":               "there is no",
		"has(row)":                 "has() is for a field",
		"1.a":                      "",
		"row.a ?? 1":               "",
		"row[":                     "",
		"":                         "",
		"'a' in 'b'":               "",
		"-'a'":                     "does not go with a string",
		"row.filter(1, 2)":         "",
		"{1: 2}.map(x)":            "",
		"row.a ? 1":                "",
		strings.Repeat("(", 300):   "",
		"row.a == 'it's'":          "",
		"timestamp(row.a) > now":   "there is no now here",
		"[1, 2].exists(x, y == 1)": "there is no y here",
	} {
		_, problem := env.Compile(text)
		if !strings.HasPrefix(problem, "line ") || !strings.Contains(problem, words) {
			t.Errorf("%q: %q does not say %q", text, problem, words)
		}
		for _, own := range []string{"overload", "token recognition", "mismatched input", "<EOF>", "undeclared", "Syntax error", "_?_", "container", "extraneous", "viable"} {
			if strings.Contains(problem, own) {
				t.Errorf("%q: CEL's own words reach people: %s", text, problem)
			}
		}
	}
}

func TestBothSidesOfAChoiceMayBeOfAnyType(t *testing.T) {
	env := NewEnvironment(100_000, cel.Variable("row", cel.DynType))
	for text, want := range map[string]any{
		"(row.ok ? null : [row]) == [row]":            true,
		"(row.ok ? 1 : 'a') == 'a'":                   true,
		"[1, 2, 3].filter(x, x > 1 ? true : false)":   nil,
		"[1, 2].exists_one(x, x == 1)":                true,
		"[1, 2, 3].map(x, x > 1, x * 2) == [4, 6]":    true,
		"row.?gone.orValue(row.ok ? null : 5.0) == 5": true,
	} {
		compiled, problem := env.Compile(text)
		if problem != "" {
			t.Errorf("%s: %s", text, problem)
			continue
		}
		value, _, err := compiled.Program.Eval(map[string]any{"row": map[string]any{"ok": false}})
		if err != nil || want != nil && value.Value() != want {
			t.Errorf("%s: %v, %v", text, value, err)
		}
	}
}
