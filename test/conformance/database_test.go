// SPDX-License-Identifier: Apache-2.0

package conformance

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/uptake-dev/uptake/api/v1alpha1"
	"github.com/uptake-dev/uptake/internal/databasetest"
	"github.com/uptake-dev/uptake/internal/source"
	suite "github.com/uptake-dev/uptake/internal/source/conformance"
	"github.com/uptake-dev/uptake/internal/source/database"
)

// dialect is how the engines say the same. USER is the user of a case, TABLE a
// table with 42 rows.
type dialect struct {
	engine v1alpha1.SQLEngine
	// prepare makes user and table, forget takes them away.
	prepare, forget string
	// statements are what is asked under a fault; the others count the table.
	statements map[suite.Fault]string
	// shown says how a fault is shown, where it is not the statement itself.
	shown map[suite.Fault]string
	// begin and end are what the administrator does about a fault.
	begin, end map[suite.Fault]string
}

const countTable = "SELECT sum(used) AS value FROM TABLE_"

var postgreSQL = dialect{
	engine: v1alpha1.SQLEnginePostgreSQL,
	prepare: `
		CREATE ROLE USER_ LOGIN PASSWORD '` + suite.OldToken + `';
		CREATE TABLE TABLE_ (team text, used int);
		CREATE SCHEMA hidden_TABLE_;
		CREATE TABLE hidden_TABLE_.seats (used int);
		INSERT INTO TABLE_ VALUES ('` + suite.Marker + `', 40), ('cart', 2);
		CREATE FUNCTION broken_TABLE_() RETURNS int LANGUAGE plpgsql AS $$
			BEGIN RAISE EXCEPTION USING ERRCODE = 'XX000', MESSAGE = '` + suite.Marker + `'; END $$;
		GRANT SELECT ON TABLE_ TO USER_`,
	forget: "DROP FUNCTION broken_TABLE_; DROP SCHEMA hidden_TABLE_ CASCADE; DROP TABLE TABLE_; DROP ROLE USER_",
	statements: map[suite.Fault]string{
		suite.NaN:       "SELECT 'NaN'::float8 AS value",
		suite.Inf:       "SELECT 'Infinity'::float8 AS value",
		suite.Huge:      "SELECT repeat('" + suite.Marker + "', 2000000) AS value",
		suite.WrongType: "SELECT json_build_object('" + suite.Marker + "', 42) AS value",
		suite.Broken:    "SELECT broken_TABLE_() AS value",
	},
	shown: map[suite.Fault]string{
		suite.TooMany: "a role with CONNECTION LIMIT 0",
		suite.Broken:  "a function that raises XX000, internal_error",
	},
	begin: map[suite.Fault]string{suite.TooMany: "ALTER ROLE USER_ CONNECTION LIMIT 0"},
	end: map[suite.Fault]string{
		suite.TooMany: "ALTER ROLE USER_ CONNECTION LIMIT -1",
		suite.Broken:  "CREATE OR REPLACE FUNCTION broken_TABLE_() RETURNS int LANGUAGE sql AS 'SELECT 42'",
	},
}

var mariaDB = dialect{
	engine: v1alpha1.SQLEngineMySQL,
	prepare: `
		CREATE USER USER_ IDENTIFIED BY '` + suite.OldToken + `';
		CREATE TABLE TABLE_ (team varchar(20), used int);
		CREATE DATABASE hidden_TABLE_;
		CREATE TABLE hidden_TABLE_.seats (used int);
		INSERT INTO TABLE_ VALUES ('` + suite.Marker + `', 40), ('cart', 2);
		CREATE FUNCTION broken_TABLE_() RETURNS int
			BEGIN SIGNAL SQLSTATE 'HY000' SET MESSAGE_TEXT = '` + suite.Marker + `'; RETURN 42; END;
		GRANT EXECUTE ON FUNCTION broken_TABLE_ TO USER_;
		GRANT SELECT ON * TO USER_`,
	forget: "DROP FUNCTION broken_TABLE_; DROP DATABASE hidden_TABLE_; DROP TABLE TABLE_; DROP USER USER_",
	statements: map[suite.Fault]string{
		suite.NaN:       "SELECT 0e0 / 0 AS value",
		suite.Inf:       "SELECT 1e308 * 10 AS value",
		suite.Huge:      "SELECT repeat('" + suite.Marker + "', 2000000) AS value",
		suite.WrongType: "SELECT json_object('" + suite.Marker + "', 42) AS value",
		suite.Broken:    "SELECT broken_TABLE_() AS value",
	},
	shown: map[suite.Fault]string{
		suite.TooMany: "a user with MAX_CONNECTIONS_PER_HOUR 1, and that was it",
		suite.Broken:  "a function that signals HY000, a general error",
	},
	begin: map[suite.Fault]string{suite.TooMany: "ALTER USER USER_ WITH MAX_CONNECTIONS_PER_HOUR 1"},
	end: map[suite.Fault]string{
		suite.TooMany: "ALTER USER USER_ WITH MAX_CONNECTIONS_PER_HOUR 0",
		suite.Broken:  "CREATE OR REPLACE FUNCTION broken_TABLE_() RETURNS int RETURN 42",
	},
}

// both are statements that the engines have in common.
var both = map[suite.Fault]string{
	suite.Empty:     countTable + " HAVING count(*) > 2",
	suite.Negative:  "SELECT -sum(used) AS value FROM TABLE_",
	suite.Forbidden: "SELECT used AS value FROM hidden_TABLE_.seats",
	suite.Missing:   "SELECT used AS value FROM " + suite.Marker,
}

