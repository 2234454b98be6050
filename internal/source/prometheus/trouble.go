// SPDX-License-Identifier: Apache-2.0

package prometheus

import (
	"cmp"
	"fmt"
	"regexp"
	"strings"

	"github.com/uptake-dev/uptake/internal/source"
)

// An expression that does not work is the program's mistake (InvalidQuery) only if it
// could not work whatever the server holds. What depends on the data, such as two
// series where one is matched or a store that is away, comes and goes (BadAnswer).
//
// Prometheus, Thanos and Mimir say which it is in errorType. VictoriaMetrics writes
// the status there ("422") for both, and only its text tells them apart. The text is
// looked at for fixed words and never repeated: the rest of it may hold anything.

// mistake is what is wrong with an expression by itself.
type mistake struct {
	// at is line:column; empty: nobody knows.
	at string
	// from is what the program's own expression has there.
	from string
	// what is wrong; empty: nobody knows.
	what string
}

// partOf is the piece of an expression at line:column; empty: it is not that long.
func partOf(expr, at string) string {
	var line, column int
	if _, err := fmt.Sscanf(at, "%d:%d", &line, &column); err != nil {
		return ""
	}
	lines := strings.Split(expr, "\n")
	if line < 1 || line > len(lines) || column < 1 || column > len(lines[line-1]) {
		return ""
	}
	rest := []rune(strings.ToValidUTF8(lines[line-1][column-1:], ""))
	const most = 20
	if len(rest) > most {
		return string(rest[:most]) + "…"
	}
	return string(rest)
}

func (m mistake) tell(host string) *source.Error {
	message := host + " cannot parse the expression"
	if m.from != "" {
		m.at += fmt.Sprintf(" (line:column), from %q on", m.from)
	} else if m.at != "" {
		m.at += " (line:column)"
	}
	switch {
	case m.at != "" && m.what != "":
		message += ": look at " + m.at + ": " + m.what
	case m.at != "":
		message += ": look at " + m.at
	case m.what != "":
		message += ": " + m.what
	default:
		message = host + " does not accept the expression: evaluate it there to see why"
	}
	return invalid("%s", message)
}

// parseError is how Prometheus, Thanos and Mimir say where an expression does not parse.
var parseError = regexp.MustCompile(`^(?:invalid parameter "?'?query'?"?: )?([0-9]{1,4}:[0-9]{1,4}): parse error: (.*)`)

// kinds are the mistakes that people make most, by the words that servers have for
// them, tried in order.
var kinds = []struct {
	text  *regexp.Regexp
	words string
}{
	{regexp.MustCompile(`unclosed left parenthesis|missing closing parenthes|missing "?'?\)`), "a ( is not closed"},
	{regexp.MustCompile(`unclosed left brace|missing closing brace|missing "?'?\}|labelfilters: unexpected token [^;]*; want ","|unexpected end of input inside braces`), "a { is not closed"},
	{regexp.MustCompile(`unclosed left bracket|missing closing bracket|missing "?'?\]`), "a [ is not closed"},
	{regexp.MustCompile(`unexpected (right|")? ?(parenthesis|brace|bracket|[)\]}])`), "a bracket is closed that was not opened"},
	{regexp.MustCompile(`unterminated|missing closing quote|missing closing`), "a quote is not closed"},
	{regexp.MustCompile(`unexpected end of input|unexpected end|unexpected eof`), "it ends too early"},
	{regexp.MustCompile(`unknown func|unsupported func|unknown aggregat|unknown rollup`), "there is no such function"},
	{regexp.MustCompile(`bad number or duration|duration`), "a number or a duration is not written as PromQL wants it, such as 5m"},
	{regexp.MustCompile(`expected type range vector`), "a range such as [5m] is missing"},
	{regexp.MustCompile(`expected type instant vector|ranges? only allowed`), "there is a range where numbers of now are needed"},
	{regexp.MustCompile(`argument\(s\)|number of arg`), "the number of arguments is not what the function takes"},
	{regexp.MustCompile(`at least one non-empty matcher`), "a selector needs at least one label that is not empty"},
	{regexp.MustCompile(`regex|regular expression`), "a regular expression cannot be read"},
	{regexp.MustCompile(`unexpected character|unexpected (identifier|token|<)|unparsed data|unexpected`), "something stands there that does not belong there"},
}

