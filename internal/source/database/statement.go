// SPDX-License-Identifier: Apache-2.0

package database

import (
	"slices"
	"strings"

	"github.com/uptake-dev/uptake/internal/source"
)

// readOnly checks that text is one statement that reads, and returns it without
// what follows a final semicolon. It is for people who mistake what is allowed and
// for the few things that a read-only transaction does not stop; what a statement
// may do is decided by the server, in such a transaction and by the user's rights.
func readOnly(text string, written lexicon, parameters int) (string, *source.Error) {
	// A server may be set to quote in another way. Whatever is dangerous is refused
	// however it is read.
	for _, other := range written.alternatives() {
		for lexed := range other.tokens(text) {
			if lexed.kind == executableComment {
				return "", invalid("the statement has an executable comment (/*! or /*M!), which is not allowed")
			}
		}
		if words := wordsOf(other, text); exports(words) {
			return "", invalid("the statement writes a file (INTO OUTFILE or DUMPFILE), which is not allowed")
		}
	}
	end, used := len(text), placeholders{}
	begun, ended := false, false
	for lexed := range written.tokens(text) {
		word := text[lexed.start:lexed.end]
		switch {
		case lexed.kind == comment:
		case lexed.kind == unfinished:
			return "", invalid("the statement has a quotation or a comment that does not end")
		case ended:
			return "", invalid("there is something after the semicolon: write a single statement")
		case !begun && word == "(":
		case !begun && !reads(word):
			return "", invalid("the statement does not begin with SELECT, WITH, VALUES or TABLE: only reading is allowed")
		case word == ";":
			end, ended = lexed.start, true
		default:
			begun = true
			used.see(lexed, word)
		}
	}
	switch {
	case !begun:
		return "", invalid("the statement is empty")
	case used.count() != parameters:
		return "", invalid("the statement has placeholders for %d parameters, and the query declares %d", used.count(), parameters)
	}
	return text[:end], nil
}

func reads(word string) bool {
	return slices.Contains([]string{"SELECT", "WITH", "VALUES", "TABLE"}, strings.ToUpper(word))
}

func wordsOf(written lexicon, text string) []string {
	var words []string
	for lexed := range written.tokens(text) {
		if lexed.kind != comment {
			words = append(words, strings.ToUpper(text[lexed.start:lexed.end]))
		}
	}
	return words
}

func exports(words []string) bool {
	for i := 1; i < len(words); i++ {
		if words[i-1] == "INTO" && (words[i] == "OUTFILE" || words[i] == "DUMPFILE") {
			return true
		}
	}
	return false
}

// placeholders are either numbered ($1) or counted (?).
type placeholders struct{ highest, anonymous int }

func (p *placeholders) see(lexed token, word string) {
	if lexed.kind != placeholder {
		return
	}
	if word == "?" {
		p.anonymous++
		return
	}
	number := 0
	for _, digit := range word[1:] {
		number = min(number*10+int(digit-'0'), 1<<16)
	}
	p.highest = max(p.highest, number)
}

func (p *placeholders) count() int { return p.highest + p.anonymous }
