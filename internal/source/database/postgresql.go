// SPDX-License-Identifier: Apache-2.0

package database

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/uptake-dev/uptake/internal/source"
)

type postgreSQL struct {
	config *pgconn.Config
}

// neutral says everything that the driver would otherwise look up in the
// environment and in files of the home directory.
const neutral = "host=localhost port=5432 user=none password=none database=none passfile='' servicefile=/dev/null " +
	"sslmode=disable sslkey='' sslcert='' sslcertmode=allow sslrootcert='' sslpassword='' sslsni=1 sslnegotiation=postgres " +
	"connect_timeout=0 target_session_attrs=any min_protocol_version=3.0 max_protocol_version=3.0 " +
	"channel_binding=prefer require_auth=''"

func newPostgreSQL(where endpoint) (engine, *source.Error) {
	config, err := pgconn.ParseConfig(neutral)
	if err != nil {
		// The one variable that cannot be overruled.
		return nil, invalid("PGSERVICE is set in the operator's environment: take it out")
	}
	config.Host, config.Port = where.host, where.port
	config.Database, config.User, config.Password = where.database, where.user, where.password
	config.TLSConfig, config.Fallbacks = where.security.config, nil
	if !where.security.encrypted() {
		config.RequireAuth = "!password"
	}
	config.RuntimeParams = map[string]string{"application_name": "uptake"}
	config.MaxProtocolMessageBodyLen = mostBytes
	// The dialer looks names up, tries every address and judges each.
	config.LookupFunc = func(_ context.Context, host string) ([]string, error) { return []string{host}, nil }
	return &postgreSQL{config: config}, nil
}

func (*postgreSQL) lexicon() lexicon { return lexiconPostgreSQL }

// run implements engine. The statement goes over the extended protocol, which takes
// a single one and binds its parameters; what types they have is for the server to
// say, so that text will do for any of them.
func (p *postgreSQL) run(ctx context.Context, w *wire, q *query) (source.Answer, error) {
	config := p.config.Copy()
	config.DialFunc = w.dial
	conn, err := pgconn.ConnectConfig(ctx, config)
	if err != nil {
		return source.Answer{}, err
	}
	defer func() { _ = conn.Close(ctx) }()
	begin := fmt.Sprintf("BEGIN READ ONLY; SET LOCAL statement_timeout = %d", remaining(ctx).Milliseconds())
	if err := conn.Exec(ctx, begin).Close(); err != nil {
		return source.Answer{}, err
	}
	defer func() { _ = conn.Exec(ctx, "ROLLBACK").Close() }()
	arguments := make([][]byte, len(q.arguments))
	for i, argument := range q.arguments {
		arguments[i] = []byte(argument)
	}
	rows := postgreSQLResult{conn.ExecParams(ctx, q.statement, arguments, nil, nil, nil)}
	answer, err := rows.answer()
	if err != nil {
		// Closing reads what is left of the rows.
		w.cut()
	}
	_ = rows.failure()
	return answer, err
}

// postgreSQLResult implements result. Every cell is asked for as text.
type postgreSQLResult struct {
	reader *pgconn.ResultReader
}

func (r postgreSQLResult) answer() (source.Answer, error) {
	fields := r.reader.FieldDescriptions()
	if len(fields) == 0 {
		if err := r.failure(); err != nil {
			return source.Answer{}, err
		}
	}
	header := make([]column, len(fields))
	for i, field := range fields {
		header[i] = column{name: field.Name, numeric: slices.Contains(postgreSQLNumbers, field.DataTypeOID)}
	}
	return answerOf(header, r)
}

// postgreSQLNumbers are the types of numbers, which have the same identifiers on every
// server: int8, int2, int4, float4, float8 and numeric.
var postgreSQLNumbers = []uint32{20, 21, 23, 700, 701, 1700}

func (r postgreSQLResult) next() bool { return r.reader.NextRow() }

func (r postgreSQLResult) cells() ([]cell, error) {
	values := r.reader.Values()
	cells := make([]cell, len(values))
	for i, value := range values {
		cells[i] = cell{String: string(value), Valid: value != nil}
	}
	return cells, nil
}

func (r postgreSQLResult) failure() error {
	_, err := r.reader.Close()
	return err
}

func (*postgreSQL) verdict(err error) *verdict {
	if said, is := errors.AsType[*pgconn.PgError](err); is {
		return judgePostgreSQL(said)
	}
	if _, is := errors.AsType[*pgproto3.ExceededMaxBodyLenErr](err); is {
		return &verdict{source.BadAnswer, "answered with more than 1 MiB: aggregate in the statement", ""}
	}
	// These have no type. Their text is looked at, never shown.
	switch text := err.Error(); {
	case strings.Contains(text, "server refused TLS connection"):
		return &verdict{source.Unavailable, noTLS, ""}
	case strings.Contains(text, "require_auth check failed"):
		return &verdict{source.Unauthorized, clearPassword, ""}
	case strings.Contains(text, "server does not support SCRAM-SHA-256"), strings.Contains(text, "failed GSS auth"):
		return &verdict{source.Unauthorized, noCommonMethod, ""}
	}
	return nil
}

// states are looked up as a whole first, then by their class, the first two
// characters.
var states = map[string]verdict{
	"08P01": {class: source.InvalidQuery, words: notAccepted},
	"21":    {class: source.BadAnswer, words: severalValues},
	"22":    {class: source.BadAnswer, words: notComputed},
	"25006": {class: source.InvalidQuery, words: writes},
	"28":    {class: source.Unauthorized, words: wrongPassword},
	"28000": {class: source.Unauthorized, words: wrongPassword + ", or not without TLS or from here"},
	"3D000": {class: source.Unavailable, words: noDatabase},
	"42":    {class: source.InvalidQuery, words: notAccepted},
	"42501": {class: source.Unauthorized, words: mayNotRead},
	"42601": {class: source.InvalidQuery, words: syntaxError},
	"42703": {class: source.InvalidQuery, words: noColumn},
	"42P01": {class: source.InvalidQuery, words: noTable},
	"53300": {class: source.Throttled, words: tooMany},
	"57014": {class: source.Unavailable, words: tooLong},
	"57P01": {class: source.Unavailable, words: shuttingDown},
	"57P02": {class: source.Unavailable, words: shuttingDown},
	"57P03": {class: source.Unavailable, words: shuttingDown},
}

func judgePostgreSQL(said *pgconn.PgError) *verdict {
	// A code is five capitals and digits; anything else is not repeated.
	state := said.Code
	if !isState(state) {
		return &verdict{source.Unavailable, failed, ""}
	}
	judged, known := states[state]
	if !known {
		judged, known = states[state[:2]]
	}
	if !known {
		judged = verdict{class: source.Unavailable, words: failed}
	}
	judged.code = "SQLSTATE " + state
	if said.Position > 0 {
		judged.code += fmt.Sprintf(", at character %d", said.Position)
	}
	return &judged
}

func isState(code string) bool {
	return len(code) == 5 && strings.Trim(code, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ") == ""
}
