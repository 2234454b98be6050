// SPDX-License-Identifier: Apache-2.0

package httpjson

import "strings"

// parseLinks reads the values of the header Link (RFC 8288): the target of each
// relation, the first one if there are several. It is false for a header that
// cannot be read to its end, because the missing part may be the next page.
func parseLinks(values []string) (map[string]string, bool) {
	// So that link.next is "" after the last page.
	links := map[string]string{"next": ""}
	for _, value := range values {
		rest := strings.TrimLeft(value, " \t,")
		for rest != "" {
			target, relations, after, ok := parseLink(rest)
			if !ok {
				return nil, false
			}
			for relation := range strings.FieldsSeq(strings.ToLower(relations)) {
				if links[relation] == "" {
					links[relation] = target
				}
			}
			rest = strings.TrimLeft(after, " \t,")
		}
	}
	return links, true
}

// parseLink reads one link, which ends with a comma: <target>; rel="a b"; title="c".
func parseLink(text string) (target, relations, rest string, ok bool) {
	target, rest, ok = strings.Cut(text, ">")
	if !ok || !strings.HasPrefix(target, "<") {
		return "", "", "", false
	}
	target = target[1:]
	for {
		rest = strings.TrimLeft(rest, " \t")
		if rest == "" || rest[0] == ',' {
			return target, relations, rest, true
		}
		if rest[0] != ';' {
			return "", "", "", false
		}
		var name, value string
		if name, value, rest, ok = parseParameter(rest[1:]); !ok {
			return "", "", "", false
		}
		// Of several the first counts.
		if strings.EqualFold(name, "rel") && relations == "" {
			relations = value
		}
	}
}

// parseParameter reads name=value or name="value" or name.
func parseParameter(text string) (name, value, rest string, ok bool) {
	end := strings.IndexAny(text, "=;,")
	if end < 0 || text[end] != '=' {
		if end < 0 {
			end = len(text)
		}
		return strings.TrimSpace(text[:end]), "", text[end:], true
	}
	name, rest = strings.TrimSpace(text[:end]), strings.TrimLeft(text[end+1:], " \t")
	if !strings.HasPrefix(rest, `"`) {
		end := strings.IndexAny(rest, ";,")
		if end < 0 {
			end = len(rest)
		}
		return name, strings.TrimSpace(rest[:end]), rest[end:], true
	}
	value, rest, ok = parseQuoted(rest[1:])
	return name, value, rest, ok
}

// parseQuoted reads up to a quotation mark that has no backslash before it.
func parseQuoted(text string) (value, rest string, ok bool) {
	var unquoted strings.Builder
	for i := 0; i < len(text); i++ {
		switch {
		case text[i] == '"':
			return unquoted.String(), text[i+1:], true
		case text[i] == '\\' && i+1 < len(text):
			i++
		}
		unquoted.WriteByte(text[i])
	}
	return "", "", false
}
