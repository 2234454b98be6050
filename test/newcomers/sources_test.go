// SPDX-License-Identifier: Apache-2.0

package newcomers

import (
	"fmt"
)

const prometheus = `
apiVersion: uptake.dev/v1alpha1
kind: UsageSource
metadata: {name: prometheus}
spec:
  type: Prometheus
  interval: 1s
  adHoc: Allowed
  prometheus: {url: "http://PROMETHEUS"}
`

const api = `
apiVersion: uptake.dev/v1alpha1
kind: UsageSource
metadata: {name: api}
spec:
  type: HTTP
  interval: 1s
  adHoc: Allowed
  http: {url: "http://API"}
`

const database = `
apiVersion: uptake.dev/v1alpha1
kind: UsageSource
metadata: {name: database}
spec:
  type: SQL
  interval: 1s
  adHoc: Allowed
  sql: {engine: PostgreSQL, host: 127.0.0.1, port: PORT, database: usage}
  auth: {basic: {secretRef: {name: reader}}}
  tls: {ca: {secretKeyRef: {name: authority, key: ca.crt}}}
---
apiVersion: v1
kind: Secret
metadata: {name: reader, labels: {uptake.dev/source-credentials: "true"}}
stringData: {username: reader, password: right}
---
apiVersion: v1
kind: Secret
metadata: {name: authority, labels: {uptake.dev/source-credentials: "true"}}
stringData:
  ca.crt: AUTHORITY
`

// asking is a source and the program with a metric that asks it.
func asking(source, name, query string) string {
	return source + "---" + replaced(program, "  metrics:\n",
		fmt.Sprintf("  metrics:\n  - {name: other, dimension: Depth, query: {sourceRef: {name: %s}, %s}}\n", name, query))
}

func promQL(expr string) string {
	return asking(prometheus, "prometheus", fmt.Sprintf("prometheus: {expr: %q}", expr))
}

func jsonAPI(query string) string { return asking(api, "api", "http: {"+query+"}") }

func statement(text string) string {
	return asking(database, "database", fmt.Sprintf("sql: {statement: %q}", text))
}

// other is promQL's program with another address.
func other(url string) string { return replaced(promQL("1"), "http://PROMETHEUS", url) }

// token is a source with credentials.
func token(ref string) string {
	return asking(api+"  allowPlaintext: true\n  auth: {bearer: {secretKeyRef: "+ref+"}}\n", "api", `http: {path: /guarded, rows: body.rows, value: row.n}`)
}

