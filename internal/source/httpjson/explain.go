// SPDX-License-Identifier: Apache-2.0

package httpjson

import (
	"errors"
	"fmt"
	"strings"

	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"github.com/google/cel-go/common/types/traits"

	"github.com/uptake-dev/uptake/internal/source"
	"github.com/uptake-dev/uptake/internal/source/expressions"
)

// explain says what went wrong in words that hold nothing of the answer: CEL's own
// may quote it.
func (e *expression) explain(err error) *source.Error {
	where := e.field
	if failed, is := errors.AsType[*types.Err](err); is {
		if at := e.compiled.Ast.NativeRep().SourceInfo().GetStartLocation(failed.NodeID()); at.Line() > 0 {
			where = fmt.Sprintf("%s, line %d, column %d", e.field, at.Line(), at.Column()+1)
		}
	}
	return badAnswer("%s: %s", where, e.reason(err.Error()))
}

func (e *expression) reason(text string) string {
	if _, key, found := strings.Cut(text, "no such key: "); found && e.words[key] {
		return fmt.Sprintf("there is no %s: check its name and where it stands; has() is for fields that may be absent", key)
	}
	for _, known := range reasons {
		if strings.Contains(text, known.text) {
			return known.words
		}
	}
	if strings.Contains(text, "cost limit exceeded") {
		if e.field == kindRows.field {
			return "the expression is too much work for an answer: pick rows with http.where, not with filter()"
		}
		return "the expression is too much work for " + e.unit
	}
	return "the expression cannot be evaluated; use has() for fields that may be absent"
}

// reasons are tried in order.
var reasons = []struct{ text, words string }{
	{expressions.InvalidPattern, "what matches() is given is not a pattern that RE2 knows"},
	{expressions.TooMuchAtOnce, "a function is given too much at once: make the list or the text shorter first"},
	{"no such key", "a field is absent; use has() for fields that may be"},
	{"no such attribute", "a field is absent; use has() for fields that may be"},
	{"no such overload", "a value is of another type than is needed, or null. JSON numbers are doubles: write 100.0, not 100, and double() around a string"},
	{"unsupported index type", "a value is of another type than is needed, or null; use has() for fields that may be absent"},
	{"type conversion error", "a value cannot be converted to the type that is needed, or is null"},
	{"parsing time", "a value is not a time as RFC 3339 writes it, such as 2026-01-02T15:04:05Z"},
	{"index out of", "a list or a text is shorter than is needed; compare its size() first"},
	{"divi", "a division by zero"},
	{"modulus by zero", "a division by zero"},
	{"overflow", "a number is out of range"},
	{"optional.none() dereference", "a field is absent; use orValue() for fields that may be"},
}

// inWords says what a value is, without the value.
func inWords(value ref.Val) string {
	switch value.(type) {
	case types.Null:
		return "null"
	case types.Bool:
		return "true or false"
	case types.Int, types.Uint, types.Double:
		return "a number"
	case types.String:
		return "a string"
	case types.Timestamp:
		return "a time"
	case types.Duration:
		return "a duration"
	case *types.Optional:
		return "an optional, which orValue() opens"
	case traits.Mapper:
		return "an object"
	case traits.Lister:
		return "a list"
	}
	return "something else"
}

// orEmpty is the remedy where null means an empty list, which only people know.
func (e *expression) orEmpty() string {
	text := "..."
	if len(e.text) <= 60 && !strings.ContainsAny(e.text, "?\n") {
		text = e.text
	}
	return fmt.Sprintf(": where that means that there are no rows, write %s == null ? [] : %s", text, text)
}

// misfit says that an expression gives what it should not.
func (e *expression) misfit(value ref.Val) *source.Error {
	_, isString := value.(types.String)
	_, isBool := value.(types.Bool)
	hint := ""
	switch {
	case e.field == kindValue.field && isString:
		hint = ": put double() around it"
	case e.field == kindWhere.field && inWords(value) == "a number":
		hint = ": compare it, such as row.n > 0.0"
	case e.field == kindValue.field && isBool:
		hint = ": that is for http.where"
	case value == types.NullValue && e.field == kindRows.field:
		hint = e.orEmpty()
	case value == types.NullValue:
		hint = ": compare with null where that may be"
	}
	return badAnswer("%s gives %s, not %s%s", e.field, inWords(value), e.wants, hint)
}
