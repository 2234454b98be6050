// SPDX-License-Identifier: Apache-2.0

package operator

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/uptake-dev/uptake/api/v1alpha1"
	"github.com/uptake-dev/uptake/internal/controlplane"
	"github.com/uptake-dev/uptake/internal/databasetest"
)

func waitForValue(t testing.TB, namespace, program string, metric int, want string) {
	t.Helper()
	eventually(t, patience, fmt.Sprintf("metric %d of %s is %s", metric, program, want), func() bool {
		m := theProgram(t, namespace, program).Status.Metrics
		return len(m) > metric && m[metric].Value == want && m[metric].Unknown == ""
	}, func() string { return asJSON(theProgram(t, namespace, program).Status) })
}

func setSecret(t testing.TB, namespace, name, key, value string) {
	t.Helper()
	change(t, &corev1.Secret{}, namespace, name, fmt.Sprintf(`{"data":{%q:%q}}`, key, base64.StdEncoding.EncodeToString([]byte(value))))
}

// TestADatabaseIsCounted asks a real PostgreSQL over TLS with a named query and its
// parameter, and rotates the password.
func TestADatabaseIsCounted(t *testing.T) {
	shareOperator(t)
	namespace := newNamespace(t)
	server, err := databasetest.StartPostgreSQL()
	if err != nil {
		t.Fatalf("a PostgreSQL is needed: %v", err)
	}
	t.Cleanup(server.Remove)
	execute := func(statements string) {
		t.Helper()
		if _, err := server.Execute(t.Context(), statements); err != nil {
			t.Fatal(err)
		}
	}
	execute(`CREATE TABLE tickets (team text, topic text);
		INSERT INTO tickets VALUES ('cart', 'migration'), ('cart', 'migration'), ('media', 'migration'), ('media', 'printer');
		CREATE USER reader PASSWORD '` + plantedCredential + `-1'; GRANT SELECT ON tickets TO reader`)
	secretFor(t, namespace, "reader", map[string]string{"username": "reader", "password": plantedCredential + "-1"})
	secretFor(t, namespace, "authority", map[string]string{"ca.crt": string(server.Certificates.Authority)})
	apply(t, namespace, strings.NewReplacer("PORT", fmt.Sprint(server.Port), "DATABASE", databasetest.Database).Replace(`
apiVersion: uptake.dev/v1alpha1
kind: UsageSource
metadata: {name: help-desk}
spec:
  type: SQL
  sql: {engine: PostgreSQL, host: 127.0.0.1, port: PORT, database: DATABASE}
  interval: 1s
  auth: {basic: {secretRef: {name: reader}}}
  tls: {ca: {secretKeyRef: {name: authority, key: ca.crt}}}
  queries:
  - name: tickets
    parameters: [{name: topic}]
    sql: {statement: "SELECT team AS segment, count(*) AS value FROM tickets WHERE topic = $1 GROUP BY team"}
---
apiVersion: uptake.dev/v1alpha1
kind: AdoptionProgram
metadata: {name: usage}
spec:
  objective: Nobody needs help
  sourceRef: {name: help-desk}
  segments: [{name: cart}, {name: media}]
  metrics:
  - {name: tickets, dimension: Reach, direction: Decrease, query: {named: {name: tickets, parameters: [{name: topic, value: migration}]}}}
  - {name: injected, dimension: Reach, direction: Decrease, onEmpty: Zero,
     heartbeat: {named: {name: tickets, parameters: [{name: topic, value: migration}]}},
     query: {named: {name: tickets, parameters: [{name: topic, value: "' OR '1'='1"}]}}}
`))
	waitForValue(t, namespace, "usage", 0, "3")
	waitForValue(t, namespace, "usage", 1, "0")
	waitForCondition(t, namespace, "UsageSource", "help-desk", "Ready", "True/Polling")

	execute(`ALTER USER reader PASSWORD '` + plantedCredential + `-2'`)
	waitForCondition(t, namespace, "UsageSource", "help-desk", "Ready", "False/PollsFailing")
	setSecret(t, namespace, "reader", "password", plantedCredential+"-2")
	execute(`DELETE FROM tickets WHERE team = 'media'; INSERT INTO tickets VALUES ('media', 'migration')`)
	waitForCondition(t, namespace, "UsageSource", "help-desk", "Ready", "True/Polling")
	waitForValue(t, namespace, "usage", 0, "3")

	execute(`ALTER TABLE tickets RENAME COLUMN topic TO subject`)
	said := waitForCondition(t, namespace, "AdoptionProgram", "usage", "Ready", "False/InvalidQuery")
	if !strings.Contains(said, "42703") {
		t.Errorf("it does not say what PostgreSQL calls it: %s", said)
	}
}

