// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/uptake-dev/uptake/api/v1alpha1"
	"github.com/uptake-dev/uptake/internal/adoption"
	"github.com/uptake-dev/uptake/internal/poll"
)

// usageSource is a source of either kind, as programs see it.
type usageSource struct {
	key        string
	uid        types.UID
	generation int64
	settings   *v1alpha1.SourceSettings
	adHoc      v1alpha1.AdHoc
	allowed    *v1alpha1.AllowedNamespaces // nil: only its own namespace
}

// sourceKey identifies a source in the scheduler and in metrics.
func sourceKey(ref *v1alpha1.SourceRef, namespace string) string {
	if ref.Kind == v1alpha1.SourceKindCluster {
		return string(v1alpha1.SourceKindCluster) + "/" + string(ref.Name)
	}
	return string(v1alpha1.SourceKindNamespaced) + "/" + namespace + "/" + string(ref.Name)
}

func sourceKeyOf(o client.Object) string {
	ref := &v1alpha1.SourceRef{Kind: v1alpha1.SourceKindCluster, Name: v1alpha1.ObjectName(o.GetName())}
	if o.GetNamespace() != "" {
		ref.Kind = v1alpha1.SourceKindNamespaced
	}
	return sourceKey(ref, o.GetNamespace())
}

// findSource reads a source; nil when there is none.
func findSource(ctx context.Context, reader client.Reader, ref *v1alpha1.SourceRef, namespace string) (*usageSource, error) {
	if ref.Kind == v1alpha1.SourceKindCluster {
		o := &v1alpha1.ClusterUsageSource{}
		if err := reader.Get(ctx, types.NamespacedName{Name: string(ref.Name)}, o); err != nil {
			return nil, client.IgnoreNotFound(err)
		}
		return &usageSource{
			key: sourceKeyOf(o), uid: o.UID, generation: o.Generation,
			settings: &o.Spec.SourceSettings, adHoc: o.Spec.AdHoc, allowed: &o.Spec.AllowedNamespaces,
		}, nil
	}
	o := &v1alpha1.UsageSource{}
	if err := reader.Get(ctx, types.NamespacedName{Namespace: namespace, Name: string(ref.Name)}, o); err != nil {
		return nil, client.IgnoreNotFound(err)
	}
	return &usageSource{
		key: sourceKeyOf(o), uid: o.UID, generation: o.Generation, settings: &o.Spec.SourceSettings, adHoc: o.Spec.AdHoc,
	}, nil
}

// sourceNotFound offers the nearest source of the same kind.
func sourceNotFound(ctx context.Context, reader client.Reader, ref *v1alpha1.SourceRef, namespace string) string {
	var names []string
	if ref.Kind == v1alpha1.SourceKindCluster {
		var list v1alpha1.ClusterUsageSourceList
		if err := reader.List(ctx, &list); err == nil {
			for i := range list.Items {
				names = append(names, list.Items[i].Name)
			}
		}
	} else {
		var list v1alpha1.UsageSourceList
		if err := reader.List(ctx, &list, client.InNamespace(namespace)); err == nil {
			for i := range list.Items {
				names = append(names, list.Items[i].Name)
			}
		}
	}
	kind := first(string(ref.Kind), string(v1alpha1.SourceKindNamespaced))
	message := fmt.Sprintf("sourceRef: there is no %s %q", kind, ref.Name)
	if near := adoption.Nearest(string(ref.Name), names); near != "" {
		message += fmt.Sprintf("; the nearest name is %q", near)
	}
	return message
}

// refuses says why programs of a namespace may not use the source; empty: they may.
func (s *usageSource) refuses(ctx context.Context, reader client.Reader, namespace string) string {
	if s.allowed == nil || s.allowed.From == v1alpha1.AllowedFromAll {
		return ""
	}
	selector, err := metav1.LabelSelectorAsSelector(s.allowed.Selector)
	if err != nil {
		return s.key + ": allowedNamespaces.selector cannot be used: ask its administrator"
	}
	ns := &metav1.PartialObjectMetadata{}
	ns.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("Namespace"))
	if err := reader.Get(ctx, types.NamespacedName{Name: namespace}, ns); err != nil {
		return s.key + ": the namespace could not be read"
	}
	if !selector.Matches(labels.Set(ns.Labels)) {
		return fmt.Sprintf("%s is not for namespace %s: its administrator can label the namespace so that allowedNamespaces picks it", s.key, namespace)
	}
	return ""
}

// expression finds what is to be asked.
func (s *usageSource) expression(q *v1alpha1.Query) (string, *adoption.Problem) {
	names := make([]string, len(s.settings.Queries))
	for i, named := range s.settings.Queries {
		names[i] = string(named.Name)
	}
	if q.Named == nil {
		if s.adHoc == v1alpha1.AdHocDenied {
			return "", &adoption.Problem{Kind: adoption.ProblemSpec, Reason: v1alpha1.ReasonSourceNotAllowed, Message: fmt.Sprintf(
				"%s allows named queries only: use named: {name: ...} with one of: %s", s.key, first(strings.Join(names, ", "), "none yet"))}
		}
		return q.Prometheus.Expr, nil
	}
	i := slices.Index(names, string(q.Named.Name))
	if i < 0 {
		message := fmt.Sprintf("named.name: %s has no query %q", s.key, q.Named.Name)
		if near := adoption.Nearest(string(q.Named.Name), names); near != "" {
			message += fmt.Sprintf("; the nearest name is %q", near)
		}
		return "", &adoption.Problem{Kind: adoption.ProblemSpec, Reason: v1alpha1.ReasonQueryNotFound, Message: message}
	}
	return s.settings.Queries[i].Prometheus.Expr, nil
}

func (s *usageSource) limits() poll.Source {
	duration := func(d v1alpha1.Duration, otherwise time.Duration) time.Duration {
		if v, err := adoption.ParseDuration(string(d)); err == nil {
			return v
		}
		return otherwise
	}
	return poll.Source{
		Key: s.key, MaxConcurrent: int(s.settings.MaxConcurrent),
		MinGap: duration(s.settings.MinQueryGap, 0), Timeout: duration(s.settings.Timeout, 10*time.Second),
	}
}

func first(texts ...string) string {
	for _, t := range texts {
		if t != "" {
			return t
		}
	}
	return ""
}
