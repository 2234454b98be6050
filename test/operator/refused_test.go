// SPDX-License-Identifier: Apache-2.0

package operator

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/uptake-dev/uptake/api/v1alpha1"
)

// attempt is somebody who wants the operator to go where they may not, or to use
// what is not theirs. Either the source is refused or the program is.
type attempt struct {
	name string
	// source is a UsageSource's spec, query a metric's query.
	source, query string
	// of says whose condition Ready tells, and how it begins.
	of, says string
	// words that the message has.
	words string
}

const (
	ofSource  = "UsageSource"
	ofProgram = "AdoptionProgram"
)

// attempts are made against SERVER, which does what it is asked for, with OTHER
// beside it, which must never be asked.
func attempts() []attempt {
	api := func(fields string) string {
		return "type: HTTP\nadHoc: Allowed\nallowPlaintext: true\nhttp: {url: 'http://SERVER', " + fields + "}"
	}
	at := func(url string) string { return "type: HTTP\nadHoc: Allowed\nhttp: {url: '" + url + "'}" }
	prometheus := func(url string) string { return "type: Prometheus\nadHoc: Allowed\nprometheus: {url: '" + url + "'}" }
	sql := func(host string) string {
		return "type: SQL\nadHoc: Allowed\nsql: {engine: PostgreSQL, host: '" + host + "', database: x}\nauth: {basic: {secretRef: {name: login}}}"
	}
	path := func(path string) string { return "http: {path: '" + path + "'}" }
	kubernetes := func(key string) string {
		return "type: Kubernetes\nadHoc: Allowed\nkubernetes: {kubeconfig: {secretKeyRef: {name: kubeconfigs, key: " + key + "}}}"
	}
	const (
		prefix  = "allowedPathPrefix: /orgs/acme"
		seats   = "http: {path: /orgs/acme/seats}"
		up      = "prometheus: {expr: up}"
		select1 = "sql: {statement: SELECT 1 AS value}"
		pods    = "objects: {apiVersion: v1, kind: Pod}"
		refused = "False/AddressRefused: "
		outside = "False/SourceNotAllowed: "
		invalid = "False/InvalidSpec: "
	)
	return []attempt{
		// Addresses that only the operator's own machine or cloud can mean.
		{"metadata of a cloud", at("http://169.254.169.254"), seats, ofSource, refused, "link-local"},
		{"metadata over IPv6", at("http://[fd00:ec2::254]"), seats, ofSource, refused, "metadata"},
		{"metadata of another cloud", prometheus("http://100.100.100.200"), up, ofSource, refused, "metadata"},
		{"metadata behind a translator", at("http://[64:ff9b::a9fe:a9fe]"), seats, ofSource, refused, "link-local"},
		{"metadata as a mapped address", at("http://[::ffff:169.254.169.254]"), seats, ofSource, refused, "link-local"},
		{"loopback", at("http://127.0.0.2:10250"), seats, ofSource, refused, "loopback"},
		{"loopback over IPv6", prometheus("http://[::1]:9090"), up, ofSource, refused, "loopback"},
		{"this machine", at("http://0.0.0.0:8080"), seats, ofSource, refused, "unspecified"},
		{"a neighbour on the link", prometheus("http://169.254.1.1:9090"), up, ofSource, refused, "link-local"},
		{"a database on the loopback", sql("127.0.0.3"), select1, ofSource, refused, "loopback"},
		{"a database at the metadata", sql("169.254.169.254"), select1, ofSource, refused, "link-local"},
		{"another cluster at the metadata", kubernetes("metadata"), pods, ofSource, refused, "link-local"},
		{"tokens from the metadata", api("") + "\nauth: {oauth2: {tokenURL: 'http://169.254.169.254/token', secretRef: {name: client}}}", seats, ofSource, refused, "link-local"},

		// Redirects.
		{"a redirect to the metadata", api(""), path("/to-metadata"), ofSource, "False/PollsFailing: ", "redirects to another host"},
		{"a redirect to another port", api(""), path("/to-other"), ofSource, "False/PollsFailing: ", "redirects to another host"},
		{"a redirect to https", api(""), path("/to-https"), ofSource, "False/PollsFailing: ", "redirects to another host"},
		{"a redirect out of the prefix", api(prefix), path("/orgs/acme/to-admin"), ofSource, "False/PollsFailing: ", "outside of /orgs/acme/"},
		{"a redirect to another token server", api("") + "\nauth: {oauth2: {tokenURL: 'http://SERVER/to-other', secretRef: {name: client}}}", seats, ofSource, "False/PollsFailing: ", "status 302"},

		// Paths.
		{"another path", api(prefix), path("/admin"), ofProgram, outside, "outside of /orgs/acme/"},
		{"the base", api(prefix), path(""), ofProgram, outside, "outside of /orgs/acme/"},
		{"a sibling", api(prefix), path("/orgs/acme-evil/seats"), ofProgram, outside, "outside of /orgs/acme/"},
		{"dots", api(prefix), path("/orgs/acme/../../admin"), ofProgram, outside, "dots"},
		{"encoded dots", api(prefix), path("/orgs/acme/%2e%2e/%2e%2e/admin"), ofProgram, outside, "dots"},
		{"dots encoded twice", api(prefix), path("/orgs/acme/%252e%252e/admin"), ofProgram, outside, "dots"},
		{"dots with encoded slashes", api(prefix), path("/orgs/acme/..%2f..%2fadmin"), ofProgram, outside, "dots"},
		{"dots with backslashes", api(prefix), path(`/orgs/acme/..\..\admin`), ofProgram, outside, "dots"},
		{"dots with parameters", api(prefix), path("/orgs/acme/..;/..;/admin"), ofProgram, outside, "dots"},
		{"doubled slashes", api(prefix), path("/orgs/acme//../admin"), ofProgram, outside, "dots"},
		{"an absolute address", api(prefix), path("http://OTHER/orgs/acme"), ofProgram, outside, "begin with a slash"},
		{"another host", api(prefix), path("//OTHER/orgs/acme"), ofProgram, outside, "not a path"},
		{"a host after an at", api(prefix), path("@OTHER/orgs/acme"), ofProgram, outside, "begin with a slash"},
		{
			"a parameter with dots", api(prefix+", headers: [{name: X-A, value: b}]") + "\nqueries: [{name: q, parameters: [{name: team}], http: {path: '/orgs/acme/{team}/seats'}}]",
			"named: {name: q, parameters: [{name: team, value: '../../admin'}]}", ofProgram, "False/InvalidQuery: ", "one segment of the path",
		},
		{
			"a parameter that is dots", api(prefix) + "\nqueries: [{name: q, parameters: [{name: team}], http: {path: '/orgs/acme/{team}/seats'}}]",
			"named: {name: q, parameters: [{name: team, value: '..'}]}", ofProgram, "False/InvalidQuery: ", "",
		},

		// What answers lead to.
		{"a next page on another host", api(""), "http: {path: /orgs/acme/seats, pagination: {next: '\"http://OTHER/page2\"'}}", ofProgram, outside, "another host"},
		{"a next page out of the prefix", api(prefix), "http: {path: /orgs/acme/seats, pagination: {next: '\"/admin\"'}}", ofProgram, outside, "outside of /orgs/acme/"},
		{"a file on another host", api(""), "http: {path: /orgs/acme/seats, downloads: {links: '[\"http://OTHER/file\"]'}}", ofProgram, outside, "downloadHosts"},
		{"a file from the metadata", api("downloadHosts: [169.254.169.254]"), "http: {path: /orgs/acme/links, downloads: {links: body}}", ofSource, refused, "link-local"},
		{"a link that the answer does not have", api("downloadHosts: [169.254.169.254]"), "http: {path: /orgs/acme/seats, downloads: {links: '[\"http://169.254.169.254/\" + body[0].body]'}}", ofProgram, outside, "stand in the answer"},
		{"a link out of the prefix", api(prefix), "http: {path: /orgs/acme/seats, downloads: {links: '[\"http://SERVER/admin\"]'}}", ofProgram, outside, "outside of /orgs/acme/"},
		{"a file of the operator", api(""), "http: {path: /orgs/acme/seats, downloads: {links: '[\"file:///etc/passwd\"]'}}", ofProgram, outside, "not on https"},

		// What is the operator's, or somebody else's.
		{"a kubeconfig with a command", kubernetes("exec"), pods, ofSource, invalid, "runs a command"},
		{"a kubeconfig with the operator's token", kubernetes("tokenfile"), pods, ofSource, invalid, "names files"},
		{"a kubeconfig with the operator's authority", kubernetes("cafile"), pods, ofSource, invalid, "names files"},
		{"a kubeconfig with a proxy", kubernetes("proxy"), pods, ofSource, invalid, "proxy"},
		{"a kubeconfig without verification", kubernetes("insecure"), pods, ofSource, invalid, "verification"},
		{"a kubeconfig without TLS", kubernetes("plain"), pods, ofSource, invalid, "https"},
		{"a Secret that does not opt in", api("") + "\nauth: {bearer: {secretKeyRef: {name: private, key: token}}}", seats, ofSource, "False/SecretNotLabelled: ", "kubectl label"},
		{"a Secret for other hosts", api("") + "\nauth: {bearer: {secretKeyRef: {name: bound, key: token}}}", seats, ofSource, "False/SecretNotForHost: ", "annotation uptake.dev/hosts"},
		{"a kubeconfig for other hosts", "type: Kubernetes\nkubernetes: {kubeconfig: {secretKeyRef: {name: bound, key: kubeconfig}}}\nqueries: [{name: q, objects: {apiVersion: v1, kind: Pod}}]", "named: {name: q}", ofSource, "False/SecretNotForHost: ", "is not for east.example.com"},
		{"a Secret that the operator may not read", api("") + "\nauth: {bearer: {secretKeyRef: {name: forbidden, key: token}}}", seats, ofSource, "False/SecretForbidden: ", "kubectl create role"},
		{"a query of one's own where only named ones are", strings.Replace(api(""), "adHoc: Allowed\n", "", 1), seats, ofProgram, outside, "named queries only"},
		{"SQL of one's own", strings.Replace(sql("db.example.com"), "adHoc: Allowed\n", "", 1), select1, ofProgram, outside, "named queries only"},
		{"a statement that writes", sql("db.example.com"), "sql: {statement: DELETE FROM users}", ofProgram, "False/InvalidQuery: ", "SELECT"},
		{"a second statement", sql("db.example.com"), "sql: {statement: 'SELECT 1 AS value; DROP TABLE users'}", ofProgram, "False/InvalidQuery: ", ""},
		{"Secrets of this cluster", at("http://SERVER"), "objects: {apiVersion: v1, kind: SecretList}", ofProgram, "False/InvalidQuery: ", "Secrets are never counted"},
	}
}

