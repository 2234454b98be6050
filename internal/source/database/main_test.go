// SPDX-License-Identifier: Apache-2.0

package database

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/uptake-dev/uptake/api/v1alpha1"
	"github.com/uptake-dev/uptake/internal/databasetest"
	"github.com/uptake-dev/uptake/internal/source"
)

const (
	user     = "reader"
	password = "correct horse"
	// planted is in cells and in statements, and never in a message.
	planted = "tr0ub4dor"
)

// loopback is where the servers are, which no source may be by itself.
var loopback = source.Guard{Allowed: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}

// server is one that the tests of this package share.
type server struct {
	*databasetest.Server
	engine v1alpha1.SQLEngine
}

// prepare makes what the tests read. The reader could write, were it not for the
// read-only transaction.
var prepare = map[v1alpha1.SQLEngine]string{
	v1alpha1.SQLEnginePostgreSQL: `
		CREATE TABLE seats (team text, used int, note text);
		INSERT INTO seats VALUES ('cart', 3, '` + planted + `'), ('media', 5, ''), ('ads', 0, '');
		CREATE TABLE hidden (used int);
		CREATE FUNCTION writes() RETURNS int LANGUAGE sql SECURITY DEFINER AS $$ INSERT INTO seats VALUES ('x', 1, '') RETURNING 1 $$;
		CREATE ROLE reader LOGIN PASSWORD '` + password + `';
		CREATE ROLE crowd LOGIN PASSWORD '` + password + `' CONNECTION LIMIT 1;
		CREATE ROLE rotated LOGIN PASSWORD '` + password + `';
		CREATE ROLE certified LOGIN PASSWORD '` + password + `';
		GRANT SELECT, INSERT, UPDATE, DELETE ON seats TO reader`,
	v1alpha1.SQLEngineMySQL: `
		CREATE TABLE seats (team varchar(20), used int, note varchar(20));
		INSERT INTO seats VALUES ('cart', 3, '` + planted + `'), ('media', 5, ''), ('ads', 0, '');
		CREATE DATABASE private;
		CREATE TABLE private.hidden (used int);
		CREATE FUNCTION writes() RETURNS int MODIFIES SQL DATA BEGIN INSERT INTO seats VALUES ('x', 1, ''); RETURN 1; END;
		CREATE USER reader IDENTIFIED BY '` + password + `';
		CREATE USER crowd IDENTIFIED BY '` + password + `' WITH MAX_USER_CONNECTIONS 1;
		CREATE USER rotated IDENTIFIED BY '` + password + `';
		CREATE USER certified IDENTIFIED BY '` + password + `' REQUIRE X509;
		GRANT SELECT, INSERT, UPDATE, DELETE ON * TO reader;
		GRANT SELECT ON seats TO crowd, rotated, certified;
		CREATE VIEW numbers AS SELECT seq FROM seq_1_to_3000000;
		GRANT EXECUTE ON FUNCTION writes TO reader;
		GRANT FILE ON *.* TO reader`,
}

var (
	postgres = sync.OnceValues(func() (server, error) {
		return started(v1alpha1.SQLEnginePostgreSQL, databasetest.StartPostgreSQL)
	})
	mariaDB = sync.OnceValues(func() (server, error) {
		return started(v1alpha1.SQLEngineMySQL, databasetest.StartMariaDB)
	})
	running []*databasetest.Server
)

func started(engine v1alpha1.SQLEngine, start func() (*databasetest.Server, error)) (server, error) {
	it, err := start()
	if err != nil {
		return server{}, err
	}
	running = append(running, it)
	if _, err := it.Execute(context.Background(), prepare[engine]); err != nil {
		return server{}, fmt.Errorf("preparing what the tests read: %w", err)
	}
	return server{it, engine}, nil
}

func TestMain(m *testing.M) {
	code := m.Run()
	for _, it := range running {
		it.Remove()
	}
	if err := goleak.Find(); code == 0 && err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// onBoth runs a test on each engine.
func onBoth(t *testing.T, test func(t *testing.T, on server)) {
	t.Helper()
	for name, start := range map[string]func() (server, error){"PostgreSQL": postgres, "MariaDB": mariaDB} {
		t.Run(name, func(t *testing.T) {
			on, err := start()
			if err != nil {
				t.Fatalf("a database is needed: %v", err)
			}
			test(t, on)
		})
	}
}

// pick returns what is for the server's engine.
func (s server) pick(postgreSQL, mySQL string) string {
	if s.engine == v1alpha1.SQLEnginePostgreSQL {
		return postgreSQL
	}
	return mySQL
}

func (s server) settings(changes ...func(*source.Settings)) source.Settings {
	settings := source.Settings{
		Name: "UsageSource/test/database",
		SQL: &v1alpha1.SQLSource{
			Engine: s.engine, Host: s.Host, Port: s.Port, Database: databasetest.Database,
		},
		Credentials: source.Credentials{Username: user, Password: password},
		TLS:         source.TLS{CA: s.Certificates.Authority},
		Guard:       loopback,
		Now:         time.Now,
	}
	for _, change := range changes {
		change(&settings)
	}
	return settings
}

func (s server) connect(t *testing.T, changes ...func(*source.Settings)) source.Connection {
	t.Helper()
	connection, err := New(s.settings(changes...))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(connection.Close)
	return connection
}

func question(statement string, parameters ...string) source.Question {
	asked := source.Question{SQL: &v1alpha1.SQLQuery{Statement: statement}}
	for i, value := range parameters {
		asked.Parameters = append(asked.Parameters, source.Parameter{Name: fmt.Sprintf("p%d", i), Value: value})
	}
	return asked
}

func ask(t *testing.T, connection source.Connection, statement string, parameters ...string) (source.Answer, *source.Error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	return askIn(ctx, t, connection, statement, parameters...)
}

func askIn(ctx context.Context, t *testing.T, connection source.Connection, statement string, parameters ...string) (source.Answer, *source.Error) {
	t.Helper()
	asker, err := connection.Asker(question(statement, parameters...))
	if err != nil {
		return source.Answer{}, classified(t, err)
	}
	answer, err := asker.Ask(ctx)
	if err != nil {
		return answer, classified(t, err)
	}
	return answer, nil
}

// classified also sees to it that no message tells what it must not.
func classified(t *testing.T, err error) *source.Error {
	t.Helper()
	var failure *source.Error
	if !errors.As(err, &failure) {
		t.Fatalf("an unclassified error: %v", err)
	}
	for _, secret := range []string{password, planted, "administrator"} {
		if strings.Contains(failure.Message, secret) {
			t.Fatalf("%q is told: %s", secret, failure.Message)
		}
	}
	return failure
}

func wantFailure(t *testing.T, failure *source.Error, class source.Class, words ...string) {
	t.Helper()
	if failure == nil || failure.Class != class {
		t.Fatalf("want %s, got %+v", class, failure)
	}
	for _, word := range words {
		if !strings.Contains(failure.Message, word) {
			t.Errorf("the message does not say %q: %s", word, failure.Message)
		}
	}
}

func wantRows(t *testing.T, answer source.Answer, failure *source.Error, want ...source.Row) {
	t.Helper()
	if failure != nil {
		t.Fatal(failure)
	}
	if fmt.Sprint(answer.Rows) != fmt.Sprint(want) {
		t.Errorf("want %v, got %v", want, answer.Rows)
	}
}
