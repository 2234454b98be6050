// SPDX-License-Identifier: Apache-2.0

// Package database runs SQL statements that read, on PostgreSQL and on MySQL or
// MariaDB. Each poll has a connection of its own, so that nothing of one statement
// (a lock, a SET) is there for the next.
package database

import (
	"context"
	"net"
	"net/netip"
	"regexp"
	"strconv"
	"strings"

	"github.com/uptake-dev/uptake/api/v1alpha1"
	"github.com/uptake-dev/uptake/internal/source"
)

// engine is what PostgreSQL and MySQL do differently.
type engine interface {
	// lexicon is how statements are written.
	lexicon() lexicon
	// run asks over a connection of its own, made with w, in a transaction that may
	// not write and is always rolled back. The server is told to give up in time.
	run(ctx context.Context, w *wire, q *query) (source.Answer, error)
	// verdict classifies what the server, or its driver, says went wrong; nil: neither
	// of them said anything.
	verdict(err error) *verdict
}

// connection implements source.Connection.
type connection struct {
	name, whom string
	guard      source.Guard
	engine     engine
}

// New is the source.Driver for databases.
func New(settings source.Settings) (source.Connection, error) {
	where, failure := endpointOf(settings)
	if failure != nil {
		return nil, failure
	}
	engine, failure := engineOf(settings.SQL.Engine, where)
	if failure != nil {
		return nil, failure
	}
	return &connection{name: settings.Name, whom: where.address(), guard: settings.Guard, engine: engine}, nil
}

// Asker implements source.Connection.
func (c *connection) Asker(question source.Question) (source.Asker, error) {
	if question.SQL == nil {
		return nil, source.Mismatch(c.name, "sql")
	}
	statement, failure := readOnly(question.SQL.Statement, c.engine.lexicon(), len(question.Parameters))
	if failure != nil {
		return nil, failure
	}
	arguments := make([]string, len(question.Parameters))
	for i, parameter := range question.Parameters {
		arguments[i] = parameter.Value
	}
	return &query{connection: c, statement: statement, arguments: arguments}, nil
}

// Close implements source.Connection. Nothing is kept open between polls.
func (c *connection) Close() {}

func engineOf(name v1alpha1.SQLEngine, where endpoint) (engine, *source.Error) {
	switch name {
	case v1alpha1.SQLEnginePostgreSQL:
		return newPostgreSQL(where)
	case v1alpha1.SQLEngineMySQL:
		return newMySQL(where), nil
	}
	return nil, invalid("engine %q is not known: choose PostgreSQL or MySQL", name)
}

// endpoint is a database, with the user who reads there.
type endpoint struct {
	host                     string
	port                     uint16
	database, user, password string
	security                 security
}

func (e endpoint) address() string {
	return net.JoinHostPort(e.host, strconv.Itoa(int(e.port)))
}

// hostName keeps out what a driver reads as more than a host: a path to a socket,
// a port, or a list.
var hostName = regexp.MustCompile(`^[A-Za-z0-9_]([A-Za-z0-9._-]*[A-Za-z0-9])?$`)

func endpointOf(settings source.Settings) (endpoint, *source.Error) {
	spec := settings.SQL
	if spec == nil {
		return endpoint{}, invalid("sql is not set: say where the database is")
	}
	where := endpoint{
		host: spec.Host, port: portOf(spec), database: spec.Database,
		// Secrets made from files often end with a newline that nobody meant.
		user:     strings.TrimRight(settings.Credentials.Username, "\r\n"),
		password: strings.TrimRight(settings.Credentials.Password, "\r\n"),
	}
	_, notIP := netip.ParseAddr(where.host)
	switch {
	case notIP != nil && !hostName.MatchString(where.host):
		return endpoint{}, invalid("host is not a host name or an IP address: the port goes into port")
	case where.port == 0:
		return endpoint{}, invalid("port is not between 1 and 65535")
	case where.database == "":
		return endpoint{}, invalid("database is empty")
	case where.user == "":
		return endpoint{}, invalid("a database is read as a user: set auth.basic")
	case strings.Contains(where.user+where.password+where.database, "\x00"):
		return endpoint{}, invalid("the user, the password or the database has a NUL character")
	}
	var failure *source.Error
	where.security, failure = securityOf(settings)
	return where, failure
}

// portOf returns 0 for what is not a port.
func portOf(spec *v1alpha1.SQLSource) uint16 {
	switch {
	case spec.Port == 0 && spec.Engine == v1alpha1.SQLEngineMySQL:
		return 3306
	case spec.Port == 0:
		return 5432
	case spec.Port < 0 || spec.Port > 65535:
		return 0
	}
	return uint16(spec.Port)
}

func invalid(format string, args ...any) *source.Error {
	return source.Errorf(source.InvalidQuery, format, args...)
}

func badAnswer(format string, args ...any) *source.Error {
	return source.Errorf(source.BadAnswer, format, args...)
}
