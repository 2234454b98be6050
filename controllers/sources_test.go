// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"errors"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/uptake-dev/uptake/api/v1alpha1"
	"github.com/uptake-dev/uptake/internal/poll"
	"github.com/uptake-dev/uptake/internal/source"
)

// stored is a store without rules; test/operator has the real API server.
func stored(t *testing.T, objects ...client.Object) client.Client {
	t.Helper()
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{corev1.AddToScheme, v1alpha1.AddToScheme} {
		if err := add(scheme); err != nil {
			t.Fatal(err)
		}
	}
	return fake.NewClientBuilder().WithScheme(scheme).WithObjects(objects...).Build()
}

func TestACredentialThatIsEmptyIsNotLeftOut(t *testing.T) {
	secret := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "s", Labels: map[string]string{v1alpha1.SecretLabel: "true"}},
		Data:       map[string][]byte{"token": []byte("\n"), "username": {}, "password": {}, "tls.crt": {}, "tls.key": {}, "client_id": []byte("x"), "client_secret": {}},
	}
	authority := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "ca"}, Data: map[string]string{"ca.crt": "  \n"}}
	live := stored(t, secret, authority)
	key := v1alpha1.KeyRef{Name: "s", Key: "token"}
	for name, settings := range map[string]*v1alpha1.SourceSettings{
		"bearer":      {Auth: &v1alpha1.SourceAuth{Bearer: &v1alpha1.BearerAuth{SecretKeyRef: key}}},
		"basic":       {Auth: &v1alpha1.SourceAuth{Basic: &v1alpha1.BasicAuth{SecretRef: v1alpha1.LocalRef{Name: "s"}}}},
		"header":      {Auth: &v1alpha1.SourceAuth{Header: &v1alpha1.HeaderAuth{Name: "X-Key", SecretKeyRef: key}}},
		"oauth2":      {Auth: &v1alpha1.SourceAuth{OAuth2: &v1alpha1.OAuth2Auth{SecretRef: v1alpha1.LocalRef{Name: "s"}}}},
		"authority":   {TLS: &v1alpha1.SourceTLS{CA: &v1alpha1.CASource{ConfigMapKeyRef: &v1alpha1.KeyRef{Name: "ca", Key: "ca.crt"}}}},
		"certificate": {TLS: &v1alpha1.SourceTLS{Certificate: &v1alpha1.CertificateSource{SecretRef: v1alpha1.LocalRef{Name: "s"}}}},
		"kubeconfig":  {Kubernetes: &v1alpha1.KubernetesSource{Kubeconfig: v1alpha1.KubeconfigSource{SecretKeyRef: key}}},
	} {
		_, err := credentials{live: live, namespace: "ns", operator: "op"}.settingsFor(t.Context(), "x", settings)
		var problem *credentialProblem
		if !errors.As(err, &problem) || problem.reason != v1alpha1.ReasonKeyNotFound {
			t.Errorf("%s is empty, and the source would be asked without it: %v", name, err)
		}
	}
}

func TestASourceThatCannotBeSetUpIsNotTheProgramsMistake(t *testing.T) {
	e := NewEndpoints(nil, source.Guard{}, time.Now)
	e.Fail("k", source.Errorf(source.Unavailable, "k: the CA holds no certificate in PEM"))
	_, err := e.Asker("k", source.Question{}).Ask(t.Context())
	m := measured(poll.Measurement{Err: source.AsError(err), Failures: 1}, time.Minute)
	if m.Problem == nil || m.Problem.Reason != "" {
		t.Errorf("%+v", m.Problem)
	}
}

func TestANamespaceThatIsNotPickedAnyMoreIsServedNoLonger(t *testing.T) {
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "ns", Labels: map[string]string{"uptake": "enabled"}}}
	shared := &v1alpha1.ClusterUsageSource{
		ObjectMeta: metav1.ObjectMeta{Name: "m", UID: "u", Generation: 1},
		Spec: v1alpha1.ClusterUsageSourceSpec{
			SourceSettings: v1alpha1.SourceSettings{Type: v1alpha1.SourceTypePrometheus, Prometheus: &v1alpha1.PrometheusSource{URL: "https://x"}},
			AdHoc:          v1alpha1.AdHocAllowed,
			AllowedNamespaces: v1alpha1.AllowedNamespaces{
				From: v1alpha1.AllowedFromSelector, Selector: &metav1.LabelSelector{MatchLabels: ns.Labels},
			},
		},
	}
	c := stored(t, ns, shared)
	scheduler := poll.New(poll.Options{Clock: clock.RealClock{}})
	planner := &Planner{Cache: c, Scheduler: scheduler, Clock: clock.RealClock{}, Endpoints: NewEndpoints(nil, source.Guard{}, time.Now)}
	program := &v1alpha1.AdoptionProgram{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "p", UID: "p", Generation: 1}}
	program.Spec.Metrics = []v1alpha1.Metric{{Name: "a", Query: &v1alpha1.Query{
		SourceRef: &v1alpha1.SourceRef{Kind: v1alpha1.SourceKindCluster, Name: "m"}, Prometheus: &v1alpha1.PrometheusQuery{Expr: "up"},
	}}}
	planner.Measurements(t.Context(), program)
	if n := scheduler.SourceState("ClusterUsageSource/m").Queries; n != 1 {
		t.Fatalf("%d queries are planned", n)
	}
	ns.Labels = nil
	if err := c.Update(t.Context(), ns); err != nil {
		t.Fatal(err)
	}
	got := planner.Measurements(t.Context(), program)["spec.metrics[a].query"]
	if n := scheduler.SourceState("ClusterUsageSource/m").Queries; n != 0 || got.Problem == nil || got.Problem.Reason != v1alpha1.ReasonSourceNotAllowed {
		t.Errorf("%d queries go on, and the program is told %+v", n, got.Problem)
	}
}
