// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Query asks one thing of one place and gets a number, or a number for each
// segment. Exactly one of objects, configMap, prometheus and named is set.
//
// +kubebuilder:validation:XValidation:rule="(has(self.objects)?1:0)+(has(self.configMap)?1:0)+(has(self.prometheus)?1:0)+(has(self.named)?1:0)==1",message="a query is exactly one of objects, configMap, prometheus and named"
// +kubebuilder:validation:XValidation:rule="!has(self.sourceRef) || has(self.prometheus) || has(self.named)",message="sourceRef goes with prometheus and named; objects and configMap are read from this cluster"
type Query struct {
	// sourceRef is the source that is asked; default: the program's sourceRef.
	// +optional
	SourceRef *SourceRef `json:"sourceRef,omitempty"`
	// segmentBy overrides the program's segmentBy.
	// +optional
	SegmentBy *SegmentBy `json:"segmentBy,omitempty"`
	// objects counts Kubernetes objects in this cluster.
	// +optional
	Objects *ObjectsQuery `json:"objects,omitempty"`
	// configMap reads hand-entered numbers from a ConfigMap of this namespace.
	// +optional
	ConfigMap *ConfigMapQuery `json:"configMap,omitempty"`
	// prometheus evaluates an expression as an instant query.
	// +optional
	Prometheus *PrometheusQuery `json:"prometheus,omitempty"`
	// named runs a query that the source's administrator wrote.
	// +optional
	Named *NamedQueryRef `json:"named,omitempty"`
}

// SourceKind is the kind of a source.
// +kubebuilder:validation:Enum=UsageSource;ClusterUsageSource
type SourceKind string

const (
	// SourceKindNamespaced is a source in the program's namespace.
	SourceKindNamespaced SourceKind = "UsageSource"
	// SourceKindCluster is a source offered to many namespaces.
	SourceKindCluster SourceKind = "ClusterUsageSource"
)

// SourceRef names a source.
type SourceRef struct {
	// kind is UsageSource (this namespace) or ClusterUsageSource; default: UsageSource.
	// +optional
	Kind SourceKind `json:"kind,omitempty"`
	// name of the source.
	// +required
	Name ObjectName `json:"name,omitempty"`
}

// SegmentBy says how an answer is divided into segments. Exactly one member is set.
//
// +kubebuilder:validation:XValidation:rule="has(self.label) != has(self.namespaceLabel)",message="segmentBy is exactly one of label and namespaceLabel"
type SegmentBy struct {
	// label: for objects a label of each object, for Prometheus a label of each series.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=317
	Label string `json:"label,omitempty"`
	// namespaceLabel: a label of the namespace that holds each object (or of the
	// Namespace itself, when that is what is counted). Only for objects.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=317
	NamespaceLabel string `json:"namespaceLabel,omitempty"`
}

// CountUnit is what an objects query counts.
// +kubebuilder:validation:Enum=Objects;Namespaces
type CountUnit string

const (
	// CountObjects counts matching objects.
	CountObjects CountUnit = "Objects"
	// CountNamespaces counts namespaces with at least one matching object.
	CountNamespaces CountUnit = "Namespaces"
)

// ObjectsQuery counts Kubernetes objects, from a watch rather than a list for
// each poll. The program's service account must be allowed to list the kind
// wherever it is counted. Secrets are never counted.
type ObjectsQuery struct {
	// apiVersion of the kind, such as gateway.networking.k8s.io/v1.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=317
	APIVersion string `json:"apiVersion,omitempty"`
	// kind to count, such as HTTPRoute.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:XValidation:rule="self != 'Secret'",message="Secrets are never counted: count something that is not secret"
	Kind string `json:"kind,omitempty"`
	// labelSelector picks objects by their labels; default: all.
	// +optional
	LabelSelector *metav1.LabelSelector `json:"labelSelector,omitempty"`
	// namespaceSelector picks the namespaces by their labels; default: all. For
	// the kind Namespace it picks the namespaces themselves.
	// +optional
	NamespaceSelector *metav1.LabelSelector `json:"namespaceSelector,omitempty"`
	// where is a CEL expression that says whether an object counts: `object` is the
	// whole object, `namespaceObject` has the metadata of the namespace it is in (its
	// labels are `namespaceObject.metadata.labels`). Use has() for fields that may
	// be absent.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=4096
	Where string `json:"where,omitempty"`
	// count is Objects, or Namespaces that have at least one such object; default:
	// Objects.
	// +optional
	Count CountUnit `json:"count,omitempty"`
}

// ConfigMapQuery reads numbers that people enter by hand, such as a survey. The
// value of the key is one dated number ("2026-11-01 41.3%"), or CSV with the
// header date,segment,value (segment may be left out). For each segment the
// newest row that is not in the future counts, for 120 days from its date.
type ConfigMapQuery struct {
	// name of the ConfigMap, in the program's namespace.
	// +required
	Name ObjectName `json:"name,omitempty"`
	// key in its data.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Key string `json:"key,omitempty"`
}

// PrometheusQuery is a PromQL instant query that gives a scalar, or a vector
// with one series for each segment.
type PrometheusQuery struct {
	// expr is the PromQL expression.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=4096
	Expr string `json:"expr,omitempty"`
}

// NamedQueryRef names a query of the source.
type NamedQueryRef struct {
	// name of the query in the source's queries.
	// +required
	Name Name `json:"name,omitempty"`
}
