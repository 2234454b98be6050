// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"errors"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/uptake-dev/uptake/api/v1alpha1"
)

const aKubeconfig = `{"apiVersion":"v1","kind":"Config","current-context":"c",
"contexts":[{"name":"c","context":{"cluster":"c","user":"u"}}],"users":[{"name":"u","user":{"token":"t"}}],
"clusters":[{"name":"c","cluster":{"server":"https://east.example.com:6443"}}]}`

// A Secret goes to the hosts that it is bound to, and to no others.
func TestASecretIsSentToItsOwnHosts(t *testing.T) {
	ref, key := v1alpha1.LocalRef{Name: "s"}, v1alpha1.KeyRef{Name: "s", Key: "token"}
	bearer := &v1alpha1.SourceAuth{Bearer: &v1alpha1.BearerAuth{SecretKeyRef: key}}
	basic := &v1alpha1.SourceAuth{Basic: &v1alpha1.BasicAuth{SecretRef: ref}}
	http := func(url string, auth *v1alpha1.SourceAuth) v1alpha1.SourceSettings {
		return v1alpha1.SourceSettings{HTTP: &v1alpha1.HTTPSource{URL: url}, Auth: auth}
	}
	grant := func(url, tokenURL string) v1alpha1.SourceSettings {
		return http(url, &v1alpha1.SourceAuth{OAuth2: &v1alpha1.OAuth2Auth{TokenURL: tokenURL, SecretRef: ref}})
	}
	sql := func(engine v1alpha1.SQLEngine, host string, port int32) v1alpha1.SourceSettings {
		return v1alpha1.SourceSettings{SQL: &v1alpha1.SQLSource{Engine: engine, Host: host, Port: port}, Auth: basic}
	}
	cluster := v1alpha1.SourceSettings{Kubernetes: &v1alpha1.KubernetesSource{Kubeconfig: v1alpha1.KubeconfigSource{SecretKeyRef: key}}}
	certificate := http("https://api.example.com", nil)
	certificate.TLS = &v1alpha1.SourceTLS{Certificate: &v1alpha1.CertificateSource{SecretRef: ref}}
	authority := http("https://api.example.com", nil)
	authority.TLS = &v1alpha1.SourceTLS{CA: &v1alpha1.CASource{SecretKeyRef: &key}}

	for name, test := range map[string]struct {
		hosts string
		spec  v1alpha1.SourceSettings
		not   string // the host that it is not for
	}{
		"its host":                 {"api.example.com", http("https://api.example.com/x", bearer), ""},
		"one of several":           {"a.example.com, api.example.com", http("https://API.example.com.", bearer), ""},
		"of a family":              {"*.example.com", http("https://api.example.com", bearer), ""},
		"not below a family":       {"*.example.com", http("https://a.b.example.com", bearer), "a.b.example.com"},
		"another host":             {"api.example.com", http("https://evil.example.net", bearer), "evil.example.net"},
		"a host that begins so":    {"api.example.com", http("https://api.example.com.evil.net", bearer), "api.example.com.evil.net"},
		"another port":             {"api.example.com", http("https://api.example.com:8443", bearer), "api.example.com:8443"},
		"its port":                 {"api.example.com:8443", http("https://api.example.com:8443", bearer), ""},
		"nowhere":                  {"", http("https://api.example.com", bearer), "api.example.com"},
		"Prometheus":               {"p.example.com", v1alpha1.SourceSettings{Prometheus: &v1alpha1.PrometheusSource{URL: "https://q.example.com"}, Auth: basic}, "q.example.com"},
		"tokens of its own":        {"api.example.com,login.example.com", grant("https://api.example.com", "https://login.example.com/t"), ""},
		"another's tokens":         {"api.example.com", grant("https://api.example.com", "https://evil.example.net/t"), "evil.example.net"},
		"tokens sent elsewhere":    {"login.example.com", grant("https://evil.example.net", "https://login.example.com/t"), "evil.example.net"},
		"a database":               {"db.example.com", sql(v1alpha1.SQLEnginePostgreSQL, "db.example.com", 0), ""},
		"a database at its port":   {"db.example.com:3306", sql(v1alpha1.SQLEngineMySQL, "db.example.com", 3306), ""},
		"a database, another port": {"db.example.com", sql(v1alpha1.SQLEnginePostgreSQL, "db.example.com", 5433), "db.example.com:5433"},
		"another database":         {"db.example.com", sql(v1alpha1.SQLEngineMySQL, "evil.example.net", 0), "evil.example.net"},
		"a database by address":    {"[2001:db8::1]", sql(v1alpha1.SQLEnginePostgreSQL, "2001:db8::1", 0), ""},
		"a cluster":                {"east.example.com:6443", cluster, ""},
		"another cluster":          {"west.example.com:6443", cluster, "east.example.com:6443"},
		"a certificate":            {"evil.example.net", certificate, "api.example.com"},
		"an authority":             {"evil.example.net", authority, ""},
	} {
		secret := &corev1.Secret{
			ObjectMeta: metav1.ObjectMeta{
				Namespace: "ns", Name: "s", Labels: map[string]string{v1alpha1.SecretLabel: "true"},
				Annotations: map[string]string{v1alpha1.SecretHostsAnnotation: test.hosts},
			},
			Data: map[string][]byte{"token": []byte(aKubeconfig)},
		}
		for _, key := range []string{"username", "password", "client_id", "client_secret", "tls.crt", "tls.key"} {
			secret.Data[key] = []byte("x")
		}
		live := fake.NewClientBuilder().WithObjects(secret).Build()
		_, err := credentials{live: live, namespace: "ns", operator: "op"}.settingsFor(t.Context(), "x", &test.spec)
		var problem *credentialProblem
		switch {
		case test.not == "" && err != nil:
			t.Errorf("%s: %v", name, err)
		case test.not != "" && (!errors.As(err, &problem) || problem.reason != v1alpha1.ReasonSecretNotForHost):
			t.Errorf("%s: the Secret is sent: %v", name, err)
		case test.not != "" && !strings.Contains(problem.message, "Secret ns/s is not for "+test.not+": its annotation uptake.dev/hosts"):
			t.Errorf("%s: %s", name, problem.message)
		}
		secret.Annotations = nil
		live = fake.NewClientBuilder().WithObjects(secret).Build()
		if _, err := (credentials{live: live, namespace: "ns"}).settingsFor(t.Context(), "x", &test.spec); err != nil {
			t.Errorf("%s, without the annotation: %v", name, err)
		}
	}
}
