// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/uptake-dev/uptake/api/v1alpha1"
)

// organisation plays the people: it creates and deletes what they would.
type organisation struct {
	client client.Client
}

// teams of the organisation; each has two namespaces.
var teams = []string{"ads", "cart", "media", "research", "search"}

func namespacesOf(team string) []string {
	return []string{"demo-" + team + "-web", "demo-" + team + "-api"}
}

// settle creates every namespace, served by an Ingress each.
func (o organisation) settle(ctx context.Context) error {
	for _, team := range teams {
		for _, name := range namespacesOf(team) {
			ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{"team": team, "uptake-demo": "true"}}}
			if err := client.IgnoreAlreadyExists(o.client.Create(ctx, ns)); err != nil {
				return err
			}
			if err := o.serveOld(ctx, name, "old"); err != nil {
				return err
			}
		}
	}
	return nil
}

func (o organisation) serveOld(ctx context.Context, namespace, name string) error {
	ingress := &networkingv1.Ingress{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Spec: networkingv1.IngressSpec{DefaultBackend: &networkingv1.IngressBackend{
			Service: &networkingv1.IngressServiceBackend{Name: "app", Port: networkingv1.ServiceBackendPort{Number: 80}},
		}},
	}
	return client.IgnoreAlreadyExists(o.client.Create(ctx, ingress))
}

func (o organisation) stopOld(ctx context.Context, namespace, name string) error {
	return client.IgnoreNotFound(o.client.Delete(ctx, &networkingv1.Ingress{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}}))
}

// routeOf is an HTTPRoute. Without its Go types: the demo would be all that needs them.
func routeOf(namespace string) *unstructured.Unstructured {
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "gateway.networking.k8s.io/v1",
		"kind":       "HTTPRoute",
		"metadata":   map[string]any{"namespace": namespace, "name": "app"},
		"spec": map[string]any{"rules": []any{map[string]any{"backendRefs": []any{
			map[string]any{"name": "app", "port": int64(80)},
		}}}},
	}}
}

// serveNew creates an HTTPRoute.
func (o organisation) serveNew(ctx context.Context, namespaces ...string) error {
	for _, namespace := range namespaces {
		if err := client.IgnoreAlreadyExists(o.client.Create(ctx, routeOf(namespace))); err != nil {
			return err
		}
	}
	return nil
}

func (o organisation) stopNew(ctx context.Context, namespaces ...string) error {
	for _, namespace := range namespaces {
		if err := client.IgnoreNotFound(o.client.Delete(ctx, routeOf(namespace))); err != nil {
			return err
		}
	}
	return nil
}

// closeOld deletes every Ingress that is left.
func (o organisation) closeOld(ctx context.Context) error {
	for _, team := range teams {
		for _, namespace := range namespacesOf(team) {
			if team == "research" && namespace == namespacesOf(team)[1] {
				continue // has not moved: research may take its time
			}
			if err := o.stopOld(ctx, namespace, "old"); err != nil {
				return err
			}
		}
	}
	return nil
}

// approve annotates a phase, as a person would with kubectl annotate.
func (o organisation) approve(ctx context.Context, phase, gate, who string) error {
	p := &v1alpha1.Phase{ObjectMeta: metav1.ObjectMeta{Namespace: Namespace, Name: phase}}
	patch := fmt.Sprintf(`{"metadata":{"annotations":{%q:%q}}}`, v1alpha1.ApprovalAnnotationPrefix+gate, who)
	return o.client.Patch(ctx, p, client.RawPatch("application/merge-patch+json", []byte(patch)))
}
