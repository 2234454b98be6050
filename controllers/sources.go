// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"cmp"
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
	key, name  string
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
	return sourceKey(&v1alpha1.SourceRef{Kind: sourceKindOf(o), Name: v1alpha1.ObjectName(o.GetName())}, o.GetNamespace())
}

// findSource reads a source; nil when there is none.
func findSource(ctx context.Context, reader client.Reader, ref *v1alpha1.SourceRef, namespace string) (*usageSource, error) {
	if ref.Kind == v1alpha1.SourceKindCluster {
		o := &v1alpha1.ClusterUsageSource{}
		if err := reader.Get(ctx, types.NamespacedName{Name: string(ref.Name)}, o); err != nil {
			return nil, client.IgnoreNotFound(err)
		}
		return clusterSource(o), nil
	}
	o := &v1alpha1.UsageSource{}
	if err := reader.Get(ctx, types.NamespacedName{Namespace: namespace, Name: string(ref.Name)}, o); err != nil {
		return nil, client.IgnoreNotFound(err)
	}
	return namespacedSource(o), nil
}

// listSources reads the sources of a kind that a namespace could use, by name. They
// are the cache's own, since a program looks at them each time it is reconciled: they
// are not changed.
func listSources(ctx context.Context, reader client.Reader, kind v1alpha1.SourceKind, namespace string, options ...client.ListOption) ([]*usageSource, error) {
	var found []*usageSource
	options = append(options, client.UnsafeDisableDeepCopy)
	if kind == v1alpha1.SourceKindCluster {
		var list v1alpha1.ClusterUsageSourceList
		if err := reader.List(ctx, &list, options...); err != nil {
			return nil, err
		}
		for i := range list.Items {
			found = append(found, clusterSource(&list.Items[i]))
		}
	} else {
		var list v1alpha1.UsageSourceList
		if err := reader.List(ctx, &list, append(options, client.InNamespace(namespace))...); err != nil {
			return nil, err
		}
		for i := range list.Items {
			found = append(found, namespacedSource(&list.Items[i]))
		}
	}
	slices.SortFunc(found, func(a, b *usageSource) int { return strings.Compare(a.name, b.name) })
	return found, nil
}

func clusterSource(o *v1alpha1.ClusterUsageSource) *usageSource {
	return &usageSource{
		key: sourceKeyOf(o), name: o.Name, uid: o.UID, generation: o.Generation,
		settings: &o.Spec.SourceSettings, adHoc: o.Spec.AdHoc, allowed: &o.Spec.AllowedNamespaces,
	}
}

func namespacedSource(o *v1alpha1.UsageSource) *usageSource {
	return &usageSource{
		key: sourceKeyOf(o), name: o.Name, uid: o.UID, generation: o.Generation,
		settings: &o.Spec.SourceSettings, adHoc: o.Spec.AdHoc,
	}
}

// sourceNotFound offers the nearest source of the same kind.
func sourceNotFound(ctx context.Context, reader client.Reader, ref *v1alpha1.SourceRef, namespace string) string {
	var names []string
	if others, err := listSources(ctx, reader, ref.Kind, namespace); err == nil {
		for _, other := range others {
			names = append(names, other.name)
		}
	}
	kind := cmp.Or(string(ref.Kind), string(v1alpha1.SourceKindNamespaced))
	return fmt.Sprintf("sourceRef: there is no %s %q%s", kind, ref.Name, adoption.Instead(string(ref.Name), names))
}

// accessProblem says why programs of a namespace may not use the source; empty: they may.
func (s *usageSource) accessProblem(ctx context.Context, reader client.Reader, namespace string) string {
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

// longestTimeout bounds what a poll of a source that answers slowly holds: memory, and
// one of the requests that its namespace may have under way.
const longestTimeout = 5 * time.Minute

func (s *usageSource) limits() poll.Source {
	duration := func(d v1alpha1.Duration, otherwise time.Duration) time.Duration {
		if v, err := adoption.ParseDuration(string(d)); err == nil {
			return v
		}
		return otherwise
	}
	return poll.Source{
		Key: s.key, MaxConcurrent: int(s.settings.MaxConcurrent),
		MinGap: duration(s.settings.MinQueryGap, 0), Timeout: min(duration(s.settings.Timeout, 10*time.Second), longestTimeout),
	}
}
