// SPDX-License-Identifier: Apache-2.0

package conformance

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/uptake-dev/uptake/api/v1alpha1"
	"github.com/uptake-dev/uptake/internal/controlplane"
	"github.com/uptake-dev/uptake/internal/source"
	suite "github.com/uptake-dev/uptake/internal/source/conformance"
	"github.com/uptake-dev/uptake/internal/source/objects"
)

// counted is the label of the 42 ConfigMaps that a rig counts.
const counted = "counted-by"

// conditions give something that is neither true nor false.
var conditions = map[suite.Fault]string{
	suite.NaN:      "dyn(0.0 / 0.0)",
	suite.Inf:      "dyn(1.0 / 0.0)",
	suite.Negative: "dyn(-42)",
}

// cluster is a real API server with gates in front of it.
type cluster struct {
	plane *controlplane.ControlPlane
	admin kubernetes.Interface
	// namespace of a rig's own, whose name is also the label of what it counts.
	namespace string
}

func theCluster(t *testing.T, plane *controlplane.ControlPlane) cluster {
	t.Helper()
	config := rest.CopyConfig(plane.Config)
	config.QPS = -1
	admin, err := kubernetes.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	namespace, err := admin.CoreV1().Namespaces().Create(t.Context(), &corev1.Namespace{
		ObjectMeta: metav1.ObjectMeta{GenerateName: "conformance-"},
	}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return cluster{plane, admin, namespace.Name}
}

// fill makes the ConfigMaps that are counted.
func (c cluster) fill(t *testing.T, rig string) {
	t.Helper()
	for i := range suite.Number {
		_, err := c.admin.CoreV1().ConfigMaps(c.namespace).Create(t.Context(), &corev1.ConfigMap{
			ObjectMeta: metav1.ObjectMeta{
				Name:        fmt.Sprintf("%s-%d", rig, i),
				Labels:      map[string]string{counted: c.namespace},
				Annotations: map[string]string{"note": suite.Marker},
			},
			Data: map[string]string{"seats": "1", "note": suite.Marker},
		}, metav1.CreateOptions{})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// change changes the data of a ConfigMap, also when the test has ended.
func (c cluster) change(t *testing.T, name string, data map[string]any) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 10*time.Second)
	defer cancel()
	patch, err := json.Marshal(map[string]any{"data": data})
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.admin.CoreV1().ConfigMaps(c.namespace).Patch(ctx, name, types.MergePatchType, patch, metav1.PatchOptions{})
	if err != nil {
		t.Fatal(err)
	}
}

// server is the API server as one case sees it: through a gate with TLS, and
// upstream as an administrator for who has the right token. Who has another one
// is left to the real server, as is what somebody without rights may do.
type server struct {
	*suite.Gate
	t       *testing.T
	known   *httputil.ReverseProxy
	unknown *httputil.ReverseProxy

	mu          sync.Mutex
	token       string
	impersonate string
	flooded     bool
}

func (c cluster) open(t *testing.T) *server {
	t.Helper()
	at, err := url.Parse(c.plane.Config.Host)
	if err != nil {
		t.Fatal(err)
	}
	if at.Host == "" {
		at = &url.URL{Scheme: "https", Host: c.plane.Config.Host}
	}
	s := &server{t: t, token: suite.OldToken}
	s.known = proxyTo(t, at, c.plane.Config)
	s.unknown = proxyTo(t, at, rest.AnonymousClientConfig(c.plane.Config))
	s.Gate = suite.Open(t, s, "", httptest.NewTLSServer)
	return s
}

// proxyTo makes a reverse proxy whose connections end with the test.
func proxyTo(t *testing.T, at *url.URL, as *rest.Config) *httputil.ReverseProxy {
	t.Helper()
	trust, err := rest.TLSConfigFor(as)
	if err != nil {
		t.Fatal(err)
	}
	upstream := &http.Transport{TLSClientConfig: trust}
	t.Cleanup(upstream.CloseIdleConnections)
	return &httputil.ReverseProxy{
		Rewrite:       func(r *httputil.ProxyRequest) { r.SetURL(at) },
		Transport:     upstream,
		FlushInterval: -1, // watches
		ErrorHandler:  func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) },
	}
}

// ServeHTTP implements http.Handler, behind the gate.
func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	token, impersonate := s.token, s.impersonate
	flooded := s.flooded && r.URL.Query().Get("watch") != ""
	s.mu.Unlock()
	if flooded {
		flood(w)
		return
	}
	if r.Header.Get("Authorization") != "Bearer "+token {
		s.unknown.ServeHTTP(w, r)
		return
	}
	r.Header.Del("Authorization")
	if impersonate != "" {
		r.Header.Set("Impersonate-User", impersonate)
	}
	s.known.ServeHTTP(w, r)
}

// accept has another token accepted.
func (s *server) accept(token string) {
	s.mu.Lock()
	s.token = token
	s.mu.Unlock()
	s.HangUp()
}

// floods has lists and streams of ConfigMaps that do not end, and nothing else wrong.
func (s *server) floods() {
	s.mu.Lock()
	s.flooded = true
	s.mu.Unlock()
	s.Show(suite.Huge, func(r *http.Request) bool {
		return strings.HasSuffix(r.URL.Path, "/configmaps") && r.URL.Query().Get("watch") == ""
	})
}

