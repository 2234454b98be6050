// SPDX-License-Identifier: Apache-2.0

package httpjson

import (
	"net/url"
	"regexp"
	"strings"

	"github.com/uptake-dev/uptake/internal/source"
)

// placeholder is {name}, or a brace that is none.
var placeholder = regexp.MustCompile(`\{[a-z][a-zA-Z0-9_]*\}|[{}]`)

// bind puts the values of parameters into a path, where it says {name}. Whatever a
// value holds, it stays within one segment of the path or one value of the query.
func bind(path string, parameters []source.Parameter) (string, *source.Error) {
	before, query, hasQuery := strings.Cut(path, "?")
	for _, p := range parameters {
		if strings.Contains(before, "{"+p.Name+"}") && hasSlash(p.Value) {
			return "", invalid("parameter %s: its value has a slash, and a parameter is one segment of the path", p.Name)
		}
	}
	bound, failure := fill(before, parameters, url.PathEscape)
	if failure != nil || !hasQuery {
		return bound, failure
	}
	filled, failure := fill(query, parameters, url.QueryEscape)
	return bound + "?" + filled, failure
}

// hasSlash reports whether a value has one for somebody on the way: encoded as it is,
// most servers see a slash and so another path.
func hasSlash(value string) bool {
	decoded, err := url.PathUnescape(value)
	switch {
	case strings.Contains(value, "/") || strings.Contains(strings.ToLower(value), "%2f"):
		return true
	case err != nil || decoded == value:
		return false
	}
	return hasSlash(decoded)
}

func fill(text string, parameters []source.Parameter, escape func(string) string) (string, *source.Error) {
	values := source.ParameterMap(parameters)
	var failure *source.Error
	filled := placeholder.ReplaceAllStringFunc(text, func(piece string) string {
		name := strings.Trim(piece, "{}")
		value, known := values[name]
		switch {
		case failure != nil:
		case name == "":
			failure = invalid("http.path: a brace is only for {parameter}: write %%7B and %%7D for braces")
		case !known:
			failure = invalid("http.path: there is no parameter %s: %s", name, declared(parameters))
		case value == "" || value == "." || value == "..":
			failure = invalid("parameter %s: its value has to be a name, not empty and not dots", name)
		}
		return escape(value)
	})
	return filled, failure
}

func declared(parameters []source.Parameter) string {
	if len(parameters) == 0 {
		return "the query declares none"
	}
	names := make([]string, len(parameters))
	for i, p := range parameters {
		names[i] = p.Name
	}
	return "the query declares " + strings.Join(names, ", ")
}
