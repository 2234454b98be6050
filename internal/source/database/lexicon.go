// SPDX-License-Identifier: Apache-2.0

package database

import (
	"iter"
	"regexp"
	"strings"
)

// lexicon is how an engine writes quotations, comments and placeholders.
type lexicon struct {
	mysql bool
	// backslash says in which quotations a backslash escapes what follows.
	backslash string
}

var (
	lexiconPostgreSQL = lexicon{}
	lexiconMySQL      = lexicon{mysql: true, backslash: `'"`}
)

// alternatives are what a server's settings can make of a lexicon, where that can
// hide something.
func (l lexicon) alternatives() []lexicon {
	if !l.mysql {
		return nil
	}
	return []lexicon{l, {mysql: true, backslash: "'"}, {mysql: true}} // ANSI_QUOTES, NO_BACKSLASH_ESCAPES
}

type tokenKind int

const (
	word tokenKind = iota
	symbol
	quotation
	placeholder
	comment
	executableComment
	unfinished
)

// token is a part of a statement, without the white space around it.
type token struct {
	kind       tokenKind
	start, end int
}

// tokens divides a text. What follows an unfinished token is not divided further.
func (l lexicon) tokens(text string) iter.Seq[token] {
	return func(yield func(token) bool) {
		for at := 0; at < len(text); {
			if strings.IndexByte(" \t\n\r\f\v", text[at]) >= 0 {
				at++
				continue
			}
			kind, length := l.next(text[at:])
			if !yield(token{kind, at, at + length}) || kind == unfinished {
				return
			}
			at += length
		}
	}
}

// dollarQuote, dollarNumber and plainWord are only looked for at the start of what is
// left, where nothing before can be part of them.
var (
	dollarQuote  = regexp.MustCompile(`^\$([A-Za-z_\x{80}-\x{10ffff}][A-Za-z0-9_\x{80}-\x{10ffff}]*)?\$`)
	dollarNumber = regexp.MustCompile(`^\$[0-9]+`)
	plainWord    = regexp.MustCompile(`^[A-Za-z0-9_\x{80}-\x{10ffff}][A-Za-z0-9_$\x{80}-\x{10ffff}]*`)
)

// next returns the token that text, which is not empty, begins with.
func (l lexicon) next(text string) (tokenKind, int) {
	switch c := text[0]; {
	case strings.HasPrefix(text, "/*"):
		return l.blockComment(text)
	case l.beginsLineComment(text):
		if end := strings.IndexByte(text, '\n'); end >= 0 {
			return comment, end
		}
		return comment, len(text)
	case c == '\'' || c == '"' || (l.mysql && c == '`'):
		return quotationIn(text, strings.IndexByte(l.backslash, c) >= 0)
	case !l.mysql && (c == 'E' || c == 'e') && strings.HasPrefix(text[1:], "'"):
		kind, length := quotationIn(text[1:], true)
		return kind, length + 1
	case l.mysql && c == '?':
		return placeholder, 1
	case !l.mysql && c == '$':
		return dollar(text)
	}
	if end := len(plainWord.FindString(text)); end > 0 {
		return word, end
	}
	return symbol, 1
}

// beginsLineComment: to MySQL two dashes are a comment only before white space.
func (l lexicon) beginsLineComment(text string) bool {
	switch {
	case l.mysql && text[0] == '#':
		return true
	case !strings.HasPrefix(text, "--"):
		return false
	}
	return !l.mysql || len(text) == 2 || text[2] <= ' ' || text[2] == 0x7f
}

// blockComment: those of PostgreSQL nest, those of MySQL may be executed.
func (l lexicon) blockComment(text string) (tokenKind, int) {
	if l.mysql {
		end := strings.Index(text[2:], "*/")
		switch {
		case strings.HasPrefix(text, "/*!"), strings.HasPrefix(text, "/*M!"):
			return executableComment, len(text)
		case end < 0:
			return unfinished, len(text)
		}
		return comment, end + 4
	}
	depth := 0
	for at := 0; at+1 < len(text); {
		switch text[at : at+2] {
		case "/*":
			depth++
			at += 2
		case "*/":
			depth--
			at += 2
		default:
			at++
		}
		if depth == 0 {
			return comment, at
		}
	}
	return unfinished, len(text)
}

// quotationIn reads a quotation whose mark is the first character; two marks in it are
// one of its content.
func quotationIn(text string, backslash bool) (tokenKind, int) {
	mark := text[0]
	for at := 1; at < len(text); at++ {
		switch {
		case backslash && text[at] == '\\':
			at++
		case text[at] == mark && at+1 < len(text) && text[at+1] == mark:
			at++
		case text[at] == mark:
			return quotation, at + 1
		}
	}
	return unfinished, len(text)
}

func dollar(text string) (tokenKind, int) {
	if tag := dollarQuote.FindString(text); tag != "" {
		end := strings.Index(text[len(tag):], tag)
		if end < 0 {
			return unfinished, len(text)
		}
		return quotation, end + 2*len(tag)
	}
	if number := dollarNumber.FindString(text); number != "" {
		return placeholder, len(number)
	}
	return symbol, 1
}
