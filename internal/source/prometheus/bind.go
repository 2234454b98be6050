// SPDX-License-Identifier: Apache-2.0

package prometheus

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/uptake-dev/uptake/internal/source"
)

// token splits an expression into what a parameter can hide in (strings and
// comments, left alone), parameters, and single other characters.
var token = regexp.MustCompile("(?s)" + `"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|` + "`[^`]*`" + `|#[^\n]*|\$[a-zA-Z_][a-zA-Z0-9_]*|.`)

// bind puts the values of parameters into an expression, where it says $name
// outside of strings, as string literals. PromQL has no $ of its own. After =~ and
// !~ a value is matched literally, not as a regular expression.
func bind(expr string, parameters []source.Parameter) (string, *source.Error) {
	var bound strings.Builder
	operator := ""
	for _, piece := range token.FindAllString(expr, -1) {
		switch piece[0] {
		case '$':
			i := slices.IndexFunc(parameters, func(p source.Parameter) bool { return p.Name == piece[1:] })
			if i < 0 {
				return "", invalid("expr: the query declares no parameter %s", piece)
			}
			value := parameters[i].Value
			if operator == "=~" || operator == "!~" {
				value = regexp.QuoteMeta(value)
			}
			bound.WriteString(strconv.Quote(value))
		default:
			bound.WriteString(piece)
		}
		operator = following(operator, piece)
	}
	return bound.String(), nil
}

// following keeps the characters since the last that cannot be of an operator;
// space does not end one.
func following(operator, piece string) string {
	switch {
	case strings.TrimSpace(piece) == "" || piece[0] == '#':
		return operator
	case strings.Contains("=!~", piece) && len(operator) < 2:
		return operator + piece
	default:
		return ""
	}
}