// begin begins a fault of who asks, which the real API server shows, or one of HTTP.
func (s *server) begin(fault suite.Fault, connect func(token string) source.Asker) suite.Case {
	made := suite.Case{Asker: connect(suite.OldToken), Secrets: []string{suite.OldToken, suite.NewToken}}
	switch fault {
	case suite.BadCredentials:
		s.accept(suite.NewToken)
		made.Shown = "a token that the API server does not know"
	case suite.Forbidden:
		s.mu.Lock()
		s.impersonate = "nobody"
		s.mu.Unlock()
		made.Shown = "an account that the API server does not let"
	case suite.Rotated:
		made.Begin = func() { s.accept(suite.NewToken) }
		made.Renewed = func() source.Asker { return connect(suite.NewToken) }
		made.Shown = "the API server does not know the token any more"
	case suite.Missing:
		// What is asked for is not there.
	default:
		made = s.Case(fault, made.Asker)
	}
	return made
}

func (s *server) config(token string) *rest.Config {
	return &rest.Config{
		Host: s.URL, BearerToken: token, QPS: -1,
		TLSClientConfig: rest.TLSClientConfig{CAData: s.Authority()},
	}
}

// kubernetesRig counts in another cluster, by a kubeconfig.
func kubernetesRig(t *testing.T, plane *controlplane.ControlPlane) suite.Rig {
	t.Helper()
	const name = "kubernetes"
	c := theCluster(t, plane)
	c.fill(t, name)
	return suite.Rig{Name: name, Play: func(t *testing.T, fault suite.Fault) suite.Case {
		s := c.open(t)
		query, shown := c.countQuery(fault)
		if fault == suite.SchemaChange {
			query.Where = `object.data.seats == "1"`
		}
		made := s.begin(fault, func(token string) source.Asker {
			return suite.Asker(t, objects.Connect, source.Settings{
				Name: "UsageSource/test/kubernetes", Guard: suite.Loopback, Now: time.Now,
				Credentials: source.Credentials{Kubeconfig: s.kubeconfig(token)},
			}, source.Question{Objects: &query})
		})
		if fault == suite.SchemaChange {
			made.Begin = func() { c.change(t, name+"-0", map[string]any{"seats": nil}) }
			t.Cleanup(func() { c.change(t, name+"-0", map[string]any{"seats": "1"}) })
			shown = "a field of one object is removed"
		}
		if shown != "" {
			made.Shown = shown
		}
		return made
	}}
}

// objectsRig counts in the operator's own cluster.
func objectsRig(t *testing.T, plane *controlplane.ControlPlane) suite.Rig {
	t.Helper()
	const name = "objects"
	c := theCluster(t, plane)
	c.fill(t, name)
	return suite.Rig{Name: name, Play: func(t *testing.T, fault suite.Fault) suite.Case {
		s := c.open(t)
		query, shown := c.countQuery(fault)
		if fault == suite.SchemaChange {
			query.Where = `int(object.data.seats) == 1`
		}
		made := s.begin(fault, func(token string) source.Asker {
			counter, err := objects.New(s.config(token), objects.Options{MostBytes: 4 << 20})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(counter.Close)
			asker, err := counter.Query(query, nil)
			if err != nil {
				t.Fatal(err)
			}
			return asker
		})
		switch fault {
		case suite.SchemaChange:
			made.Begin = func() { c.change(t, name+"-0", map[string]any{"seats": suite.Marker}) }
			t.Cleanup(func() { c.change(t, name+"-0", map[string]any{"seats": "1"}) })
			shown = "a field of one object becomes a text"
		case suite.Huge:
			s.floods()
			shown = "a stream of objects that does not end"
		default:
		}
		if shown != "" {
			made.Shown = shown
		}
		return made
	}}
}

// countQuery is what is asked under a fault, and how that shows the fault.
func (c cluster) countQuery(fault suite.Fault) (query v1alpha1.ObjectsQuery, shown string) {
	query = v1alpha1.ObjectsQuery{
		APIVersion: "v1", Kind: "ConfigMap",
		LabelSelector: &metav1.LabelSelector{MatchLabels: map[string]string{counted: c.namespace}},
		Where:         conditions[fault],
	}
	switch fault {
	case suite.Success:
		return query, "42 ConfigMaps on a real API server"
	case suite.Empty:
		query.LabelSelector.MatchLabels[counted] = "nobody"
		return query, "no such object on a real API server"
	case suite.Missing:
		query.Kind = "Elephant"
		return query, "a kind that the API server does not serve"
	case suite.NaN, suite.Inf, suite.Negative:
		return query, "where: " + query.Where
	default:
		return query, ""
	}
}

func (s *server) kubeconfig(token string) []byte {
	s.t.Helper()
	config := clientcmdapi.NewConfig()
	config.Clusters["c"] = &clientcmdapi.Cluster{Server: s.URL, CertificateAuthorityData: s.Authority()}
	config.AuthInfos["u"] = &clientcmdapi.AuthInfo{Token: token}
	config.Contexts["x"] = &clientcmdapi.Context{Cluster: "c", AuthInfo: "u"}
	config.CurrentContext = "x"
	text, err := clientcmd.Write(*config)
	if err != nil {
		s.t.Fatal(err)
	}
	return text
}

// flood is a watch whose initial events do not end: each is small, and most of it
// nothing that is kept.
func flood(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "application/json")
	padding := strings.Repeat(suite.Marker, 1000)
	for i := 0; ; i++ {
		_, err := fmt.Fprintf(w, `{"type":"ADDED","object":{"apiVersion":"meta.k8s.io/v1","kind":"PartialObjectMetadata",`+
			`"metadata":{"name":"c%d","namespace":"default","resourceVersion":"1","annotations":{"note":%q}}}}`+"\n", i, padding)
		if err != nil {
			return
		}
	}
}
