// SPDX-License-Identifier: Apache-2.0

package database

import (
	"strings"
	"testing"

	"github.com/uptake-dev/uptake/internal/source"
)

var lexicons = map[string]lexicon{"PostgreSQL": lexiconPostgreSQL, "MySQL": lexiconMySQL}

func TestAStatementThatReadsIsAccepted(t *testing.T) {
	for _, test := range []struct {
		text, where string // where is empty for both languages
		parameters  int
		want        string // empty for the text itself
	}{
		{"SELECT 1", "", 0, ""},
		{"select 1;", "", 0, "select 1"},
		{"SELECT 1 ; -- done", "", 0, "SELECT 1 "},
		{" \n\t-- a comment\n/* another */ (((SELECT 1)))", "", 0, ""},
		{"WITH a AS (SELECT 1) SELECT * FROM a", "", 0, ""},
		{"VALUES (1)", "", 0, ""},
		{"TABLE seats", "", 0, ""},
		{"SELECT(1)", "", 0, ""},
		{"SELECT/**/1", "", 0, ""},
		{"SELECT ';', ';--', 'it''s; fine', \"a;b\" /* ; */ -- ;", "", 0, ""},
		{"SELECT /* a /* nested; */ comment; */ 1", "PostgreSQL", 0, ""},
		{"SELECT $$; DROP$$, $a$;$$;$a$ || E'\\';' || 'C:\\'", "PostgreSQL", 0, ""},
		{"SELECT a$1 FROM t WHERE b = $2 AND c = $1 AND d ? '?'", "PostgreSQL", 2, ""},
		{"SELECT '$3', \"$4\", $$ $5 $$ /* $6 */ -- $7", "PostgreSQL", 0, ""},
		{"SELECT $1::int, $10", "PostgreSQL", 10, ""},
		{"SELECT 1--1\n; ", "PostgreSQL", 0, "SELECT 1--1\n"},
		{"SELECT 1--1 ; ", "MySQL", 0, "SELECT 1--1 "},
		{"SELECT 1 # a comment; with more", "MySQL", 0, ""},
		{"SELECT 'it\\'s; fine', \"a\\\";\", `b;``c`", "MySQL", 0, ""},
		{"SELECT ? + ?, '?', \"?\", `?` /* ? */ # ?", "MySQL", 2, ""},
		{"SELECT 'INTO OUTFILE', `into` AS outfile FROM a -- into outfile", "MySQL", 0, ""},
		{"SELECT '/*! not executed */', '\\\\'", "MySQL", 0, ""},
		{"SELECT 1 INTO OUTFILE", "PostgreSQL", 0, ""}, // for the server to refuse
	} {
		for name, written := range lexicons {
			if test.where != "" && test.where != name {
				continue
			}
			want := test.want
			if want == "" {
				want = test.text
			}
			if got, failure := readOnly(test.text, written, test.parameters); failure != nil || got != want {
				t.Errorf("%s: %s: %q, %v", name, test.text, got, failure)
			}
		}
	}
}

