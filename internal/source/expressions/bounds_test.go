// SPDX-License-Identifier: Apache-2.0

package expressions

import (
	"context"
	"fmt"
	"runtime/debug"
	"runtime/metrics"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/cel-go/cel"
)

var rows = NewEnvironment(costOfOne, cel.Variable("row", cel.DynType), cel.Variable("body", cel.DynType))

const (
	// aMoment is the time that an evaluation is given: it has to end within three.
	aMoment = time.Second
	// mostHeap is by how much the heap may grow meanwhile.
	mostHeap = 64 << 20
	// costOfOne is the highest cost that a driver allows one evaluation.
	costOfOne = 500_000
)

// watched runs something and returns how long it took and by how much the heap grew.
func watched(run func()) (took time.Duration, grew int64) {
	defer debug.SetGCPercent(debug.SetGCPercent(20))
	before, most := liveHeap(), int64(0)
	done := make(chan struct{})
	var watching sync.WaitGroup
	watching.Go(func() {
		for {
			select {
			case <-done:
				return
			case <-time.After(2 * time.Millisecond):
				most = max(most, liveHeap())
			}
		}
	})
	started := time.Now()
	run()
	took = time.Since(started)
	close(done)
	watching.Wait()
	return took, max(most, liveHeap()) - before
}

func liveHeap() int64 {
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(sample)
	return int64(sample[0].Value.Uint64()) //nolint:gosec // a heap is smaller
}

// mustBeBounded compiles and evaluates an expression, and fails when that takes too
// much, whatever comes of it.
func mustBeBounded(t *testing.T, text string, variables map[string]any) {
	t.Helper()
	var failed error
	took, grew := watched(func() {
		compiled, problem := rows.Compile(text)
		if problem != "" {
			return
		}
		ctx, cancel := context.WithTimeout(t.Context(), aMoment)
		defer cancel()
		_, _, failed = compiled.Program.ContextEval(ctx, variables)
	})
	if took > 3*aMoment*slower || grew > mostHeap*slower {
		t.Errorf("%.300q took %v and %d MiB: %v", text, took.Round(time.Millisecond), grew>>20, failed)
	}
}

// The inputs that once took gigabytes and minutes.
func TestNoPatternEscapesItsMeasure(t *testing.T) {
	large := "(?:" + strings.Repeat("ab", 1600) + "){1000}"
	for text, variables := range map[string]map[string]any{
		fmt.Sprintf("'x'.matches('%s')", large):                                     {},
		"row.matches('(?:a?a?a?a?a?a?a?a?a?a?){1000}b')":                            {"row": strings.Repeat("a", 20_000)},
		"row.matches('" + strings.Repeat("(a?b?){900}", 140) + "c')":                {"row": strings.Repeat("ab", 1_500)},
		"row.text.matches(row.pattern)":                                             {"row": map[string]any{"text": strings.Repeat("a", 1_200), "pattern": large}},
		"matches(row, '((((a{10}){10}){10}){10}){10}')":                             {"row": strings.Repeat("a", 20_000)},
		"body.map(x, x.matches('^(a|b|c)*$'))":                                      {"body": repeated(strings.Repeat("abc", 5_000), 5_000)},
		"body.map(x, x.matches(x.substring(0, 20) + string(size(x))))":              {"body": repeated(strings.Repeat("a", 50_000), 5_000)},
		"[row].map(a, a + a)" + strings.Repeat(".map(a, a + a)", 25) + "[0].sort()": {"row": repeated(1.0, 1_000)},
	} {
		mustBeBounded(t, text, variables)
	}
}

