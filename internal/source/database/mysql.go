// SPDX-License-Identifier: Apache-2.0

package database

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/go-sql-driver/mysql"

	"github.com/uptake-dev/uptake/internal/source"
)

type mySQL struct {
	config *mysql.Config
}

func newMySQL(where endpoint) engine {
	config := mysql.NewConfig()
	config.Net, config.Addr = "tcp", where.address()
	config.DBName, config.User, config.Passwd = where.database, where.user, where.password
	config.TLS = where.security.config
	config.AllowCleartextPasswords = where.security.encrypted()
	// What matters is false already, and said here because it does: files are not
	// sent, TLS is not given up, parameters are bound by the server, and a text is
	// one statement.
	config.AllowAllFiles, config.AllowFallbackToPlaintext = false, false
	config.InterpolateParams, config.MultiStatements = false, false
	return &mySQL{config: config}
}

func (*mySQL) lexicon() lexicon { return lexiconMySQL }

// run implements engine. Without parameters the statement goes as a text of which
// the server takes a single one; with parameters it is prepared, and they are bound.
func (m *mySQL) run(ctx context.Context, w *wire, q *query) (source.Answer, error) {
	// What the driver may leave behind ends with this context.
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	config := m.config.Clone()
	config.DialFunc, config.Logger = w.dialMySQL, logger{w}
	connector, err := mysql.NewConnector(config)
	if err != nil {
		return source.Answer{}, err
	}
	db := sql.OpenDB(connector)
	defer func() { _ = db.Close() }()
	tx, err := db.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return source.Answer{}, err
	}
	defer func() { _ = tx.Rollback() }()
	if err := limit(ctx, tx); err != nil {
		return source.Answer{}, err
	}
	arguments := make([]any, len(q.arguments))
	for i, argument := range q.arguments {
		arguments[i] = argument
	}
	rows, err := tx.QueryContext(ctx, q.statement, arguments...)
	if err != nil {
		return source.Answer{}, err
	}
	defer func() { _ = rows.Close() }()
	answer, err := mySQLResult{rows}.answer()
	if err != nil {
		// Closing reads what is left of the rows.
		w.cut()
	}
	return answer, err
}

// logger gets the errors that the driver does not return. They are printed by default,
// with what servers send.
type logger struct{ wire *wire }

// Print implements mysql.Logger.
func (l logger) Print(values ...any) {
	for _, value := range values {
		if err, is := value.(error); is {
			l.wire.failed(err)
		}
	}
}

// limit has the server give up on statements in time. MariaDB has a name and a unit
// of its own for that.
func limit(ctx context.Context, tx *sql.Tx) error {
	var version string
	if err := tx.QueryRowContext(ctx, "SELECT VERSION()").Scan(&version); err != nil {
		return err
	}
	set := fmt.Sprintf("SET SESSION max_execution_time = %d", remaining(ctx).Milliseconds())
	if strings.Contains(version, "MariaDB") {
		set = fmt.Sprintf("SET SESSION max_statement_time = %.3f", remaining(ctx).Seconds())
	}
	_, err := tx.ExecContext(ctx, set)
	return err
}

// mySQLResult implements result.
type mySQLResult struct {
	rows *sql.Rows
}

func (r mySQLResult) answer() (source.Answer, error) {
	types, err := r.rows.ColumnTypes()
	if err != nil {
		return source.Answer{}, err
	}
	header := make([]column, len(types))
	for i, one := range types {
		kind := strings.TrimPrefix(one.DatabaseTypeName(), "UNSIGNED ")
		header[i] = column{name: one.Name(), numeric: slices.Contains(mySQLNumbers, kind)}
	}
	return answerOf(header, r)
}

// mySQLNumbers are the types of numbers, by the driver's names. BOOLEAN is TINYINT
// to the server.
var mySQLNumbers = []string{"TINYINT", "SMALLINT", "MEDIUMINT", "INT", "BIGINT", "FLOAT", "DOUBLE", "DECIMAL"}

func (r mySQLResult) next() bool { return r.rows.Next() }

func (r mySQLResult) cells() ([]cell, error) {
	names, err := r.rows.Columns()
	if err != nil {
		return nil, err
	}
	cells := make([]cell, len(names))
	into := make([]any, len(names))
	for i := range cells {
		into[i] = &cells[i]
	}
	return cells, r.rows.Scan(into...)
}

func (r mySQLResult) failure() error { return r.rows.Err() }

func (*mySQL) verdict(err error) *verdict {
	if said, is := errors.AsType[*mysql.MySQLError](err); is {
		return judgeMySQL(said)
	}
	switch {
	case errors.Is(err, mysql.ErrNoTLS):
		return &verdict{source.Unavailable, noTLS, ""}
	case errors.Is(err, mysql.ErrCleartextPassword):
		return &verdict{source.Unauthorized, clearPassword, ""}
	case errors.Is(err, mysql.ErrOldPassword), errors.Is(err, mysql.ErrUnknownPlugin):
		return &verdict{source.Unauthorized, noCommonMethod, ""}
	}
	return nil
}

// numbers are looked up before states: a few of them share a state with what is
// the author's to mend.
var numbers = map[uint16]verdict{
	1040: {class: source.Throttled, words: tooMany},
	1203: {class: source.Throttled, words: tooMany},
	1226: {class: source.Throttled, words: tooMany},
	1044: {class: source.Unauthorized, words: mayNotRead},
	1142: {class: source.Unauthorized, words: mayNotRead},
	1143: {class: source.Unauthorized, words: mayNotRead},
	1227: {class: source.Unauthorized, words: mayNotRead},
	1370: {class: source.Unauthorized, words: mayNotRead},
	1045: {class: source.Unauthorized, words: wrongPassword},
	1698: {class: source.Unauthorized, words: wrongPassword},
	1820: {class: source.Unauthorized, words: wrongPassword},
	1862: {class: source.Unauthorized, words: wrongPassword},
	3159: {class: source.Unavailable, words: needsTLS},
	1049: {class: source.Unavailable, words: noDatabase},
	1053: {class: source.Unavailable, words: shuttingDown},
	1317: {class: source.Unavailable, words: tooLong},
	1969: {class: source.Unavailable, words: tooLong},
	3024: {class: source.Unavailable, words: tooLong},
	1054: {class: source.InvalidQuery, words: noColumn},
	1064: {class: source.InvalidQuery, words: syntaxError},
	1146: {class: source.InvalidQuery, words: noTable},
	1792: {class: source.InvalidQuery, words: writes},
	1242: {class: source.BadAnswer, words: severalValues},
	1365: {class: source.BadAnswer, words: notComputed},
}

func judgeMySQL(said *mysql.MySQLError) *verdict {
	judged, known := numbers[said.Number]
	if state := string(said.SQLState[:]); !known && isState(state) {
		switch state[:2] {
		case "42", "22", "21":
			judged, known = states[state[:2]], true
		}
	}
	if !known {
		judged = verdict{class: source.Unavailable, words: failed}
	}
	judged.code = fmt.Sprintf("error %d", said.Number)
	return &judged
}
