// SPDX-License-Identifier: Apache-2.0

package database

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/uptake-dev/uptake/internal/source"
)

func TestEveryTypeOfNumberIsRead(t *testing.T) {
	onBoth(t, func(t *testing.T, on server) {
		connection := on.connect(t)
		for _, test := range []struct {
			postgreSQL, mySQL string
			want              float64
		}{
			{"count(*)", "count(*)", 3},
			{"sum(used)", "sum(used)", 8},
			{"avg(3 * used)", "avg(3 * used)", 8},
			{"7::smallint", "CAST(7 AS UNSIGNED)", 7},
			{"-7", "-7", -7},
			{"9223372036854775807", "9223372036854775807", 9223372036854775807},
			{"18446744073709551615", "18446744073709551615", 18446744073709551615},
			{"0.41::real", "CAST(0.41 AS FLOAT)", 0.41},
			{"0.41::float8", "0.41e0", 0.41},
			{"0.41::numeric", "0.41", 0.41},
			{"123456789012345678901234567890.5", "123456789012345678901234567890.5", 123456789012345678901234567890.5},
			{"1e300::numeric", "1e300", 1e300},
			{"1e-300::numeric", "1e-300", 1e-300},
			{"0", "FALSE", 0},
		} {
			value := on.pick(test.postgreSQL, test.mySQL)
			t.Run(value, func(t *testing.T) {
				answer, failure := ask(t, connection, "SELECT "+value+" AS value FROM (SELECT max(used) AS most FROM seats) AS one, seats GROUP BY most")
				wantRows(t, answer, failure, source.Row{Value: test.want})
				if answer.Segmented || answer.Complete {
					t.Errorf("%+v", answer)
				}
			})
		}
	})
}

func TestASegmentIsARowAndRowsAreSorted(t *testing.T) {
	onBoth(t, func(t *testing.T, on server) {
		connection := on.connect(t)
		want := []source.Row{{Segment: "ads", Value: 0}, {Segment: "cart", Value: 3}, {Segment: "media", Value: 5}}
		for _, statement := range []string{
			"SELECT team AS segment, used AS value FROM seats ORDER BY used DESC",
			`SELECT used AS "VALUE", team AS "Segment" FROM seats;`,
			"(SELECT sum(used) AS value, team AS segment FROM seats GROUP BY team) -- all of them",
			"/* by team */ WITH s AS (SELECT * FROM seats) SELECT team AS segment, used AS value FROM s;  \n",
			"SELECT team AS segment, used AS value FROM seats UNION ALL SELECT 'cart', 1 WHERE 1 = 0",
		} {
			answer, failure := ask(t, connection, statement)
			wantRows(t, answer, failure, want...)
			if !answer.Segmented || answer.Complete {
				t.Errorf("%+v", answer)
			}
		}
		answer, failure := ask(t, connection, "SELECT team AS segment, used AS value FROM seats WHERE used < 0")
		if failure != nil || len(answer.Rows) != 0 || !answer.Segmented {
			t.Errorf("%+v, %v", answer, failure)
		}
		answer, failure = ask(t, connection, "SELECT used AS value FROM seats WHERE used < 0")
		if failure != nil || len(answer.Rows) != 0 || answer.Segmented {
			t.Errorf("%+v, %v", answer, failure)
		}
		answer, failure = ask(t, connection, "SELECT NULL AS segment, 4 AS value UNION ALL SELECT 'a', 1")
		wantRows(t, answer, failure, source.Row{Value: 4}, source.Row{Segment: "a", Value: 1})
		answer, failure = ask(t, connection, "SELECT NULL AS segment, 4 AS value UNION ALL SELECT '', 2 UNION ALL SELECT '  ', 1 UNION ALL SELECT 'a', 1")
		wantRows(t, answer, failure, source.Row{Value: 7}, source.Row{Segment: "a", Value: 1})
		answer, failure = ask(t, connection, "SELECT NULL AS segment, NULL AS value UNION ALL SELECT 'a', 1")
		if failure != nil || len(answer.Rows) != 2 || answer.Rows[0].Unknown == "" || answer.Rows[1].Value != 1 {
			t.Errorf("%+v, %v", answer, failure)
		}
		answer, failure = ask(t, connection, on.pick("SELECT CAST('cart' AS char(12)) AS segment, 3 AS value", "SELECT 'cart   ' AS segment, 3 AS value"))
		wantRows(t, answer, failure, source.Row{Segment: "cart", Value: 3})
		answer, failure = ask(t, connection, "SELECT team AS segment, sum(used) AS value FROM seats GROUP BY "+on.pick("ROLLUP (team)", "team WITH ROLLUP"))
		wantRows(t, answer, failure, source.Row{Value: 8}, source.Row{Segment: "ads"}, source.Row{Segment: "cart", Value: 3}, source.Row{Segment: "media", Value: 5})
	})
}

