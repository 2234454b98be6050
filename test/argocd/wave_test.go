// SPDX-License-Identifier: Apache-2.0

//go:build argocd

package argocd

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	appsv1 "k8s.io/api/apps/v1"
	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// example is what config/argocd/example has, at the pace of a test.
func example(t *testing.T) map[string]string {
	t.Helper()
	files := map[string]string{}
	found, err := filepath.Glob("../../config/argocd/example/gateway-api/*.yaml")
	if err != nil || len(found) == 0 {
		t.Fatalf("there is no example: %v", err)
	}
	for _, file := range found {
		files[filepath.Base(file)] = readFile(file)
	}
	program := files["program.yaml"]
	for from, to := range map[string]string{"interval: 5m": "interval: 1s", "for: 14d": "for: 4s", "every: 1d": "every: 1s"} {
		if strings.Count(program, from) != 1 {
			t.Fatalf("the example has no %q", from)
		}
		program = strings.Replace(program, from, to, 1)
	}
	files["program.yaml"] = program
	return files
}

// serve makes a team that serves through Ingress.
func serve(t *testing.T, team string) {
	t.Helper()
	if err := apply(t.Context(), fmt.Sprintf("apiVersion: v1\nkind: Namespace\nmetadata: {name: %[1]s}\n---\n"+
		"apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: web, namespace: %[1]s}\n"+
		"spec: {defaultBackend: {service: {name: web, port: {number: 80}}}}\n", team)); err != nil {
		t.Fatal(err)
	}
}

func ingressOf(team, name string) *networkingv1.Ingress {
	return &networkingv1.Ingress{ObjectMeta: metav1.ObjectMeta{Namespace: team, Name: name}, Spec: networkingv1.IngressSpec{
		DefaultBackend: &networkingv1.IngressBackend{Service: &networkingv1.IngressServiceBackend{Name: "web", Port: networkingv1.ServiceBackendPort{Number: 80}}},
	}}
}

// installGatewayAPI has the API server serve routes.
func installGatewayAPI(t *testing.T) {
	t.Helper()
	definitions, err := filepath.Glob("../../internal/demo/gatewayapi/*.yaml")
	if err != nil || len(definitions) == 0 {
		t.Fatalf("there are no definitions: %v", err)
	}
	for _, file := range definitions {
		if err := apply(t.Context(), readFile(file)); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "routes are served", func() bool {
		return people.List(t.Context(), routes()) == nil
	})
}

func routes() *unstructured.UnstructuredList {
	list := &unstructured.UnstructuredList{}
	list.SetAPIVersion("gateway.networking.k8s.io/v1")
	list.SetKind("HTTPRouteList")
	return list
}

// move makes a team serve through Gateway API.
func move(t *testing.T, team string) {
	t.Helper()
	if err := apply(t.Context(), fmt.Sprintf("apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: {name: web, namespace: %s}\n"+
		"spec: {parentRefs: [{name: web}], rules: [{backendRefs: [{name: web, port: 80}]}]}\n", team)); err != nil {
		t.Fatal(err)
	}
	if err := people.Delete(t.Context(), ingressOf(team, "web")); err != nil {
		t.Fatal(err)
	}
}

// TestTheOldControllerGoesWhenTheRoutesHaveMoved plays the example of the
// documentation: the wave that closes the old route, and the removal of its controller,
// wait until people have moved.
func TestTheOldControllerGoesWhenTheRoutesHaveMoved(t *testing.T) {
	installGatewayAPI(t)
	controller := &appsv1.Deployment{}
	key := client.ObjectKey{Namespace: "ingress-system", Name: "ingress-controller"}
	closed := func() bool {
		return people.Get(t.Context(), client.ObjectKey{Name: "no-new-ingress"}, &admissionregistrationv1.ValidatingAdmissionPolicy{}) == nil
	}
	serve(t, "shop")
	serve(t, "search")

	// Before: the application has the controller.
	files := example(t)
	if err := commit("gateway-api", "the controller", map[string]string{"ingress-controller.yaml": files["ingress-controller.yaml"]}); err != nil {
		t.Fatal(err)
	}
	text := strings.Replace(readFile("../../config/argocd/example/application.yaml"), "https://git.example.com/platform/gitops.git", repository(), 1)
	text = strings.NewReplacer("duration: 1m", "duration: 1s", "maxDuration: 1h", "maxDuration: 2s").Replace(text)
	if err := apply(t.Context(), text); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the controller is there", func() bool { return people.Get(t.Context(), key, controller) == nil })

	// The commit of the example.
	delete(files, "ingress-controller.yaml")
	if err := commit("gateway-api", "when nobody uses it any more", files); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "gateway-api-removal", "waiting for the phase", func(s seen) bool {
		return s.operation() == "Running" && strings.Contains(s.text("operationState", "message"), "uptake.dev/Phase/ingress-is-not-used")
	})
	stays := func(when string) {
		t.Helper()
		for range 20 {
			if closed() {
				t.Fatalf("%s: wave 1 was applied", when)
			}
			if err := people.Get(t.Context(), key, controller); err != nil {
				t.Fatalf("%s: the controller is gone: %v", when, err)
			}
			time.Sleep(250 * time.Millisecond)
		}
	}
	stays("nobody has moved")
	move(t, "shop")
	stays("one of two has moved")
	waitFor(t, "gateway-api-removal", "half way", func(s seen) bool { // Argo CD looks every few seconds
		status, message := s.resource("Phase", "ingress-is-not-used")
		return status == "Progressing" && strings.Contains(message, "50%")
	})

	move(t, "search")
	eventually(t, "the phase is achieved", func() bool { return stateOf(get(t, "Phase", "ingress-system", "ingress-is-not-used")) == "Achieved" })
	eventually(t, "wave 1 is applied", closed)
	eventually(t, "the controller is deleted", func() bool {
		return people.Get(t.Context(), key, controller) == nil && controller.DeletionTimestamp != nil
	})
	// In the foreground: the garbage collector, which is not here, lets go of it last.
	if err := people.Patch(t.Context(), controller, client.RawPatch("application/merge-patch+json", []byte(`{"metadata":{"finalizers":null}}`))); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "gateway-api-removal", "done", func(s seen) bool {
		return s.operation() == "Succeeded" && s.sync() == "Synced" && s.health() == "Healthy"
	})
	// A policy is in force some moments after it was made.
	eventually(t, "the old route is closed", func() bool {
		err := people.Create(t.Context(), ingressOf("shop", "another"), client.DryRunAll)
		return apierrors.IsInvalid(err) || apierrors.IsForbidden(err)
	})
}