func TestWhatIsWrongWithAPatternIsToldAtOnce(t *testing.T) {
	for text, words := range map[string]string{
		"row.matches('(')":             "line 1, column 13: this is not a pattern that RE2 knows",
		"row.matches('(?:ab){1000}')":  "line 1, column 13: the pattern is too large",
		"matches(row, 'a{500}b{500}')": "the pattern is too large",
		"[1].exists(x, x == 1 && row.matches('" + strings.Repeat("a", 1025) + "'))": "the pattern is too large",
	} {
		if _, problem := rows.Compile(text); !strings.Contains(problem, words) {
			t.Errorf("%q: %q does not say %q", text, problem, words)
		}
	}
	for _, text := range []string{`row.matches('^[\\p{L}\\p{N}_-]{1,63}$')`, "row.matches('(?i)^team-(cart|media)[0-9]{0,9}$')"} {
		if _, problem := rows.Compile(text); problem != "" {
			t.Errorf("%q: %s", text, problem)
		}
	}
}

// Whatever is nested how deep, and however long: a text of the greatest length that
// the API allows is compiled or refused at once.
func TestNoTextTakesLongToCompile(t *testing.T) {
	const longest = 4096
	for name, of := range map[string]func(n int) string{
		"lists":       func(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) },
		"parentheses": func(n int) string { return strings.Repeat("(", n) + "1" + strings.Repeat(")", n) },
		"objects":     func(n int) string { return strings.Repeat("{1:", n) + "1" + strings.Repeat("}", n) },
		"fields":      func(n int) string { return "row" + strings.Repeat(".?a", n) },
		"calls":       func(n int) string { return "row" + strings.Repeat(".trim()", n) },
		"choices":     func(n int) string { return strings.Repeat("row.a?1:", n) + "1" },
		"sums":        func(n int) string { return "1" + strings.Repeat("+1", n) },
		"conditions":  func(n int) string { return "row.a" + strings.Repeat("&&row.a", n) },
		"loops":       func(n int) string { return "row" + strings.Repeat(".map(x,x", n) + strings.Repeat(")", n) },
		"in loops":    func(n int) string { return strings.Repeat("[1].map(x,", n) + "x" + strings.Repeat(")", n) },
		"wide lists":  func(n int) string { return strings.Repeat("[row,1,'a',[1],", n) + strings.Repeat("]", n) },
		"macros":      func(n int) string { return "row" + strings.Repeat(".sortBy(x,x)", n) },
		"not":         func(n int) string { return strings.Repeat("!", n) + "true" },
		"optMap":      func(n int) string { return "optional.of(1)" + strings.Repeat(".optMap(v,v)", n) },
		"optFlatMap":  func(n int) string { return "optional.of(1)" + strings.Repeat(".optFlatMap(v,optional.of(v))", n) },
		"maps":        func(n int) string { return "[1]" + strings.Repeat(".map(a,{a:a})", n) },
		"deep maps":   func(n int) string { return "[{'a':1}]" + strings.Repeat(".map(a,{'a':{a.a:a.a}})", n) },
		"in maps":     func(n int) string { return strings.Repeat("[1].map(a,{a:", n) + "a" + strings.Repeat("})", n) },
		"greatest":    func(n int) string { return strings.Repeat("math.greatest(1,", n) + "1" + strings.Repeat(")", n) },
	} {
		for n := 4; len(of(n)) <= longest; n = n*5/4 + 1 {
			text := of(n)
			took, grew := watched(func() { rows.Compile(text) })
			if took > aMoment*slower || grew > mostHeap*slower {
				t.Errorf("%s, %d deep: %v, %d MiB", name, n, took, grew>>20)
			}
		}
	}
}

func TestTheSameTextIsCompiledOnce(t *testing.T) {
	one, _ := rows.Compile("row.once == 1")
	other, _ := rows.Compile("row.once == 1")
	if one == nil || one != other {
		t.Error("equal texts are two programs")
	}
}