// TestAnAPIIsCounted asks an API with pages and a token that is rotated, whose rows
// are not all well.
func TestAnAPIIsCounted(t *testing.T) {
	shareOperator(t)
	namespace := newNamespace(t)
	var token, broken atomic.Value
	token.Store(plantedCredential + "-1")
	broken.Store("40")
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("X-Api-Key") != "Key "+token.Load().(string) { //nolint:forcetypeassert // it is one
			w.WriteHeader(http.StatusUnauthorized)
			_, _ = fmt.Fprintf(w, `{"error": %q}`, plantedBody)
			return
		}
		if r.URL.Query().Get("page") == "" {
			w.Header().Set("Link", fmt.Sprintf(`<http://%s%s?page=2>; rel="next"`, r.Host, r.URL.Path))
			_, _ = fmt.Fprintf(w, `{"teams": [{"name": "cart", "seats": 10, "active": 9, "note": %q}]}`, plantedBody)
			return
		}
		_, _ = fmt.Fprintf(w, `{"teams": [{"name": "media", "seats": 40, "active": %s}]}`, broken.Load())
	}))
	t.Cleanup(server.Close)
	secretFor(t, namespace, "api", map[string]string{"key": plantedCredential + "-1"})
	apply(t, namespace, strings.ReplaceAll(`
apiVersion: uptake.dev/v1alpha1
kind: UsageSource
metadata: {name: api}
spec:
  type: HTTP
  http: {url: "http://ADDRESS/v2", allowedPathPrefix: /teams}
  interval: 1s
  auth: {header: {name: X-API-Key, prefix: "Key ", secretKeyRef: {name: api, key: key}}}
  allowPlaintext: true
  adHoc: Allowed
  segmentNames: Any
---
apiVersion: uptake.dev/v1alpha1
kind: AdoptionProgram
metadata: {name: usage}
spec:
  objective: Everybody uses it
  sourceRef: {name: api}
  segmentsFrom: Population
  population: {query: {http: {path: /teams, rows: body.teams, segment: row.name, value: row.seats, pagination: {next: link.next}}}}
  metrics:
  - {name: adopted, dimension: Reach, rate: {active: {http: {path: /teams, rows: body.teams, segment: row.name, value: row.active, pagination: {next: link.next}}}}}
---
apiVersion: uptake.dev/v1alpha1
kind: Phase
metadata: {name: all}
spec: {programRef: {name: usage}, targets: [{metric: adopted, atLeast: "95%"}]}
---
apiVersion: uptake.dev/v1alpha1
kind: Phase
metadata: {name: cart}
spec: {programRef: {name: usage}, segments: [cart], targets: [{metric: adopted, atLeast: "90%"}], sustain: {for: 2s}}
`, "ADDRESS", strings.TrimPrefix(server.URL, "http://")))
	achieved(t, namespace, "all")
	waitForValue(t, namespace, "usage", 0, "98%")

	// One row goes wrong: its segment and the whole are unknown, nothing moves.
	broken.Store("null")
	said := waitForCondition(t, namespace, "AdoptionProgram", "usage", "SourcesHealthy", "False/QueryFailing")
	if !strings.Contains(said, "segment media") {
		t.Errorf("it does not say which segment: %s", said)
	}
	waitForCondition(t, namespace, "Phase", "cart", "Sustained", "True/Sustained")
	broken.Store("40")
	waitForCondition(t, namespace, "AdoptionProgram", "usage", "SourcesHealthy", "True/Answering")

	token.Store(plantedCredential + "-2")
	waitForCondition(t, namespace, "UsageSource", "api", "Ready", "False/PollsFailing")
	setSecret(t, namespace, "api", "key", plantedCredential+"-2\n")
	waitForCondition(t, namespace, "UsageSource", "api", "Ready", "True/Polling")
	waitForCondition(t, namespace, "AdoptionProgram", "usage", "SourcesHealthy", "True/Answering")
}

// mayCountServices makes a user of a cluster who may count Services, and returns
// the kubeconfig.
func mayCountServices(t testing.TB, cluster *controlplane.ControlPlane, admin client.Client, name string) []byte {
	t.Helper()
	user, err := cluster.AddUser(name)
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range []client.Object{
		&rbacv1.ClusterRole{
			ObjectMeta: metav1.ObjectMeta{Name: name},
			Rules:      []rbacv1.PolicyRule{{APIGroups: []string{""}, Resources: []string{"services", "namespaces"}, Verbs: []string{"list", "watch"}}},
		},
		&rbacv1.ClusterRoleBinding{
			ObjectMeta: metav1.ObjectMeta{Name: name},
			RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: name},
			Subjects:   []rbacv1.Subject{{Kind: rbacv1.UserKind, APIGroup: rbacv1.GroupName, Name: name}},
		},
	} {
		if err := admin.Create(t.Context(), o); err != nil {
			t.Fatal(err)
		}
	}
	return user.Kubeconfig
}

func labelledServices(t testing.TB, admin client.Client, namespace, suite string, n int) {
	t.Helper()
	for i := range n {
		service := &corev1.Service{
			ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: fmt.Sprintf("%s-%d", suite, i), Labels: map[string]string{"suite": suite}},
			Spec:       corev1.ServiceSpec{Ports: []corev1.ServicePort{{Port: 80}}},
		}
		if err := admin.Create(t.Context(), service); err != nil {
			t.Fatal(err)
		}
	}
}

