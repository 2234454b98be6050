// SPDX-License-Identifier: Apache-2.0

package objects

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/uptake-dev/uptake/api/v1alpha1"
	"github.com/uptake-dev/uptake/internal/source"
)

// cluster is what a test does to the API server, as its administrator.
type cluster struct {
	t      *testing.T
	client client.Client
}

func theCluster(t *testing.T) cluster {
	t.Helper()
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{corev1.AddToScheme, apiextensionsv1.AddToScheme} {
		if err := add(scheme); err != nil {
			t.Fatal(err)
		}
	}
	admin, err := client.New(thePlane(t).Config, client.Options{Scheme: scheme})
	if err != nil {
		t.Fatal(err)
	}
	return cluster{t, admin}
}

func (c cluster) create(object client.Object) {
	c.t.Helper()
	if err := c.client.Create(c.t.Context(), object); err != nil {
		c.t.Fatalf("creating %s: %v", object.GetName(), err)
	}
}

func (c cluster) delete(object client.Object) {
	c.t.Helper()
	if err := c.client.Delete(c.t.Context(), object); err != nil {
		c.t.Fatalf("deleting %s: %v", object.GetName(), err)
	}
}

func (c cluster) namespace(name string, labels map[string]string) {
	c.t.Helper()
	labels = maps.Clone(labels)
	if labels == nil {
		labels = map[string]string{}
	}
	labels["suite"] = suiteOf(c.t)
	c.create(&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: labels}})
}

// suiteOf is a label that keeps what tests count apart.
func suiteOf(t *testing.T) string {
	name := strings.ToLower(t.Name())
	return name[max(0, len(name)-60):]
}

func ofThisTest(t *testing.T) *metav1.LabelSelector {
	return &metav1.LabelSelector{MatchLabels: map[string]string{"suite": suiteOf(t)}}
}

func configMap(namespace, name string, labels map[string]string, data ...string) *corev1.ConfigMap {
	content := map[string]string{}
	for i := 0; i+1 < len(data); i += 2 {
		content[data[i]] = data[i+1]
	}
	return &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name, Labels: labels}, Data: content}
}

func configMaps() v1alpha1.ObjectsQuery {
	return v1alpha1.ObjectsQuery{APIVersion: "v1", Kind: "ConfigMap"}
}

// route is a kind of a CustomResourceDefinition that a test installs itself.
type route struct{ group, kind, plural string }

func aRoute(t *testing.T) route {
	t.Helper()
	sum := 0
	for _, r := range t.Name() {
		sum = (sum*31 + int(r)) % 1_000_000
	}
	return route{fmt.Sprintf("t%d.example.com", sum), "Route", "routes"}
}

func (r route) definition() *apiextensionsv1.CustomResourceDefinition {
	preserve := true
	return &apiextensionsv1.CustomResourceDefinition{
		ObjectMeta: metav1.ObjectMeta{Name: r.plural + "." + r.group},
		Spec: apiextensionsv1.CustomResourceDefinitionSpec{
			Group: r.group,
			Names: apiextensionsv1.CustomResourceDefinitionNames{Kind: r.kind, Plural: r.plural},
			Scope: apiextensionsv1.NamespaceScoped,
			Versions: []apiextensionsv1.CustomResourceDefinitionVersion{{
				Name: "v1", Served: true, Storage: true,
				Schema: &apiextensionsv1.CustomResourceValidation{OpenAPIV3Schema: &apiextensionsv1.JSONSchemaProps{
					Type: "object", XPreserveUnknownFields: &preserve,
				}},
			}},
		},
	}
}

func (r route) query() v1alpha1.ObjectsQuery {
	return v1alpha1.ObjectsQuery{APIVersion: r.group + "/v1", Kind: r.kind}
}

func (r route) object(namespace, name string) *unstructured.Unstructured {
	object := &unstructured.Unstructured{}
	object.SetGroupVersionKind(schema.GroupVersionKind{Group: r.group, Version: "v1", Kind: r.kind})
	object.SetNamespace(namespace)
	object.SetName(name)
	return object
}

func (c cluster) install(r route) {
	c.t.Helper()
	c.create(r.definition())
	c.eventually("the kind is established", func() bool {
		err := c.client.Create(c.t.Context(), r.object("default", "probe"))
		if err != nil && !apierrors.IsAlreadyExists(err) {
			return false
		}
		return client.IgnoreNotFound(c.client.Delete(c.t.Context(), r.object("default", "probe"))) == nil
	})
}

func (c cluster) eventually(what string, holds func() bool) {
	c.t.Helper()
	eventually(c.t, what, holds)
}