// inSources are mistakes in sources, and in what they are asked.
var inSources = []mistake{
	{row: 31, what: "url .../api/v1", text: other("http://PROMETHEUS/api/v1"), server: true, says: []string{"url", "leave /api/v1 out of the address"}},
	{row: 31, what: "url without a scheme", text: other("PROMETHEUS"), server: true, says: []string{"url", "an http or https address with a host, such as https://"}},
	{row: 31, what: "credentials in the url", text: other("http://me:secret@PROMETHEUS"), server: true, says: []string{"write spec.auth: {basic: {secretRef: {name: SECRET}}}"}},
	{row: 32, what: "url .../graph", text: other("http://PROMETHEUS/graph"), server: true, says: []string{"and /graph, which is for people"}},
	{row: 32, what: "url .../api/v1/query", text: other("http://PROMETHEUS/api/v1/query"), server: true, says: []string{"leave /api/v1 out of the address"}},
	{row: 32, what: "url .../prom, where nothing is", text: other("http://PROMETHEUS/prom"), says: []string{"404", "url is the base address"}},
	{row: 33, what: "a certificate of one's own", text: other("https://ENCRYPTED"), says: []string{"certificate", "tls.ca"}},
	{row: 33, what: "http to a port for TLS", text: other("http://ENCRYPTED"), says: []string{"use https"}},
	{row: 34, what: "a Secret that is missing", text: token("{name: token, key: token}"), says: []string{"there is no Secret", "kubectl create secret generic", "kubectl label secret"}},
	{
		row: 34, what: "a key that is missing", text: token("{name: token, key: token}"), setup: secret("token", true, map[string]string{"tokn": "right"}),
		says: []string{`has no key "token"`, "name one that it has ("},
	},
	{
		row: 34, what: "a Secret without the label", text: token("{name: token, key: token}"), setup: secret("token", false, map[string]string{"token": "right"}),
		says: []string{"kubectl label secret", "uptake.dev/source-credentials=true"},
	},
	{
		row: 34, what: "a wrong token", text: token("{name: token, key: token}"), setup: secret("token", true, map[string]string{"token": "wrong"}),
		says: []string{"did not accept the credentials: renew what is in auth (status 401)"},
	},
	{row: 35, what: "no auth", text: jsonAPI(`path: /guarded, rows: body.rows, value: row.n`), says: []string{"asks for credentials", "spec.auth of the source", "secretKeyRef"}},
	{row: 35, what: "a wrong password", text: replaced(statement("SELECT 1 AS value"), "password: right", "password: wrong"), says: []string{"renew what is in auth", "28P01"}},
	{row: 35, what: "no such database", text: replaced(statement("SELECT 1 AS value"), "database: usage", "database: usag"), says: []string{"correct sql.database", "3D000"}},
	{row: 35, what: "no right to a table", text: statement("SELECT amount AS value FROM salaries"), says: []string{"GRANT SELECT", "42501"}},
	{row: 36, what: "a vector", text: promQL("sessions"), says: []string{"gives 2 series and one number is needed: aggregate"}},
	{row: 36, what: "a range", text: promQL("sessions[5m]"), says: []string{"take the range out, or put a function such as rate() around it"}},
	{row: 36, what: "nothing", text: promQL("sesions"), says: []string{"onEmpty: Zero"}},
	{row: 37, what: "an expression that cannot be read", text: promQL("sum(sessions by (team)"), says: []string{"cannot parse the expression", "1:", "sum by (team) (sessions)"}},
	{row: 38, what: "a path that is not there", text: jsonAPI(`path: /usag`), says: []string{"404", "check url and path"}},
	{row: 38, what: "a field that is not there", text: jsonAPI(`path: /usage, rows: body.rows, value: row.m`), says: []string{"there is no m", "has()"}},
	{row: 38, what: "rows that are not there", text: jsonAPI(`path: /usage, rows: body.seats, value: row.n`), says: []string{"there is no seats", "rows"}},
	{row: 38, what: "a text for a number", text: jsonAPI(`path: /usage, rows: body.rows, value: row.text`), says: []string{"gives a string, not a number: put double() around it"}},
	{row: 39, what: "JSONPath", text: jsonAPI(`path: /usage, rows: $.rows`), says: []string{"CEL", "body."}},
	{row: 39, what: "and", text: jsonAPI(`path: /usage, rows: body.rows, where: row.n > 1.0 and row.n < 5.0`), says: []string{"&&"}},
	{row: 40, what: "row.n * 100", text: jsonAPI(`path: /usage, rows: body.rows, value: row.n * 100`), says: []string{"JSON numbers are doubles: write 100.0"}},
	{row: 40, what: "row.n > '3'", text: jsonAPI(`path: /usage, rows: body.rows, where: row.n > '3'`), says: []string{"where", "double() around a string"}},
	{row: 40, what: "where gives a number", text: jsonAPI(`path: /usage, rows: body.rows, where: row.n`), says: []string{"where", "not true or false: compare it"}},
	{row: 41, what: "two statements", text: statement("SELECT 1 AS value; SELECT 2 AS value"), says: []string{"write a single statement"}},
	{row: 41, what: "DELETE", text: statement("DELETE FROM usage"), says: []string{"begin with SELECT", "only reading is allowed"}},
	{row: 41, what: "a table that is not there", text: statement("SELECT count(*) AS value FROM usages"), says: []string{"has no such table", "42P01"}},
	{row: 41, what: "NULL", text: statement("SELECT used AS value FROM usage WHERE team = 'media'"), says: []string{"NULL", "COALESCE"}},
	{row: 41, what: "a text", text: statement("SELECT label AS value FROM usage WHERE team = 'cart'"), says: []string{"not a number", "CAST it"}},
	{
		row: 42, what: "a statement of one's own", text: replaced(statement("SELECT 1 AS value"), "adHoc: Allowed", "adHoc: Denied"),
		says: []string{"allows named queries only", "adHoc: Allowed"},
	},
}