// grouping is what people write inside the parentheses that belongs before them.
var grouping = regexp.MustCompile(`^(by|without)\b`)

// grouped says what to do with a grouping that stands where it cannot.
func grouped(from string) string {
	if word := grouping.FindString(from); word != "" {
		return word + " (...) stands right behind the function, as in sum " + word + " (team) (sessions)"
	}
	return ""
}

func kindOf(text string) string {
	text = strings.ToLower(text)
	for _, kind := range kinds {
		if kind.text.MatchString(text) {
			return kind.words
		}
	}
	return ""
}

var (
	// byItself are words about an expression that cannot work on any data, although
	// they come while it is evaluated.
	byItself = regexp.MustCompile(`(?i)unknown func|unsupported func|unknown aggregat|unknown rollup|number of arg|^invalid (regular expression|destination label name|source label name)`)
	// byData are words about what an expression met.
	byData = regexp.MustCompile(`(?i)cannot evaluate|cannot execute|duplicate (output )?time ?series|duplicate series|many-to-many|multiple matches|exceed|cannot select|cannot fetch|cannot search|timeout|too many|limit`)
	// byParser are words about how an expression is written.
	byParser = regexp.MustCompile(`(?i)parse error|cannot parse|error parsing|unparsed data|missing |unexpected |unterminated|unclosed|expecting|invalid (query|expression|syntax)|syntax error`)
	// quotedQuery is how VictoriaMetrics repeats what it was asked.
	quotedQuery = regexp.MustCompile(`query="(?:[^"\\]|\\.)*"`)
	numeric     = regexp.MustCompile(`^[0-9]{3}$`)
)

// withoutQuery takes the expression out of an error's text: what it is called there
// says nothing about what is wrong.
func withoutQuery(text, expr string) string {
	text = quotedQuery.ReplaceAllString(text, "")
	if len(expr) > 3 {
		text = strings.ReplaceAll(text, expr, "")
	}
	return text
}

// trouble judges an error that the API tells.
func (c *connection) trouble(status int, answer envelope, expr string) *source.Error {
	host := c.web.Host()
	text := withoutQuery(answer.Error, expr)
	if found := parseError.FindStringSubmatch(answer.Error); found != nil {
		from := partOf(expr, found[1])
		return mistake{at: found[1], what: cmp.Or(grouped(from), kindOf(found[2])), from: from}.tell(host)
	}
	switch kind := answer.ErrorType; {
	case kind == "timeout" || kind == "canceled":
		return source.Errorf(source.Unavailable, "%s gave up on the expression because it took too long", host)
	case kind == "bad_data":
		return mistake{}.tell(host)
	case kind == "execution" && byItself.MatchString(text):
		return mistake{what: kindOf(text)}.tell(host)
	case kind == "execution":
		return notEvaluated(host)
	case !numeric.MatchString(kind) || kind[0] != '4':
		return c.failed(status)
	case byItself.MatchString(text):
		return mistake{what: kindOf(text)}.tell(host)
	case byData.MatchString(text):
		return notEvaluated(host)
	case kind == "400" || byParser.MatchString(text):
		return mistake{what: kindOf(text)}.tell(host)
	}
	return notEvaluated(host)
}

// notEvaluated is about what the server holds, and may be over by the next poll.
func notEvaluated(host string) *source.Error {
	return badAnswer("%s cannot evaluate the expression over what it holds now, such as several series where one is matched, or data that is away: evaluate it there to see why", host)
}
