// SPDX-License-Identifier: Apache-2.0

package web

import (
	"net/url"
	"strings"
)

// withParameters returns a query in which parameters are replaced by name, or added.
// Everything else stays as it is written: whoever decodes and encodes it anew loses
// what he cannot read, such as a parameter with a semicolon in it, and asks for
// something else.
func withParameters(query, wanted string) string {
	replaced := map[string][]string{}
	var order []string
	for _, piece := range pieces(wanted) {
		name := nameOf(piece)
		if replaced[name] == nil {
			order = append(order, name)
		}
		replaced[name] = append(replaced[name], piece)
	}
	var kept []string
	done := map[string]bool{}
	for _, piece := range pieces(query) {
		name := nameOf(piece)
		switch {
		case replaced[name] == nil:
			kept = append(kept, piece)
		case !done[name]:
			kept, done[name] = append(kept, replaced[name]...), true
		}
	}
	for _, name := range order {
		if !done[name] {
			kept = append(kept, replaced[name]...)
		}
	}
	return strings.Join(kept, "&")
}

// pieces are the parameters of a query, as they are written.
func pieces(query string) []string {
	var all []string
	for piece := range strings.SplitSeq(query, "&") {
		if piece != "" {
			all = append(all, piece)
		}
	}
	return all
}

// nameOf is the name of a parameter as servers read it; one that cannot be decoded is
// only equal to itself.
func nameOf(piece string) string {
	name, _, _ := strings.Cut(piece, "=")
	if decoded, err := url.QueryUnescape(name); err == nil {
		return decoded
	}
	return name
}

// tidy encodes what an address cannot carry, such as a space, and leaves alone what is
// encoded or has a meaning.
func tidy(query string) string {
	var b strings.Builder
	for i := range len(query) {
		c := query[i]
		if c <= ' ' || c >= 0x7f || strings.IndexByte("\"<>\\^`{|}", c) >= 0 {
			const digits = "0123456789ABCDEF"
			b.Write([]byte{'%', digits[c>>4], digits[c&15]})
			continue
		}
		b.WriteByte(c)
	}
	return b.String()
}
