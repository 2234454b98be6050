// SPDX-License-Identifier: Apache-2.0

package source

import (
	"time"

	"github.com/uptake-dev/uptake/api/v1alpha1"
)

// Driver connects to one type of source. It makes nothing but what it is given:
// no request is sent before something is asked. The error is an *Error of class
// InvalidQuery that says what is wrong with the settings.
type Driver func(Settings) (Connection, error)

// Connection is one source with its credentials. It is safe for concurrent use,
// and what it keeps open is pooled until it is closed.
type Connection interface {
	// Asker prepares a question. The error is an *Error of class InvalidQuery, or
	// NotAllowed when the source's administrator does not allow it.
	Asker(Question) (Asker, error)
	// Close gives up what is idle. Questions under way end undisturbed.
	Close()
}

// Renewer is a Connection that keeps what it was told, and can forget it, so that the
// next question is answered with what is there then.
type Renewer interface{ Renew() }

// Settings are what a connection is made of. A new connection is made whenever
// any of them changes, a rotated credential included.
type Settings struct {
	// Name of the source, for messages.
	Name string
	// Prometheus, HTTP, SQL and Kubernetes say where the source is; one is set.
	Prometheus *v1alpha1.PrometheusSource
	HTTP       *v1alpha1.HTTPSource
	SQL        *v1alpha1.SQLSource
	Kubernetes *v1alpha1.KubernetesSource
	// Credentials have been read from Secrets.
	Credentials Credentials
	// AllowPlaintext lets credentials go over connections that are not encrypted.
	AllowPlaintext bool
	// TLS says whom to trust.
	TLS TLS
	// Guard refuses addresses that no source may have.
	Guard Guard
	// Now is the clock.
	Now func() time.Time
}

// Credentials are what a source is shown. At most one way is set.
type Credentials struct {
	// Username and Password of basic authentication, or of a database.
	Username, Password string
	// Token is a bearer token.
	Token string
	// HeaderName and HeaderValue are a key in a header of its own.
	HeaderName, HeaderValue string
	// OAuth2 is the client credentials grant.
	OAuth2 *OAuth2
	// Kubeconfig is how to reach another cluster.
	Kubeconfig []byte
}

// OAuth2 is a client that gets tokens for itself.
type OAuth2 struct {
	TokenURL, ClientID, ClientSecret, Audience string
	Scopes                                     []string
}

// TLS says whom to trust and who the operator is.
type TLS struct {
	// CA holds certificates to trust, in PEM; empty: the system's.
	CA []byte
	// Certificate and Key are the operator's own, in PEM; empty: none.
	Certificate, Key []byte
	// ServerName is the name in the server's certificate; empty: that of the address.
	ServerName string
}

// Question is a query in the source's own language. One of Prometheus, HTTP, SQL
// and Objects is set.
type Question struct {
	Prometheus *v1alpha1.PrometheusQuery
	HTTP       *v1alpha1.NamedHTTPQuery
	SQL        *v1alpha1.SQLQuery
	Objects    *v1alpha1.ObjectsQuery
	// SegmentBy divides the answer, for the languages that do not say it themselves.
	SegmentBy *v1alpha1.SegmentBy
	// WithholdNames says that the question is a program's own, and that the source's
	// administrator does not let it show names that the program has not declared: it
	// could make names of any text of the answer.
	WithholdNames bool
	// Parameters of a named query, in the order in which it declares them. They are
	// bound, never spliced.
	Parameters []Parameter
}

// Parameter has a value for one poll.
type Parameter struct{ Name, Value string }

// ParameterMap returns parameters by name, as CEL sees them.
func ParameterMap(parameters []Parameter) map[string]string {
	byName := make(map[string]string, len(parameters))
	for _, p := range parameters {
		byName[p.Name] = p.Value
	}
	return byName
}

// Mismatch says that a question is not in the language of a source.
func Mismatch(name, language string) *Error {
	return &Error{Class: InvalidQuery, Message: name + " is asked with " + language + " queries: choose another source, or another kind of query"}
}