func TestWhatIsNoNumberIsUnknownAndNeverZero(t *testing.T) {
	onBoth(t, func(t *testing.T, on server) {
		connection := on.connect(t)
		for name, test := range map[string]struct{ postgreSQL, mySQL, words string }{
			"NULL":          {"NULL::int", "CAST(NULL AS INT)", "COALESCE"},
			"bare NULL":     {"NULL", "NULL", "COALESCE"},
			"NaN":           {"'NaN'::float8", "", "NaN"},
			"NaN, numeric":  {"'NaN'::numeric", "", "NaN"},
			"Infinity":      {"'-Infinity'::float8", "", "infinite"},
			"too large":     {"('1' || repeat('0', 400))::numeric", "", "too large"},
			"text":          {"'" + planted + "'", "'" + planted + "'", "not a number"},
			"text, digits":  {"'12'", "'12'", "not a number"},
			"a time":        {"now()", "now()", "not a number"},
			"a boolean":     {"true", "", "not a number"},
			"money":         {"12::money", "", "not a number"},
			"bits":          {"B'101'", "b'101'", "not a number"},
			"a list":        {"ARRAY[1]", "", "not a number"},
			"JSON":          {"'12'::json", "", "not a number"},
			"a note's text": {"(SELECT note FROM seats WHERE team = 'cart')", "(SELECT note FROM seats WHERE team = 'cart')", "not a number"},
		} {
			cell := on.pick(test.postgreSQL, test.mySQL)
			if cell == "" {
				continue // there is no such thing in this language
			}
			t.Run(name, func(t *testing.T) {
				_, failure := ask(t, connection, "SELECT "+cell+" AS value")
				wantFailure(t, failure, source.BadAnswer, test.words)
				answer, failure := ask(t, connection, "SELECT 'a' AS segment, "+cell+" AS value")
				if failure != nil || len(answer.Rows) != 1 || !strings.Contains(answer.Rows[0].Unknown, test.words) {
					t.Errorf("%+v, %v", answer, failure)
				}
				if strings.Contains(fmt.Sprint(answer), planted) {
					t.Errorf("the cell is told: %v", answer)
				}
			})
		}
		answer, failure := ask(t, connection, "SELECT 'a' AS segment, 1 AS value UNION ALL SELECT 'b', NULL")
		if failure != nil || len(answer.Rows) != 2 || answer.Rows[0].Unknown != "" || answer.Rows[0].Value != 1 || answer.Rows[1].Unknown == "" {
			t.Errorf("one NULL is not only its own segment's: %+v, %v", answer, failure)
		}
	})
}

func TestAnAnswerThatIsNotOneNumberForEachIsRefused(t *testing.T) {
	onBoth(t, func(t *testing.T, on server) {
		connection := on.connect(t)
		long := strings.Repeat("ä", 100)
		for name, test := range map[string]struct {
			statement, words string
			class            source.Class
		}{
			"a segment twice":      {"SELECT 'a b' AS segment, 1 AS value UNION ALL SELECT 'a b', 2", `several rows have the same segment: GROUP BY segment`, source.BadAnswer},
			"a segment padded":     {"SELECT 'a b' AS segment, 1 AS value UNION ALL SELECT ' a b ', 2", `the same segment once the space around it is left out: GROUP BY trim`, source.BadAnswer},
			"a long segment twice": {"SELECT '" + long + "' AS segment, 1 AS value UNION ALL SELECT '" + long + "', 2", "the same segment: GROUP BY segment", source.BadAnswer},
			"several numbers":      {"SELECT used AS value FROM seats", "several rows", source.BadAnswer},
			"another column":       {"SELECT team AS segment, used AS value, note FROM seats", "expected: value once", source.InvalidQuery},
			"no value":             {"SELECT team AS segment FROM seats", "expected: value once", source.InvalidQuery},
			"value twice":          {"SELECT 1 AS value, 2 AS value", "expected: value once", source.InvalidQuery},
			"a column's own name":  {"SELECT used FROM seats", "expected: value once", source.InvalidQuery},
			"a row too many":       {many(on, 5001), "more than 5000 rows", source.BadAnswer},
			"far too many rows":    {many(on, 3000000), "more than 5000 rows", source.BadAnswer},
		} {
			t.Run(name, func(t *testing.T) {
				_, failure := ask(t, connection, test.statement)
				wantFailure(t, failure, test.class, test.words)
			})
		}
		answer, failure := ask(t, connection, many(on, 5000))
		if failure != nil || len(answer.Rows) != 5000 {
			t.Errorf("%d rows, %v", len(answer.Rows), failure)
		}
	})
}

// many gives n segments.
func many(on server, n int) string {
	return fmt.Sprintf(on.pick(
		"SELECT n AS segment, n AS value FROM generate_series(1, %d) AS n",
		"SELECT seq AS segment, seq AS value FROM numbers WHERE seq <= %d"), n)
}