// TestEveryAttemptIsRefusedWithAClearCondition makes them all at once.
func TestEveryAttemptIsRefusedWithAClearCondition(t *testing.T) {
	shareOperator(t)
	namespace := newNamespace(t)
	var mu sync.Mutex
	var astray []string
	other := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		astray = append(astray, "OTHER is asked for "+r.URL.Path)
	}))
	t.Cleanup(other.Close)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		to := map[string]string{
			"/to-metadata": "http://169.254.169.254/latest", "/to-other": other.URL, "/to-https": "https://" + r.Host, "/orgs/acme/to-admin": "/admin",
		}[r.URL.Path]
		switch {
		case to != "":
			http.Redirect(w, r, to, http.StatusFound)
		case r.URL.Path == "/orgs/acme/links":
			_, _ = io.WriteString(w, `["http://169.254.169.254/file"]`)
		case strings.HasPrefix(r.URL.Path, "/orgs/acme/") && !strings.Contains(r.RequestURI, "admin"):
			_, _ = io.WriteString(w, `[{"body":"`+plantedBody+`"}]`)
		default:
			mu.Lock()
			defer mu.Unlock()
			astray = append(astray, "SERVER is asked for "+r.RequestURI)
		}
	}))
	t.Cleanup(server.Close)
	secretsOfAttempts(t, namespace)

	list := attempts()
	if len(list) < 25 {
		t.Fatalf("only %d attempts", len(list))
	}
	words := strings.NewReplacer("SERVER", strings.TrimPrefix(server.URL, "http://"), "OTHER", strings.TrimPrefix(other.URL, "http://"))
	for i, a := range list {
		apply(t, namespace, words.Replace(fmt.Sprintf(`
apiVersion: uptake.dev/v1alpha1
kind: UsageSource
metadata: {name: a%d}
spec:
  interval: 1s
%s
---
apiVersion: uptake.dev/v1alpha1
kind: AdoptionProgram
metadata: {name: a%d}
spec:
  objective: %s
  sourceRef: {name: a%d}
  metrics: [{name: m, dimension: Reach, query: {%s%s}}]
`, i, indented(a.source), i, a.name, i, sourceOf(a, i), a.query)))
	}
	eventually(t, 90*time.Second, "every attempt is refused", func() bool { return len(notRefused(t, namespace, list)) == 0 },
		func() string { return strings.Join(notRefused(t, namespace, list), "\n") })
	for i, a := range list {
		if m := theProgram(t, namespace, fmt.Sprintf("a%d", i)).Status.Metrics; len(m) > 0 && m[0].Value != "" {
			t.Errorf("%s: there is a value, %s", a.name, m[0].Value)
		}
	}
	mu.Lock()
	defer mu.Unlock()
	if len(astray) > 0 {
		t.Errorf("requests went astray: %s", strings.Join(astray, ", "))
	}
	fmt.Printf("Report: %d attempts to misuse sources, all refused\n", len(list))
}

