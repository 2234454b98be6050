// SPDX-License-Identifier: Apache-2.0

package database

import (
	"context"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/uptake-dev/uptake/api/v1alpha1"
	"github.com/uptake-dev/uptake/internal/source"
)

func TestNothingIsWrittenThoughTheUserCould(t *testing.T) {
	onBoth(t, func(t *testing.T, on server) {
		connection := on.connect(t)
		for name, test := range map[string]struct{ postgreSQL, mySQL, words string }{
			"a write in a WITH":        {"WITH x AS (INSERT INTO seats VALUES ('x', 1, '') RETURNING used) SELECT used AS value FROM x", "", "writes"},
			"a delete in a WITH":       {"WITH x AS (DELETE FROM seats RETURNING used) SELECT sum(used) AS value FROM x", "", "writes"},
			"a function that writes":   {"SELECT writes() AS value", "SELECT writes() AS value", "writes"},
			"a lock":                   {"SELECT used AS value FROM seats WHERE team = 'ads' FOR UPDATE", "", "writes"},
			"a new table":              {"SELECT 1 AS value INTO copied", "", "writes"},
			"no longer reading only":   {"SELECT length(set_config('transaction_read_only', 'off', false)) AS value", "", ""},
			"a file":                   {"", "SELECT 1 AS value INTO OUTFILE '/tmp/uptake-out'", "writes a file"},
			"a file, in a comment":     {"", "SELECT 1 AS value /*! INTO OUTFILE '/tmp/uptake-out' */", "executable"},
			"a second statement":       {"SELECT 1 AS value; DROP TABLE seats", "SELECT 1 AS value; DROP TABLE seats", "single statement"},
			"an insert":                {"INSERT INTO seats VALUES ('x', 1, '')", "INSERT INTO seats VALUES ('x', 1, '')", "does not begin"},
			"the end of a transaction": {"COMMIT", "COMMIT", "does not begin"},
		} {
			statement := on.pick(test.postgreSQL, test.mySQL)
			if statement == "" {
				continue // there is no such thing in this language
			}
			t.Run(name, func(t *testing.T) {
				_, failure := ask(t, connection, statement)
				if test.words == "" {
					wantFailure(t, failure, source.Unavailable, "SQLSTATE 25001")
					return
				}
				wantFailure(t, failure, source.InvalidQuery, test.words)
			})
		}
		if on.pick("PostgreSQL", "") != "" {
			// Before version 16 that is not a write; it is rolled back all the same.
			_, _ = ask(t, connection, "SELECT lo_create(4711)::int AS value")
			if left, err := on.Execute(t.Context(), "SELECT count(*) FROM pg_largeobject_metadata"); err != nil || left != "0" {
				t.Errorf("%s large objects are left, %v", left, err)
			}
		}
		answer, failure := ask(t, connection, "SELECT count(*) AS segment, sum(used) AS value FROM seats")
		wantRows(t, answer, failure, source.Row{Segment: "3", Value: 8})
	})
}

// The servers, too, take a single statement: past the scanner, two are refused.
func TestTheServerTakesOneStatement(t *testing.T) {
	onBoth(t, func(t *testing.T, on server) {
		connection, is := on.connect(t).(*connection)
		if !is {
			t.Fatal("not a connection of this package")
		}
		for _, arguments := range [][]string{nil, {"cart"}} {
			statement := "SELECT 1 AS value; DELETE FROM seats"
			if arguments != nil {
				statement = on.pick("SELECT used AS value FROM seats WHERE team = $1; DELETE FROM seats", "SELECT used AS value FROM seats WHERE team = ?; DELETE FROM seats")
			}
			_, err := (&query{connection: connection, statement: statement, arguments: arguments}).Ask(t.Context())
			if err == nil {
				t.Fatal("it is taken")
			}
			wantFailure(t, classified(t, err), source.InvalidQuery, "syntax error")
		}
	})
}

func TestAQuestionInAnotherLanguageIsRefused(t *testing.T) {
	connection, err := New(source.Settings{
		Name: "UsageSource/test/database", Credentials: source.Credentials{Username: user},
		SQL: &v1alpha1.SQLSource{Engine: v1alpha1.SQLEnginePostgreSQL, Host: "db.example.com", Database: "usage"},
	})
	if err != nil {
		t.Fatal(err)
	}
	_, err = connection.Asker(source.Question{Prometheus: &v1alpha1.PrometheusQuery{Expr: "1"}})
	wantFailure(t, classified(t, err), source.InvalidQuery, "UsageSource/test/database is asked with sql queries")
}

// impostor is a server that says something to whoever connects.
func impostor(t *testing.T, greeting string) *net.TCPAddr {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer func() { _ = conn.Close() }()
				_ = conn.SetDeadline(time.Now().Add(300 * time.Millisecond))
				_, _ = io.WriteString(conn, greeting)
				_, _ = io.Copy(io.Discard, io.LimitReader(conn, 16))
			}()
		}
	}()
	address, _ := listener.Addr().(*net.TCPAddr)
	return address
}

func TestWhatIsNoDatabaseIsAFailureAndNeverAPanic(t *testing.T) {
	packet := func(body string) string { return string([]byte{byte(len(body)), 0, 0, 0}) + body }
	for name, greeting := range map[string]string{
		"nothing":              "",
		"a web server":         "HTTP/1.1 400 Bad Request\r\n\r\n" + planted,
		"SSH":                  "SSH-2.0-" + planted + "\r\n",
		"a short greeting":     packet("\x0a5.7\x00"),
		"an empty greeting":    packet("\x0a"),
		"an error of a server": packet("\xff\x15\x04#28000" + planted),
		"an error cut short":   packet("\xff"),
		"zeros":                strings.Repeat("\x00", 64),
		"an error, PostgreSQL": "E\x00\x00\x00\x20SFATAL\x00C" + planted + "\x00M" + planted + "\x00\x00",
		"a huge message":       "R\x7f\xff\xff\xff",
		"no":                   "N",
		"yes, and nonsense":    "S" + strings.Repeat(planted, 10),
	} {
		for _, engine := range []v1alpha1.SQLEngine{v1alpha1.SQLEnginePostgreSQL, v1alpha1.SQLEngineMySQL} {
			for mode, change := range map[string]func(*source.Settings){"TLS": func(*source.Settings) {}, "plain": plain} {
				t.Run(name+" for "+string(engine)+" "+mode, func(t *testing.T) {
					t.Parallel()
					address := impostor(t, greeting)
					settings := source.Settings{
						Name: "test", Credentials: source.Credentials{Username: user, Password: password}, Guard: loopback,
						SQL: &v1alpha1.SQLSource{Engine: engine, Host: "127.0.0.1", Port: int32(address.Port), Database: "usage"},
					}
					change(&settings)
					connection, err := New(settings)
					if err != nil {
						t.Fatal(err)
					}
					ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
					defer cancel()
					_, failure := askIn(ctx, t, connection, "SELECT 1 AS value")
					if failure == nil {
						t.Fatal("it is taken for a database")
					}
					t.Log(failure)
				})
			}
		}
	}
}