func TestMoreThanOneMebibyteIsNotRead(t *testing.T) {
	onBoth(t, func(t *testing.T, on server) {
		connection := on.connect(t)
		for name, statement := range map[string]string{
			"in a cell":     "SELECT repeat('x', 1100000) AS segment, 1 AS value",
			"in a big cell": "SELECT repeat('x', 60000000) AS segment, 1 AS value",
			"in many cells": fmt.Sprintf("SELECT concat(segment, repeat('x', 10000)) AS segment, value FROM (%s) AS m", many(on, 2000)),
		} {
			t.Run(name, func(t *testing.T) {
				_, failure := ask(t, connection, statement)
				wantFailure(t, failure, source.BadAnswer, "1 MiB")
			})
		}
		answer, failure := ask(t, connection, "SELECT repeat('x', 1000000) AS segment, 1 AS value")
		if failure != nil || len(answer.Rows) != 1 {
			t.Errorf("less than that: %v", failure)
		}
	})
}

func TestParametersAreBoundAndNeverSpliced(t *testing.T) {
	onBoth(t, func(t *testing.T, on server) {
		connection := on.connect(t)
		team := on.pick("SELECT used AS value FROM seats WHERE team = $1", "SELECT used AS value FROM seats WHERE team = ?")
		answer, failure := ask(t, connection, team, "cart")
		wantRows(t, answer, failure, source.Row{Value: 3})
		for _, injected := range []string{"x'; DROP TABLE seats; --", "x' OR '1'='1", `\' OR 1=1 -- `, `"`, "$1", "?", "ü\n"} {
			answer, failure = ask(t, connection, team, injected)
			wantRows(t, answer, failure)
		}
		answer, failure = ask(t, connection, on.pick(
			"SELECT team AS segment, used AS value FROM seats WHERE used >= $1 AND used < $2",
			"SELECT team AS segment, used AS value FROM seats WHERE used >= ? AND used < ?"), "3", "5")
		wantRows(t, answer, failure, source.Row{Segment: "cart", Value: 3})
		answer, failure = ask(t, connection, on.pick(
			"SELECT $1::numeric + 0.5 AS value, $2 AS segment", "SELECT CAST(? AS DECIMAL(10,2)) + 0.5 AS value, ? AS segment"), "41", planted)
		wantRows(t, answer, failure, source.Row{Segment: planted, Value: 41.5})
		answer, failure = ask(t, connection, on.pick(
			"SELECT '$2 ?' AS segment, count(*) AS value FROM seats WHERE used > $1 OR used > $1",
			"SELECT '? $1' AS segment, count(*) AS value FROM seats WHERE used > ?"), "3")
		wantRows(t, answer, failure, source.Row{Segment: on.pick("$2 ?", "? $1"), Value: 1})
	})
	t.Run("a parameter that is no number for a number is told without it", func(t *testing.T) {
		on, err := postgres()
		if err != nil {
			t.Fatal(err)
		}
		_, failure := ask(t, on.connect(t), "SELECT used AS value FROM seats WHERE used = $1", planted)
		wantFailure(t, failure, source.BadAnswer, "SQLSTATE 22P02")
	})
}

func TestNothingOfOnePollIsThereForTheNext(t *testing.T) {
	onBoth(t, func(t *testing.T, on server) {
		asker, err := on.connect(t).Asker(question(on.pick(
			"SELECT CASE WHEN pg_try_advisory_lock(7) THEN pg_backend_pid() END AS value",
			"SELECT CASE WHEN @seen IS NULL AND (@seen := 1) = 1 THEN CONNECTION_ID() END AS value")))
		if err != nil {
			t.Fatal(err)
		}
		seen := map[float64]bool{}
		for range 3 {
			answer, err := asker.Ask(t.Context())
			for end := time.Now().Add(5 * time.Second); err != nil && time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
				answer, err = asker.Ask(t.Context()) // a session that was left takes a moment to end
			}
			if err != nil || seen[answer.Rows[0].Value] {
				t.Fatalf("a connection is used twice, or what it holds: %+v, %v", answer, err)
			}
			seen[answer.Rows[0].Value] = true
		}
	})
}

func TestAnAskerIsAskedByManyAtOnce(t *testing.T) {
	onBoth(t, func(t *testing.T, on server) {
		connection := on.connect(t)
		asker, err := connection.Asker(question("SELECT sum(used) AS value FROM seats"))
		if err != nil {
			t.Fatal(err)
		}
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() {
				answer, err := asker.Ask(t.Context())
				if err != nil || answer.Rows[0].Value != 8 {
					t.Errorf("%+v, %v", answer, err)
				}
			})
		}
		connection.Close()
		all.Wait()
	})
}