// notRefused lists attempts whose condition does not say so yet.
func notRefused(t testing.TB, namespace string, list []attempt) []string {
	t.Helper()
	var left []string
	for i, a := range list {
		_, conditions := typoObject(t, a.of, namespace, fmt.Sprintf("a%d", i))
		if said := condition(conditions, "Ready"); !strings.HasPrefix(said, a.says) || !strings.Contains(said, a.words) {
			left = append(left, fmt.Sprintf("%s (a%d): want %s...%s, got %s", a.name, i, a.says, a.words, said))
		}
	}
	return left
}

func indented(text string) string { return "  " + strings.ReplaceAll(text, "\n", "\n  ") }

// sourceOf names the source where the query needs that said.
func sourceOf(a attempt, i int) string {
	if strings.Contains(a.query, "kind: Pod") {
		return fmt.Sprintf("sourceRef: {name: a%d}, ", i)
	}
	return ""
}

func secretsOfAttempts(t *testing.T, namespace string) {
	t.Helper()
	kubeconfig := func(cluster, user string) string {
		return fmt.Sprintf("apiVersion: v1\nkind: Config\ncurrent-context: c\ncontexts: [{name: c, context: {cluster: c, user: u}}]\n"+
			"clusters: [{name: c, cluster: {%s}}]\nusers: [{name: u, user: {%s}}]\n", cluster, user)
	}
	const server, token = "server: 'https://east.example.com'", "token: " + plantedCredential
	secretFor(t, namespace, "kubeconfigs", map[string]string{
		"metadata":  kubeconfig("server: 'https://169.254.169.254'", token),
		"exec":      kubeconfig(server, "exec: {apiVersion: client.authentication.k8s.io/v1, command: /bin/sh, interactiveMode: Never}"),
		"tokenfile": kubeconfig(server, "tokenFile: /var/run/secrets/kubernetes.io/serviceaccount/token"),
		"cafile":    kubeconfig(server+", certificate-authority: /etc/passwd", token),
		"proxy":     kubeconfig(server+", proxy-url: 'http://169.254.169.254'", token),
		"insecure":  kubeconfig(server+", insecure-skip-tls-verify: true", token),
		"plain":     kubeconfig("server: 'http://east.example.com'", token),
	})
	secretFor(t, namespace, "login", map[string]string{"username": "u", "password": plantedCredential})
	secretFor(t, namespace, "client", map[string]string{"client_id": "id", "client_secret": plantedCredential})
	private := secretFor(t, namespace, "private", map[string]string{"token": plantedCredential})
	change(t, private, namespace, "private", `{"metadata":{"labels":null}}`)
	bound := secretFor(t, namespace, "bound", map[string]string{"token": plantedCredential, "kubeconfig": kubeconfig(server, token)})
	change(t, bound, namespace, "bound", `{"metadata":{"annotations":{"uptake.dev/hosts":"api.example.com, *.west.example.com"}}}`)
	forbidden := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "forbidden", Labels: map[string]string{v1alpha1.SecretLabel: "true"}},
		StringData: map[string]string{"token": plantedCredential},
	}
	create(t, forbidden)
}

// secretFor makes a Secret that opts in and that the operator may read.
func secretFor(t testing.TB, namespace, name string, data map[string]string) *corev1.Secret {
	t.Helper()
	secret := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name, Labels: map[string]string{v1alpha1.SecretLabel: "true"}}, StringData: data,
	}
	for _, o := range []client.Object{
		secret,
		&rbacv1.Role{
			ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "uptake-" + name},
			Rules:      []rbacv1.PolicyRule{{APIGroups: []string{""}, Resources: []string{"secrets"}, ResourceNames: []string{name}, Verbs: []string{"get"}}},
		},
		&rbacv1.RoleBinding{
			ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "uptake-" + name},
			RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: "uptake-" + name},
			Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: "uptake-system", Name: "uptake-operator"}},
		},
	} {
		create(t, o)
	}
	return secret
}