// shownByAll says how faults are shown on any database.
var shownByAll = map[suite.Fault]string{
	suite.Slow:           "a proxy that accepts and passes nothing on",
	suite.CutOff:         "a proxy that hangs up after the name of the column",
	suite.BadCredentials: "a wrong password",
	suite.Forbidden:      "a table that the user was not granted",
	suite.RedirectLoop:   "a server that speaks HTTP and answers 307, to itself",
	suite.SchemaChange:   "ALTER TABLE RENAME COLUMN",
	suite.Rotated:        "ALTER USER with another password",
	suite.Cancelled:      "a proxy that accepts and passes nothing on",
}

// table is a database with a user and a table of one case.
type table struct {
	t *testing.T
	dialect
	server *databasetest.Server
	proxy  *proxy
	name   string
}

func databaseRig(name string, server *databasetest.Server, in dialect) suite.Rig {
	cases := 0
	return suite.Rig{Name: name, Play: func(t *testing.T, fault suite.Fault) suite.Case {
		cases++
		return openTable(t, server, in, fmt.Sprintf("case%d", cases)).play(fault)
	}}
}

func openTable(t *testing.T, server *databasetest.Server, in dialect, name string) *table {
	t.Helper()
	on := &table{t: t, dialect: in, server: server, name: name}
	on.execute(in.prepare)
	t.Cleanup(func() { on.execute(in.forget) })
	on.proxy = openProxy(t, fmt.Sprintf("%s:%d", server.Host, server.Port))
	return on
}

func (on *table) play(fault suite.Fault) suite.Case {
	made := suite.Case{Secrets: []string{suite.OldToken, suite.NewToken}, Shown: on.describe(fault)}
	password, mode := suite.OldToken, v1alpha1.TLSModeVerifyFull
	switch fault {
	case suite.Slow, suite.Cancelled:
		on.proxy.set(hold)
	case suite.CutOff:
		mode = v1alpha1.TLSModeDisabled // or the proxy cannot see where the middle is
		on.proxy.set(cut)
	case suite.RedirectLoop:
		on.proxy.set(redirect)
		made.Traffic = func() (int, int) { return on.proxy.accepted(), 0 }
	case suite.BadCredentials:
		password = suite.NewToken
	case suite.SchemaChange:
		made.Begin = func() { on.execute("ALTER TABLE TABLE_ RENAME COLUMN used TO " + suite.Marker) }
	case suite.Rotated:
		made.Begin = func() { on.execute("ALTER USER USER_ " + on.identified(suite.NewToken)) }
		made.Renewed = func() source.Asker { return on.connect(fault, suite.NewToken, mode) }
	default: // the statement shows it, or the administrator
	}
	switch fault {
	case suite.Slow, suite.CutOff, suite.RedirectLoop:
		made.End = func() { on.proxy.set(pass) }
	case suite.TooMany, suite.Broken:
		made.End = func() { on.execute(on.end[fault]) }
	default:
	}
	made.Asker = on.connect(fault, password, mode)
	if begin := on.begin[fault]; begin != "" {
		on.execute(begin)
		_, _ = made.Asker.Ask(on.t.Context()) // uses up what is allowed
	}
	return made
}

func (on *table) connect(fault suite.Fault, password string, mode v1alpha1.TLSMode) source.Asker {
	on.t.Helper()
	return on.asking(on.statement(fault), password, mode)
}

func (on *table) asking(statement, password string, mode v1alpha1.TLSMode) source.Asker {
	on.t.Helper()
	return suite.Asker(on.t, database.New, source.Settings{
		Name: "UsageSource/test/database",
		SQL: &v1alpha1.SQLSource{
			Engine: on.engine, Host: on.proxy.host(), Port: on.proxy.port(), Database: databasetest.Database, TLSMode: mode,
		},
		Credentials:    source.Credentials{Username: on.user(), Password: password},
		AllowPlaintext: mode == v1alpha1.TLSModeDisabled,
		TLS:            source.TLS{CA: on.server.Certificates.Authority},
		Guard:          suite.Loopback,
		Now:            time.Now,
	}, source.Question{SQL: &v1alpha1.SQLQuery{Statement: statement}})
}

func (on *table) user() string { return "reader_of_" + on.name }

func (on *table) statement(fault suite.Fault) string {
	for _, statements := range []map[suite.Fault]string{on.statements, both} {
		if statement := statements[fault]; statement != "" {
			return on.fill(statement)
		}
	}
	return on.fill(countTable)
}

func (on *table) describe(fault suite.Fault) string {
	for _, words := range []map[suite.Fault]string{on.shown, shownByAll} {
		if words[fault] != "" {
			return words[fault]
		}
	}
	statement := strings.ReplaceAll(on.statement(fault), on.name, "seats")
	return statement
}

func (on *table) fill(statement string) string {
	return strings.NewReplacer("USER_", on.user(), "TABLE_", on.name).Replace(statement)
}

func (on *table) identified(password string) string {
	if on.engine == v1alpha1.SQLEnginePostgreSQL {
		return "PASSWORD '" + password + "'"
	}
	return "IDENTIFIED BY '" + password + "'"
}

// execute is what the administrator does, also when the test has ended.
func (on *table) execute(statements string) {
	on.t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(on.t.Context()), 10*time.Second)
	defer cancel()
	if _, err := on.server.Execute(ctx, on.fill(statements)); err != nil {
		on.t.Fatal(err)
	}
}
