// SPDX-License-Identifier: Apache-2.0

package database

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/uptake-dev/uptake/internal/source"
)

func as(name, secret string) func(*source.Settings) {
	return func(s *source.Settings) { s.Credentials = source.Credentials{Username: name, Password: secret} }
}

func TestAFailureSaysWhoseBusinessItIs(t *testing.T) {
	onBoth(t, func(t *testing.T, on server) {
		connection := on.connect(t)
		for name, test := range map[string]struct {
			postgreSQL, mySQL, words string
			class                    source.Class
		}{
			"no such table":      {"SELECT 1 AS value FROM " + planted, "SELECT 1 AS value FROM " + planted, "no such table", source.InvalidQuery},
			"no such column":     {"SELECT " + planted + " AS value FROM seats", "SELECT " + planted + " AS value FROM seats", "no such column", source.InvalidQuery},
			"a syntax error":     {"SELECT FROM WHERE " + planted, "SELECT FROM WHERE " + planted, "syntax error", source.InvalidQuery},
			"where it is":        {"SELECT 1 AS value FRO seats x", "", "at character 19", source.InvalidQuery},
			"no such function":   {"SELECT " + planted + "() AS value", "", "run it there", source.InvalidQuery},
			"a type":             {"SELECT 1 + true AS value", "", "run it there", source.InvalidQuery},
			"not grouped":        {"SELECT team AS segment, count(*) AS value FROM seats", "", "run it there", source.InvalidQuery},
			"not granted":        {"SELECT used AS value FROM hidden", "SELECT used AS value FROM private.hidden", "GRANT SELECT", source.Unauthorized},
			"a division by 0":    {"SELECT 1 / 0 AS value", "", "cannot compute", source.BadAnswer},
			"text for a number":  {"SELECT note::int AS value FROM seats", "", "cannot compute", source.BadAnswer},
			"later, in a row":    {"SELECT n AS segment, 10 / (4999 - n) AS value FROM generate_series(1, 4999) n", "", "cannot compute", source.BadAnswer},
			"out of range":       {"SELECT 9223372036854775807 + 1 AS value", "SELECT 9223372036854775807 + 9223372036854775807 AS value", "cannot compute", source.BadAnswer},
			"a subquery":         {"SELECT (SELECT used FROM seats) AS value", "SELECT (SELECT used FROM seats) AS value", "subquery", source.BadAnswer},
			"the server's files": {"SELECT length(pg_read_file('/etc/passwd')) AS value", "", "GRANT SELECT", source.Unauthorized},
		} {
			statement := on.pick(test.postgreSQL, test.mySQL)
			if statement == "" {
				continue // the language takes it
			}
			t.Run(name, func(t *testing.T) {
				_, failure := ask(t, connection, statement)
				wantFailure(t, failure, test.class, test.words, on.pick("(SQLSTATE ", "(error "))
			})
		}
	})
}

func TestCredentialsAndDatabaseAreJudgedByTheServer(t *testing.T) {
	onBoth(t, func(t *testing.T, on server) {
		for name, test := range map[string]struct {
			change func(*source.Settings)
			class  source.Class
			words  string
		}{
			"a wrong password":         {as(user, "wrong"), source.Unauthorized, "did not accept user and password"},
			"no password":              {as(user, ""), source.Unauthorized, "did not accept user and password"},
			"no such user":             {as(planted, password), source.Unauthorized, "did not accept user and password"},
			"no such database":         {func(s *source.Settings) { s.SQL.Database = "other" }, source.Unavailable, "no such database"},
			"a user with a line break": {as(user+"\n", password+"\r\n"), "", ""},
		} {
			t.Run(name, func(t *testing.T) {
				_, failure := ask(t, on.connect(t, test.change), "SELECT 1 AS value")
				switch {
				case test.class == "" && failure != nil:
					t.Fatal(failure)
				case test.class == "":
				case name == "no such database" && on.pick("", "MySQL") != "":
					// MariaDB does not say whether there is one to who may not see it.
					wantFailure(t, failure, source.Unauthorized, "error 1044")
				default:
					wantFailure(t, failure, test.class, test.words)
				}
			})
		}
	})
}

func TestARotatedPasswordIsGoodForANewConnection(t *testing.T) {
	onBoth(t, func(t *testing.T, on server) {
		old := on.connect(t, as("rotated", password))
		if _, failure := ask(t, old, "SELECT 1 AS value"); failure != nil {
			t.Fatal(failure)
		}
		change := on.pick("ALTER ROLE rotated PASSWORD 'new'", "ALTER USER rotated IDENTIFIED BY 'new'")
		if _, err := on.Execute(t.Context(), change); err != nil {
			t.Fatal(err)
		}
		_, failure := ask(t, old, "SELECT 1 AS value")
		wantFailure(t, failure, source.Unauthorized, "did not accept")
		if _, failure := ask(t, on.connect(t, as("rotated", "new")), "SELECT 1 AS value"); failure != nil {
			t.Fatal(failure)
		}
	})
}