func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for range 600 {
		if holds() {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatalf("never: %s", what)
}

func aCounter(t *testing.T, config *rest.Config) *Counter {
	t.Helper()
	counter, err := New(config, Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(counter.Close)
	return counter
}

func theQuery(t *testing.T, counter *Counter, spec v1alpha1.ObjectsQuery, segmentBy *v1alpha1.SegmentBy) source.Asker {
	t.Helper()
	asker, err := counter.Query(spec, segmentBy)
	if err != nil {
		t.Fatalf("the query is refused: %v", err)
	}
	return asker
}

const patience = 10 * time.Second

func ask(t *testing.T, asker source.Asker) (source.Answer, *source.Error) {
	t.Helper()
	return askWithin(t, asker, patience)
}

func askWithin(t *testing.T, asker source.Asker, within time.Duration) (source.Answer, *source.Error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), within)
	defer cancel()
	answer, err := asker.Ask(ctx)
	if err == nil {
		if !answer.Complete {
			t.Errorf("a count that does not claim to be complete")
		}
		return answer, nil
	}
	var failure *source.Error
	if !errors.As(err, &failure) {
		t.Fatalf("an unclassified error: %v", err)
	}
	return answer, failure
}

// counted returns the number of an unsegmented answer.
func counted(t *testing.T, asker source.Asker) int {
	t.Helper()
	answer, failure := ask(t, asker)
	if failure != nil {
		t.Fatalf("no count: %v", failure)
	}
	if answer.Segmented || len(answer.Rows) != 1 || answer.Rows[0].Segment != "" {
		t.Fatalf("not one number: %+v", answer)
	}
	return int(answer.Rows[0].Value)
}

// segments returns the numbers of a segmented answer.
func segments(t *testing.T, asker source.Asker) map[string]int {
	t.Helper()
	answer, failure := ask(t, asker)
	if failure != nil {
		t.Fatalf("no count: %v", failure)
	}
	if !answer.Segmented {
		t.Fatalf("not segmented: %+v", answer)
	}
	numbers := map[string]int{}
	for _, row := range answer.Rows {
		numbers[row.Segment] = int(row.Value)
	}
	return numbers
}

func wantFailure(t *testing.T, failure *source.Error, class source.Class, words ...string) {
	t.Helper()
	if failure == nil || failure.Class != class {
		t.Fatalf("want %s, got %v (%+v)", class, failure, failure)
	}
	for _, word := range words {
		if !strings.Contains(failure.Message, word) {
			t.Errorf("the message does not say %q: %s", word, failure.Message)
		}
	}
}

// line is the way to the API server; it can be cut.
type line struct {
	mu       sync.Mutex
	isCut    bool
	isFrozen atomic.Bool
	open     map[net.Conn]struct{}
}

// frozen is a connection on which nothing comes any more, and nobody says so.
type frozen struct {
	net.Conn
	line *line
}

func (f frozen) Read(to []byte) (int, error) {
	for {
		n, err := f.Conn.Read(to)
		if err != nil || !f.line.isFrozen.Load() {
			return n, err
		}
	}
}

func aLine(config *rest.Config) (*line, *rest.Config) {
	l := &line{open: map[net.Conn]struct{}{}}
	config = rest.CopyConfig(config)
	config.Dial = l.dial
	return l, config
}

func (l *line) dial(ctx context.Context, network, address string) (net.Conn, error) {
	l.mu.Lock()
	isCut := l.isCut
	l.mu.Unlock()
	if isCut {
		address = "127.0.0.1:1" // nobody listens there
	}
	connection, err := (&net.Dialer{}).DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.open[connection] = struct{}{}
	return frozen{connection, l}, nil
}

func (l *line) cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.isCut = true
	for connection := range l.open {
		_ = connection.Close()
		delete(l.open, connection)
	}
}

func (l *line) mend() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.isCut = false
}

func objectKey(namespace, name string) client.ObjectKey {
	return client.ObjectKey{Namespace: namespace, Name: name}
}

// ofSuite selects what the test of that name created, for its subtests.
func (c cluster) ofSuite(test string) *metav1.LabelSelector {
	name := strings.ToLower(test)
	return &metav1.LabelSelector{MatchLabels: map[string]string{"suite": name[max(0, len(name)-60):]}}
}

func gvkOf(apiVersion, kind string) schema.GroupVersionKind {
	return schema.FromAPIVersionAndKind(apiVersion, kind)
}

func secrets() Resource {
	return Resource{GroupVersionResource: schema.GroupVersionResource{Version: "v1", Resource: "secrets"}, Kind: "Renamed"}
}