func TestAStatementThatDoesMoreThanReadIsRefused(t *testing.T) {
	for _, test := range []struct{ text, where, words string }{
		{"", "", "empty"},
		{" -- nothing", "", "empty"},
		{"((", "", "empty"},
		{";", "", "does not begin"},
		{"INSERT INTO seats VALUES (1)", "", "does not begin"},
		{"UPDATE seats SET used = 1", "", "does not begin"},
		{"-- SELECT\nDELETE FROM seats", "", "does not begin"},
		{"EXPLAIN ANALYZE SELECT 1", "", "does not begin"},
		{"SELECTED", "", "does not begin"},
		{"'SELECT'", "", "does not begin"},
		{"CALL refresh()", "", "does not begin"},
		{"COPY seats TO PROGRAM 'id'", "", "does not begin"},
		{"DO $$ BEGIN END $$", "", "does not begin"},
		{"SET ROLE admin", "", "does not begin"},
		{"SELECT 1; SELECT 2", "", "single statement"},
		{"SELECT 1; DROP TABLE seats", "", "single statement"},
		{"SELECT 1;;", "", "single statement"},
		{"SELECT ''';' ; x", "", "single statement"},
		{"SELECT E'\\'' ; x", "PostgreSQL", "single statement"},
		{"SELECT '\\' ; x", "PostgreSQL", "single statement"},
		{"SELECT $a$ $b$ $a$ ; x", "PostgreSQL", "single statement"},
		{"SELECT '\\\\' ; x", "MySQL", "single statement"},
		{"SELECT 'a", "", "does not end"},
		{"SELECT \"a", "", "does not end"},
		{"SELECT /* a", "", "does not end"},
		{"SELECT /* /* a */", "PostgreSQL", "does not end"},
		{"SELECT $a$ $b$", "PostgreSQL", "does not end"},
		{"SELECT `a", "MySQL", "does not end"},
		{"SELECT /*!50000 1 */", "MySQL", "executable comment"},
		{"/*!SELECT*/ 1", "MySQL", "executable comment"},
		{"SELECT 1 /*M!100000 INTO OUTFILE '/a' */", "MySQL", "executable comment"},
		{"SELECT '\\' /*! INTO OUTFILE */ -- '", "MySQL", "executable comment"}, // as NO_BACKSLASH_ESCAPES has it
		{"SELECT 1 INTO OUTFILE '/tmp/a'", "MySQL", "writes a file"},
		{"SELECT 1 into/* */\n# x\ndumpfile '/tmp/a'", "MySQL", "writes a file"},
		{"SELECT '\\' INTO OUTFILE '/tmp/a' -- '", "MySQL", "writes a file"},    // as NO_BACKSLASH_ESCAPES has it
		{"SELECT \"\\\" INTO OUTFILE '/tmp/a' -- \"", "MySQL", "writes a file"}, // as ANSI_QUOTES has it
		{"SELECT $1", "PostgreSQL", "placeholders for 1 parameters, and the query declares 0"},
		{"SELECT $99999999999999999999", "PostgreSQL", "placeholders for 65536"},
		{"SELECT ?", "MySQL", "placeholders for 1"},
	} {
		for name, written := range lexicons {
			if test.where != "" && test.where != name {
				continue
			}
			got, failure := readOnly(test.text, written, 0)
			if failure == nil || failure.Class != source.InvalidQuery || !strings.Contains(failure.Message, test.words) {
				t.Errorf("%s: %s: %q, %v", name, test.text, got, failure)
			}
		}
	}
}

func FuzzAQuotedTextStaysAText(f *testing.F) {
	for _, seed := range []string{"", "'", `\`, `\'`, "; DROP", "/*!", "*/", "--", "$1 ?", "$$", "\x00\xff", "' INTO OUTFILE '"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		doubled := strings.ReplaceAll(text, "'", "''")
		for _, statement := range []string{
			"SELECT '" + doubled + "'",
			`SELECT "` + strings.ReplaceAll(text, `"`, `""`) + `"`,
			"SELECT E'" + strings.ReplaceAll(doubled, `\`, `\\`) + "'",
			"SELECT 1 -- " + strings.ReplaceAll(text, "\n", " "),
		} {
			if got, failure := readOnly(statement, lexiconPostgreSQL, 0); failure != nil || got != statement {
				t.Errorf("%q: %q, %v", statement, got, failure)
			}
			// What follows is seen, whatever the text was.
			if _, failure := readOnly(statement+"\n; DROP TABLE x", lexiconPostgreSQL, 0); failure == nil {
				t.Errorf("%q hides a second statement", statement)
			}
		}
		// Once quoted for every way a server may read it, a text hides nothing either.
		safe := strings.NewReplacer(`\`, "", "'", "''").Replace(text)
		statement := "SELECT '" + safe + "'"
		if _, failure := readOnly(statement, lexiconMySQL, 0); failure != nil {
			t.Errorf("%q: %v", statement, failure)
		}
		for _, more := range []string{"; DROP TABLE x", " INTO OUTFILE 'x'", " /*! x */"} {
			if _, failure := readOnly(statement+more, lexiconMySQL, 0); failure == nil {
				t.Errorf("%q hides %s", statement, more)
			}
		}
	})
}

func FuzzTokensCoverAText(f *testing.F) {
	for _, seed := range []string{"SELECT 'a' /* b */ -- c", "$a$ $b$ $a$;", "`x` # y\n?", "(E'\\'", "/*/", "a$1$b$"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for name, written := range lexicons {
			for _, other := range append(written.alternatives(), written) {
				at := 0
				for lexed := range other.tokens(text) {
					if gap := text[at:lexed.start]; strings.Trim(gap, " \t\n\r\f\v") != "" || lexed.end <= lexed.start || lexed.end > len(text) {
						t.Fatalf("%s: %q: %+v after %d", name, text, lexed, at)
					}
					at = lexed.end
				}
				if strings.Trim(text[at:], " \t\n\r\f\v") != "" {
					t.Fatalf("%s: %q: the rest from %d is left out", name, text, at)
				}
			}
			if got, failure := readOnly(text, written, 0); failure == nil && !strings.HasPrefix(text, got) {
				t.Fatalf("%s: %q became %q", name, text, got)
			}
		}
	})
}