// TestSeveralClustersAreAddedUp counts in two real clusters. When one is gone the
// sum is unknown, and nothing falls back.
func TestSeveralClustersAreAddedUp(t *testing.T) {
	shareOperator(t)
	namespace := newNamespace(t)
	east, err := controlplane.Start(t.Context(), controlplane.Options{})
	if err != nil {
		t.Fatal(err)
	}
	stopped := false
	stop := func() {
		if !stopped {
			stopped = true
			_ = east.Stop() // it is only there for this test
		}
	}
	t.Cleanup(stop)
	eastern, err := client.New(east.Config, client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	labelledServices(t, people, namespace, namespace, 3)
	labelledServices(t, eastern, "default", namespace, 4)
	secretFor(t, namespace, "kubeconfigs", map[string]string{
		"west": string(mayCountServices(t, plane, people, "west-"+namespace)),
		"east": string(mayCountServices(t, east, eastern, "east-"+namespace)),
	})
	source := func(name string) string {
		return strings.ReplaceAll(`
apiVersion: uptake.dev/v1alpha1
kind: UsageSource
metadata: {name: NAME, labels: {env: prod}}
spec: {type: Kubernetes, adHoc: Allowed, segmentNames: Any, interval: 1s, kubernetes: {kubeconfig: {secretKeyRef: {name: kubeconfigs, key: NAME}}}}
---`, "NAME", name)
	}
	apply(t, namespace, source("west")+source("east")+strings.ReplaceAll(`
apiVersion: uptake.dev/v1alpha1
kind: AdoptionProgram
metadata: {name: usage}
spec:
  objective: Everybody uses it
  segments: [{name: west}, {name: east}]
  metrics:
  - name: total
    dimension: Reach
    sampleEvery: 3s # which is how long a source that is selected no more is missed
    query: {sourceSelector: {selector: {matchLabels: {env: prod}}}, objects: {apiVersion: v1, kind: Service, labelSelector: {matchLabels: {suite: SUITE}}}}
  - name: each
    dimension: Reach
    query: {sourceSelector: {selector: {matchLabels: {env: prod}}}, segmentBy: {source: Name}, objects: {apiVersion: v1, kind: Service, labelSelector: {matchLabels: {suite: SUITE}}}}
  - name: remote
    dimension: Reach
    query: {sourceRef: {name: east}, objects: {apiVersion: v1, kind: Service, labelSelector: {matchLabels: {suite: SUITE}}}}
---
apiVersion: uptake.dev/v1alpha1
kind: Phase
metadata: {name: total}
spec: {programRef: {name: usage}, targets: [{metric: total, atLeast: "7"}], sustain: {for: 2s}}
---
apiVersion: uptake.dev/v1alpha1
kind: Phase
metadata: {name: each}
spec: {programRef: {name: usage}, targets: [{metric: each, atLeast: "3", scope: Each}]}
`, "SUITE", namespace))
	waitForValue(t, namespace, "usage", 0, "7")
	waitForValue(t, namespace, "usage", 1, "7")
	waitForValue(t, namespace, "usage", 2, "4")
	achieved(t, namespace, "total")
	achieved(t, namespace, "each")
	journal := watchNamespace(t, namespace)

	// A kind that the account may not count says whose rights are missing.
	change(t, &v1alpha1.AdoptionProgram{}, namespace, "usage", fmt.Sprintf(`{"spec":{"metrics":[
		{"name":"total","dimension":"Reach","sampleEvery":"3s","query":{"sourceSelector":{"selector":{"matchLabels":{"env":"prod"}}},"objects":{"apiVersion":"v1","kind":"Service","labelSelector":{"matchLabels":{"suite":%q}}}}},
		{"name":"each","dimension":"Reach","query":{"sourceRef":{"name":"east"},"objects":{"apiVersion":"v1","kind":"Pod"}}}]}}`, namespace))
	said := waitForCondition(t, namespace, "AdoptionProgram", "usage", "SourcesHealthy", "False/QueryFailing")
	if !strings.Contains(said, "the account of the kubeconfig may not count pods") {
		t.Errorf("it does not say whose rights are missing: %s", said)
	}

	stop()
	said = waitForCondition(t, namespace, "UsageSource", "east", "Ready", "False/PollsFailing")
	t.Log(said)
	eventually(t, patience, "the sum is unknown", func() bool {
		m := theProgram(t, namespace, "usage").Status.Metrics[0]
		return strings.HasPrefix(m.Unknown, "spec.metrics[total].query: east: ") && m.Value == "7"
	}, func() string { return asJSON(theProgram(t, namespace, "usage").Status) })
	waitForCondition(t, namespace, "UsageSource", "west", "Ready", "True/Polling")
	if path := journal.Path("Phase total"); strings.Contains(path, "Regressed") {
		t.Errorf("half of the clusters is taken for all: %s", path)
	}

	// Taken out of the selection it is missed for a while, and then no longer.
	change(t, &v1alpha1.UsageSource{}, namespace, "east", `{"metadata":{"labels":{"env":"retired"}}}`)
	waitForValue(t, namespace, "usage", 0, "3")
}