// calls are what is drawn from: %s stands for a value.
var calls = []string{
	"%s.matches(%s)", "%s.replace(%s, %s)", "%s.split(%s)", "%s.indexOf(%s)", "%s.lastIndexOf(%s)", "%s.contains(%s)", "%s + %s",
	"%s == %s", "%s != %s", "%s < %s", "%s in %s", "%s[%s]", "size(%s)", "%s.reverse()", "%s.upperAscii()", "%s.trim()", "strings.quote(%s)",
	"%s.substring(1)", "%s.charAt(1)", "%s.join(%s)", "'%%s %%d %%.90f %%e %%b %%x'.format([%s, 1, 1.0, 1.0, 1, %s])", "%s.format([%s])",
	"%s.distinct()", "%s.flatten()", "%s.flatten(5)", "%s.sort()", "%s.slice(0, 2)", "%s.sortBy(x, %s)", "lists.range(%s)", "sets.contains(%s, %s)",
	"sets.equivalent(%s, %s)", "sets.intersects(%s, %s)", "math.greatest(%s)", "math.least(%s)", "string(%s)", "bytes(%s)", "double(%s)", "int(%s)",
	"timestamp(%s)", "duration(%s)", "[%s, %s]", "{'a': %s}", "%s ? %s : %s", "%s.map(x, %s)", "%s.map(x, x + x)", "%s.filter(x, x == %s)", "%s.exists(x, x == %s)",
	"%s.all(x, %s != null)", "%s.exists_one(x, x == %s)", "%s.map(x, %s.map(y, [x, y]))", "%s.map(x, lists.range(10000))", "%s.map(x, body == body)",
	"optional.of(%s).orValue(%s)", "has(row.text) && %s", "dyn(%s)", "type(%s)", "base64(%s)",
}

// values are what the calls are given: constants and variables.
var values = []string{
	"row.text", "row.list", "row.texts", "row.deep", "row.pattern", "body", "'a'", "''", "1", "1.0", "10000", "true", "[1, 2, 3]", "['a', 'b']", "{'a': 1}",
	"'(?:a?a?a?){1000}b'", "'(a|b)*c'", "'%s%s%s%.9000f'", "lists.range(10000)", "x",
}

// Of function x constant or variable x size x nesting nothing outlives its context, or
// takes the memory of others.
func FuzzNoEvaluationTakesTooMuch(f *testing.F) {
	for i := range calls {
		f.Add([]byte{byte(i), 0, 1, 2}, uint16(10_000))
		f.Add([]byte{byte(i), 1, 1, 4, 49, 0, 0}, uint16(30_000))
		f.Add([]byte{byte(i), 5, 5, 5, 51, 2, 3, 8, 0, 0}, uint16(60_000))
	}
	f.Fuzz(func(t *testing.T, drawn []byte, size uint16) {
		if len(drawn) > 24 {
			return
		}
		mustBeBounded(t, draw(drawn), variablesOf(int(size)))
	})
}

// draw writes an expression: each call is put around the one before.
func draw(drawn []byte) string {
	next := func() int {
		if len(drawn) == 0 {
			return 0
		}
		first := drawn[0]
		drawn = drawn[1:]
		return int(first)
	}
	text := ""
	for len(drawn) > 0 {
		call := calls[next()%len(calls)]
		args := make([]any, strings.Count(strings.ReplaceAll(call, "%%", ""), "%s"))
		for i := range args {
			args[i] = values[next()%len(values)]
		}
		if text != "" && len(args) > 0 {
			args[next()%len(args)] = "(" + text + ")"
		}
		text = fmt.Sprintf(call, args...)
	}
	return text
}

func variablesOf(size int) map[string]any {
	var deep any = 1.0
	for range min(size, 90) {
		deep = []any{deep, deep}
	}
	texts := make([]any, min(size, 3_000))
	for i := range texts {
		texts[i] = strings.Repeat("a", 200) + strconv.Itoa(i%100)
	}
	row := map[string]any{
		"text": strings.Repeat("a", min(size*4, 256<<10)), "list": repeated(1.0, size), "texts": texts, "deep": deep,
		"pattern": "(?:" + strings.Repeat("a?", size%300) + "){" + strconv.Itoa(size%1000) + "}b",
	}
	return map[string]any{"row": row, "body": repeated(row, min(size, 1_000))}
}

func repeated(value any, n int) []any {
	list := make([]any, n)
	for i := range list {
		list[i] = value
	}
	return list
}
