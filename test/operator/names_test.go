// SPDX-License-Identifier: Apache-2.0

package operator

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/uptake-dev/uptake/internal/databasetest"
)

// spelt is in every eight characters of plantedText, and in nothing else.
const spelt = "zQxJ"

// plantedText is what an API or a database says to whoever has the credentials: 600
// characters, no two pieces of which are the same.
var plantedText = func() string {
	var b strings.Builder
	for i := range 120 {
		b.WriteString(spelt + string(rune('!'+i%90)))
	}
	return strings.NewReplacer(`"`, "_", `\`, "_", "'", "_").Replace(b.String())
}()

// teller answers with the text as JSON, and as series whose label holds pieces of it.
func teller(t *testing.T) *httptest.Server {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasPrefix(r.URL.Path, "/api/v1/query") {
			_ = json.NewEncoder(w).Encode(map[string]any{"secret": plantedText, "known": "control-name"})
			return
		}
		value := "1"
		_ = r.ParseForm()
		switch r.Form.Get("query") {
		case "broken":
			value = "NaN"
		case "control":
			_, _ = io.WriteString(w, `{"status":"success","data":{"resultType":"vector","result":[{"metric":{"team":"control-name"},"value":[1,"3"]},{"metric":{"team":"z"},"value":[1,"1"]}]}}`)
			return
		}
		var series []string
		for i := range 10 {
			piece, _ := json.Marshal(plantedText[i*60 : i*60+60])
			series = append(series, fmt.Sprintf(`{"metric":{"team":%s},"value":[1,%q]}`, piece, value))
		}
		if r.Form.Get("query") == "twice" {
			series = append(series, series[0])
		}
		_, _ = fmt.Fprintf(w, `{"status":"success","data":{"resultType":"vector","result":[%s]}}`, strings.Join(series, ","))
	}))
	t.Cleanup(server.Close)
	return server
}

// TestNoTextOfAnAnswerIsShownAsAName has programs make names of what sources answer
// with, by every language that can.
func TestNoTextOfAnAnswerIsShownAsAName(t *testing.T) {
	shareOperator(t)
	namespace := newNamespace(t)
	server := teller(t)
	address := strings.TrimPrefix(server.URL, "http://")
	database, err := databasetest.StartPostgreSQL()
	if err != nil {
		t.Fatalf("a PostgreSQL is needed: %v", err)
	}
	t.Cleanup(database.Remove)
	if _, err := database.Execute(t.Context(), `CREATE TABLE vault (secret text); INSERT INTO vault VALUES ('`+plantedText+`');
		CREATE USER reader PASSWORD '`+plantedCredential+`'; GRANT SELECT ON vault TO reader`); err != nil {
		t.Fatal(err)
	}
	secretFor(t, namespace, "token", map[string]string{"token": plantedCredential})
	secretFor(t, namespace, "reader", map[string]string{"username": "reader", "password": plantedCredential})
	secretFor(t, namespace, "authority", map[string]string{"ca.crt": string(database.Certificates.Authority)})

	const auth = "auth: {bearer: {secretKeyRef: {name: token, key: token}}}, allowPlaintext: true"
	source := func(name, fields string) {
		apply(t, namespace, fmt.Sprintf("apiVersion: uptake.dev/v1alpha1\nkind: UsageSource\nmetadata: {name: %s}\nspec: {interval: 1s, adHoc: Allowed, %s}\n", name, fields))
	}
	source("http", "type: HTTP, http: {url: 'http://"+address+"'}, "+auth)
	source("prometheus", "type: Prometheus, prometheus: {url: 'http://"+address+"'}, "+auth)
	source("sql", fmt.Sprintf("type: SQL, sql: {engine: PostgreSQL, host: 127.0.0.1, port: %d, database: %s}, auth: {basic: {secretRef: {name: reader}}}, tls: {ca: {secretKeyRef: {name: authority, key: ca.crt}}}", database.Port, databasetest.Database))
	source("any", "type: Prometheus, prometheus: {url: 'http://"+address+"'}, segmentNames: Any, "+auth)
	source("named", "type: Prometheus, prometheus: {url: 'http://"+address+"'}, queries: [{name: control, prometheus: {expr: control}}], "+auth)

	const rows, pieces = `rows: "lists.range(11)"`, `segment: "row == 10 ? 'z' : body.secret.substring(row*60, row*60+60)"`
	queries := map[string]map[string]string{
		"http": {
			"plain":  `http: {path: /private, ` + rows + `, ` + pieces + `, value: "1.0"}`,
			"broken": `http: {path: /private, ` + rows + `, ` + pieces + `, value: "row == 3 ? 1.0 : double(body.secret)"}`,
			"text":   `http: {path: /private, rows: "[body]", value: "row.secret"}`,
			"next":   `http: {path: /private, rows: "[1]", value: "1.0", pagination: {next: "'https://' + body.secret.substring(0, 4) + '.example.com/'"}}`,
			"scheme": `http: {path: /private, rows: "[1]", value: "1.0", pagination: {next: "body.secret.substring(0, 4) + '://127.0.0.1/'"}}`,
			"file":   `http: {path: /private, downloads: {links: "['https://' + body.secret.substring(0, 4) + '.example.com/']"}}`,
		},
		"prometheus": {
			"plain":  `prometheus: {expr: "label_replace(up, 'team', '$1', 'secret', '(.*)')"}, segmentBy: {label: team}`,
			"broken": `prometheus: {expr: broken}, segmentBy: {label: team}`,
			"twice":  `prometheus: {expr: twice}, segmentBy: {label: team}`,
		},
		"sql": {
			"plain":  `sql: {statement: "SELECT substr(secret, i*60+1, 60) AS segment, 1 AS value FROM vault, generate_series(0, 9) AS i"}`,
			"broken": `sql: {statement: "SELECT substr(secret, i*60+1, 60) AS segment, NULL::int AS value FROM vault, generate_series(0, 9) AS i"}`,
			"twice":  `sql: {statement: "SELECT substr(secret, 1, 60) AS segment, 1 AS value FROM vault, generate_series(0, 1)"}`,
			"text":   `sql: {statement: "SELECT secret AS value FROM vault"}`,
		},
	}
	program := func(name, fields string) {
		apply(t, namespace, "apiVersion: uptake.dev/v1alpha1\nkind: AdoptionProgram\nmetadata: {name: "+name+"}\nspec:\n  objective: Everybody\n"+indented(fields)+"\n")
	}
	var programs []string
	for from, byName := range queries {
		for kind, query := range byName {
			name := from + "-" + kind
			programs = append(programs, name+"-declared", name+"-alone")
			program(name+"-declared", fmt.Sprintf("sourceRef: {name: %s}\nsegments: [{name: z, aliases: [known]}]\npopulation: {query: {%s}}\n"+
				"metrics: [{name: m, dimension: Reach, rate: {active: {%s}}}, {name: depth, dimension: Depth, query: {%s}}]", from, query, query, query))
			program(name+"-alone", fmt.Sprintf("sourceRef: {name: %s}\nmetrics: [{name: m, dimension: Depth, aggregation: Sum, query: {%s}}]", from, query))
			apply(t, namespace, fmt.Sprintf("apiVersion: uptake.dev/v1alpha1\nkind: Phase\nmetadata: {name: %s}\nspec: {programRef: {name: %s-declared}, targets: [{metric: m, atLeast: '90%%', scope: Each}]}\n", name, name))
		}
		name := from + "-discovers"
		program(name, fmt.Sprintf("sourceRef: {name: %s}\nsegmentsFrom: Population\npopulation: {query: {%s}}\nmetrics: [{name: m, dimension: Reach, rate: {active: {%s}}}]", from, byName["plain"], byName["plain"]))
		eventually(t, patience, name+" is refused", func() bool {
			_, conditions := typoObject(t, "AdoptionProgram", namespace, name)
			said := condition(conditions, "Ready")
			return strings.HasPrefix(said, "False/SourceNotAllowed: ") && strings.Contains(said, "segmentNames: Any")
		}, func() string { return asJSON(theProgram(t, namespace, name).Status) })
	}
	for from, query := range map[string]string{"any": "prometheus: {expr: control}, segmentBy: {label: team}", "named": "named: {name: control}, segmentBy: {label: team}"} {
		program(from, fmt.Sprintf("sourceRef: {name: %s}\nsegments: [{name: z}]\nmetrics: [{name: m, dimension: Depth, query: {%s}}]", from, query))
		eventually(t, patience, "names are shown where they may be: "+from, func() bool {
			m := theProgram(t, namespace, from).Status.Metrics
			return len(m) == 1 && slices.Contains(m[0].UnmatchedNames, "control-name")
		}, func() string { return asJSON(theProgram(t, namespace, from).Status) })
	}
	eventually(t, patience, "every program has been told something", func() bool {
		return !slices.ContainsFunc(programs, func(name string) bool {
			m := theProgram(t, namespace, name).Status.Metrics
			return len(m) == 0 || m[0].Value == "" && m[0].Unknown == "" || strings.Contains(m[0].Unknown, "waiting for the first answer")
		})
	}, func() string { return fmt.Sprint(programs) })
	for _, from := range []string{"http", "prometheus", "sql"} {
		if m := theProgram(t, namespace, from+"-plain-declared").Status.Metrics; m[1].Unmatched == "" || len(m[1].UnmatchedNames) > 0 {
			t.Errorf("%s: what is not named is not counted: %s", from, asJSON(m[1]))
		}
	}
	time.Sleep(3 * time.Second) // some more polls
	lookThrough(t, namespace)
}
