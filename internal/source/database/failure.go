// SPDX-License-Identifier: Apache-2.0

package database

import (
	"context"
	"errors"
	"net"

	"github.com/uptake-dev/uptake/internal/source"
)

// verdict is what a server's complaint means. Its own words stay behind: they
// repeat values, and parts of the statement.
type verdict struct {
	class source.Class
	words string
	// code is what the server calls it, such as SQLSTATE 42601.
	code string
}

// What both engines complain about.
const (
	wrongPassword  = "did not accept user and password: renew what is in auth"
	mayNotRead     = "does not let the user read what the statement reads: GRANT SELECT on each table, and USAGE on its schema"
	noDatabase     = "has no such database: correct sql.database"
	tooLong        = "gave up on the statement because it took too long"
	tooMany        = "has too many connections"
	writes         = "found that the statement writes or locks: only reading is allowed"
	syntaxError    = "found a syntax error in the statement"
	noTable        = "has no such table, or the user may not see it: correct the name, or write SCHEMA.TABLE"
	noColumn       = "has no such column"
	notAccepted    = "does not accept the statement: run it there to see why"
	notComputed    = "cannot compute a value, such as a division by zero or a text that is no number"
	severalValues  = "found several rows in a subquery that has to give one"
	shuttingDown   = "is starting or shutting down"
	failed         = "failed to run the statement"
	noTLS          = "does not speak TLS: set it up there, or tlsMode: Disabled with allowPlaintext: true, to send everything in the clear"
	alerted        = "broke TLS off: it may want a client certificate, or another one"
	needsTLS       = "accepts only connections with TLS: set tlsMode to VerifyFull"
	clearPassword  = "asks for the password in the clear, which is sent over TLS only"
	noCommonMethod = "asks for a way to authenticate that is not supported"
)

// failure classifies an error. What is certain comes before what is likely.
func (c *connection) failure(ctx context.Context, w *wire, err error) *source.Error {
	if classified, is := errors.AsType[*source.Error](err); is {
		return classified
	}
	if errors.Is(w.failure(), errTooMuch) {
		return badAnswer("%s answered with more than 1 MiB: aggregate in the statement", c.whom)
	}
	if said := c.engine.verdict(err); said != nil {
		message := c.whom + " " + said.words
		if said.code != "" {
			message += " (" + said.code + ")"
		}
		return &source.Error{Class: said.class, Message: message}
	}
	if errors.Is(err, errNotMySQL) {
		return notUnderstood(c.whom)
	}
	if ended := ctx.Err(); ended != nil {
		return source.Unreachable(c.whom, ended)
	}
	err = errors.Join(err, w.failure())
	if alert, is := errors.AsType[*net.OpError](err); is && alert.Op == "remote error" {
		return source.Errorf(source.Unavailable, "%s %s", c.whom, alerted)
	}
	return source.Unreachable(c.whom, err)
}

func notUnderstood(whom string) *source.Error {
	return badAnswer("%s answered with something that is not the protocol of this engine: check host, port and engine", whom)
}