// count counts the connections of a user that run something with a marker.
func (s server) count(t *testing.T, name, marker string) string {
	t.Helper()
	found, err := s.Execute(context.WithoutCancel(t.Context()), s.pick(
		"SELECT count(*) FROM pg_stat_activity WHERE usename = '"+name+"' AND query LIKE '%"+marker+"%'",
		"SELECT count(*) FROM information_schema.processlist WHERE user = '"+name+"' AND info LIKE '%"+marker+"%'"))
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func (s server) await(t *testing.T, name, marker, want string) {
	t.Helper()
	for range 100 {
		if s.count(t, name, marker) == want {
			return
		}
		time.Sleep(30 * time.Millisecond)
	}
	t.Errorf("%s connections of %s run it, not %s", s.count(t, name, marker), name, want)
}

// slow takes so long that it has to be ended, and can be found by its marker.
func (s server) slow(marker string) string {
	return s.pick("SELECT 1 AS value FROM pg_sleep(60) AS "+marker, "SELECT SLEEP(60) AS value FROM (SELECT 1) AS "+marker)
}

func TestAConnectionTooManyIsThrottled(t *testing.T) {
	onBoth(t, func(t *testing.T, on server) {
		ctx, cancel := context.WithCancel(t.Context())
		connection := on.connect(t, as("crowd", password))
		var held sync.WaitGroup
		held.Go(func() { _, _ = askIn(ctx, t, connection, on.slow("held")) })
		on.await(t, "crowd", "held", "1")
		_, failure := ask(t, connection, "SELECT 1 AS value")
		wantFailure(t, failure, source.Throttled, "too many connections")
		cancel()
		held.Wait()
	})
}

func TestAStatementThatTakesTooLongIsEndedOnTheServerToo(t *testing.T) {
	onBoth(t, func(t *testing.T, on server) {
		began := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, failure := askIn(ctx, t, on.connect(t), on.slow("endless"))
		wantFailure(t, failure, source.Unavailable, "took too long", on.pick("57014", "1969"))
		if took := time.Since(began); took > 3*time.Second {
			t.Errorf("it took %v", took)
		}
		on.await(t, user, "endless", "0")
	})
}

func TestACancelledQuestionEndsAtOnce(t *testing.T) {
	onBoth(t, func(t *testing.T, on server) {
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(300*time.Millisecond, cancel)
		began := time.Now()
		_, failure := askIn(ctx, t, on.connect(t), on.slow("cancelled"))
		wantFailure(t, failure, source.Unavailable, "cancelled")
		if took := time.Since(began); took > 3*time.Second {
			t.Errorf("it took %v", took)
		}
		if on.pick("PostgreSQL", "") != "" {
			on.await(t, user, "cancelled", "0")
		}
		_, failure = askIn(ctx, t, on.connect(t), "SELECT 1 AS value")
		wantFailure(t, failure, source.Unavailable, "cancelled")
	})
}

func TestAServerThatStopsAnsweringTimesOut(t *testing.T) {
	onBoth(t, func(t *testing.T, on server) {
		if err := on.Pause(); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
		defer cancel()
		_, failure := askIn(ctx, t, on.connect(t), "SELECT 1 AS value")
		if err := on.Continue(); err != nil {
			t.Fatal(err)
		}
		wantFailure(t, failure, source.Unavailable, "timed out")
	})
}

func TestAServerThatIsGoneIsUnavailableAndComesBack(t *testing.T) {
	onBoth(t, func(t *testing.T, on server) {
		connection := on.connect(t)
		var during *source.Error
		var asked sync.WaitGroup
		asked.Go(func() { _, during = ask(t, connection, on.slow("interrupted")) })
		on.await(t, user, "interrupted", "1")
		on.Stop()
		asked.Wait()
		_, failure := ask(t, connection, "SELECT 1 AS value")
		if err := on.Resume(); err != nil {
			t.Fatal(err)
		}
		wantFailure(t, during, source.Unavailable)
		if during != nil && strings.HasSuffix(during.Message, "the connection failed") {
			t.Errorf("the cause is not told: %s", during.Message)
		}
		wantFailure(t, failure, source.Unavailable, "connection refused")
		answer, failure := ask(t, connection, "SELECT 1 AS value")
		wantRows(t, answer, failure, source.Row{Value: 1})
	})
}
