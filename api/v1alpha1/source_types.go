// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// SourceType is the discriminator of a source.
// +kubebuilder:validation:Enum=Prometheus
type SourceType string

// SourceTypePrometheus is a Prometheus-compatible HTTP API.
const SourceTypePrometheus SourceType = "Prometheus"

// SecretLabel must be "true" on a Secret before a source may use it.
const SecretLabel = "uptake.dev/source-credentials"

// AdHoc says whether programs may write queries of their own.
// +kubebuilder:validation:Enum=Allowed;Denied
type AdHoc string

const (
	// AdHocAllowed lets programs write their own expressions.
	AdHocAllowed AdHoc = "Allowed"
	// AdHocDenied lets programs use named queries only.
	AdHocDenied AdHoc = "Denied"
)

// SourceSettings is what both kinds of source share: where usage data comes
// from, with which credentials, within which limits.
//
// +kubebuilder:validation:XValidation:rule="self.type != 'Prometheus' || has(self.prometheus)",message="type Prometheus needs the member prometheus"
type SourceSettings struct {
	// type names the member that is set.
	// +required
	Type SourceType `json:"type,omitempty"`
	// prometheus is a Prometheus-compatible HTTP API.
	// +optional
	Prometheus *PrometheusSource `json:"prometheus,omitempty"`
	// interval between two polls of a query.
	// +optional
	// +kubebuilder:default="5m"
	Interval Duration `json:"interval,omitempty"`
	// timeout of one request.
	// +optional
	// +kubebuilder:default="10s"
	Timeout Duration `json:"timeout,omitempty"`
	// maxConcurrent requests under way at once.
	// +optional
	// +kubebuilder:default=4
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=64
	MaxConcurrent int32 `json:"maxConcurrent,omitempty"`
	// minQueryGap is the least time between the starts of two requests; default: none.
	// +optional
	MinQueryGap Duration `json:"minQueryGap,omitempty"`
	// auth is how the operator authenticates; default: not at all.
	// +optional
	Auth *SourceAuth `json:"auth,omitempty"`
	// tls settings for https; default: the operator's system roots.
	// +optional
	TLS *SourceTLS `json:"tls,omitempty"`
	// queries that programs may use by name.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=100
	Queries []NamedQuery `json:"queries,omitempty"`
}

// PrometheusSource is the address of a Prometheus-compatible HTTP API.
type PrometheusSource struct {
	// url is the base address, without /api/v1 and without credentials.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=2048
	// +kubebuilder:validation:XValidation:rule="isURL(self) && url(self).getScheme() in ['http','https'] && url(self).getHost() != ''",message="an http or https address with a host, such as https://prometheus.example.com"
	// +kubebuilder:validation:XValidation:rule="!self.matches('/api/v1/?$')",message="leave /api/v1 out of the address: the operator adds it"
	// +kubebuilder:validation:XValidation:rule="!self.contains('@') && !self.contains('?') && !self.contains('#')",message="no credentials, query or fragment in the address: credentials belong in auth"
	URL string `json:"url,omitempty"`
}

// SourceAuth is exactly one way to authenticate. Every Secret lies in the
// source's namespace (for a ClusterUsageSource: the operator's) and carries the
// label uptake.dev/source-credentials: "true".
//
// +kubebuilder:validation:XValidation:rule="has(self.basic) != has(self.bearer)",message="auth is exactly one of basic and bearer"
type SourceAuth struct {
	// basic is HTTP basic authentication.
	// +optional
	Basic *BasicAuth `json:"basic,omitempty"`
	// bearer is a bearer token.
	// +optional
	Bearer *BearerAuth `json:"bearer,omitempty"`
}

// BasicAuth reads user and password from one Secret.
type BasicAuth struct {
	// secretRef names a Secret with the keys username and password.
	// +required
	SecretRef LocalRef `json:"secretRef,omitempty,omitzero"`
}

// BearerAuth reads a token from a Secret.
type BearerAuth struct {
	// secretKeyRef names the key that holds the token.
	// +required
	SecretKeyRef KeyRef `json:"secretKeyRef,omitempty,omitzero"`
}

// KeyRef names a key of an object.
type KeyRef struct {
	// name of the object.
	// +required
	Name ObjectName `json:"name,omitempty"`
	// key in its data.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Key string `json:"key,omitempty"`
}

// SourceTLS says whom to trust.
type SourceTLS struct {
	// ca is the authority that signed the server's certificate, in PEM.
	// +required
	CA CASource `json:"ca,omitempty,omitzero"`
}

// CASource holds certificates in a ConfigMap or a Secret.
//
// +kubebuilder:validation:XValidation:rule="has(self.configMapKeyRef) != has(self.secretKeyRef)",message="ca is exactly one of configMapKeyRef and secretKeyRef"
type CASource struct {
	// configMapKeyRef names a key of a ConfigMap.
	// +optional
	ConfigMapKeyRef *KeyRef `json:"configMapKeyRef,omitempty"`
	// secretKeyRef names a key of a Secret that carries the label uptake.dev/source-credentials: "true".
	// +optional
	SecretKeyRef *KeyRef `json:"secretKeyRef,omitempty"`
}

// NamedQuery is written by the administrator and used by programs by name.
type NamedQuery struct {
	// name that programs use.
	// +required
	Name Name `json:"name,omitempty"`
	// description for the people who choose a query.
	// +optional
	// +kubebuilder:validation:MaxLength=512
	Description string `json:"description,omitempty"`
	// prometheus is the expression.
	// +required
	Prometheus PrometheusQuery `json:"prometheus,omitempty,omitzero"`
}

// UsageSourceSpec is a source for the programs of its namespace.
type UsageSourceSpec struct {
	SourceSettings `json:",inline"`
	// adHoc says whether programs may write expressions of their own.
	// +optional
	// +kubebuilder:default=Allowed
	AdHoc AdHoc `json:"adHoc,omitempty"`
}

// ClusterUsageSourceSpec is a source for the programs of many namespaces.
type ClusterUsageSourceSpec struct {
	SourceSettings `json:",inline"`
	// adHoc says whether programs may write expressions of their own.
	// +optional
	// +kubebuilder:default=Denied
	AdHoc AdHoc `json:"adHoc,omitempty"`
	// allowedNamespaces says whose programs may use the source.
	// +required
	AllowedNamespaces AllowedNamespaces `json:"allowedNamespaces,omitempty,omitzero"`
}

// AllowedFrom says which namespaces may use a source.
// +kubebuilder:validation:Enum=All;Selector
type AllowedFrom string

const (
	// AllowedFromAll allows every namespace.
	AllowedFromAll AllowedFrom = "All"
	// AllowedFromSelector allows the namespaces that the selector picks.
	AllowedFromSelector AllowedFrom = "Selector"
)

// AllowedNamespaces picks namespaces.
//
// +kubebuilder:validation:XValidation:rule="(self.from == 'Selector') == has(self.selector)",message="selector is set exactly when from is Selector"
type AllowedNamespaces struct {
	// from is All or Selector.
	// +required
	From AllowedFrom `json:"from,omitempty"`
	// selector picks namespaces by their labels.
	// +optional
	Selector *metav1.LabelSelector `json:"selector,omitempty"`
}

// SourceStatus is what the operator has seen of a source.
type SourceStatus struct {
	// observedGeneration is the generation that this status is about.
	// +optional
	// +kubebuilder:validation:Minimum=-1
	ObservedGeneration int64 `json:"observedGeneration"`
	// consumers is the number of programs that use the source.
	// +optional
	// +kubebuilder:validation:Minimum=0
	Consumers *int32 `json:"consumers,omitempty"`
	// queries is the number of different queries that are polled.
	// +optional
	// +kubebuilder:validation:Minimum=0
	Queries *int32 `json:"queries,omitempty"`
	// conditions: Ready always; Reconciling and Stalled only while True. Reasons
	// of Ready: Polling, NotUsed, PollsFailing, SecretForbidden, SecretNotFound,
	// SecretNotLabelled, KeyNotFound, InvalidSpec.
	// +optional
	// +listType=map
	// +listMapKey=type
	// +kubebuilder:validation:MaxItems=16
	Conditions []metav1.Condition `json:"conditions,omitempty"`
}

// UsageSource is a system that holds usage data, for the programs of its
// namespace. It is written by administrators: it holds the address, the
// credentials and the limits; programs only name it.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:shortName=us,categories=uptake
// +kubebuilder:printcolumn:name="Type",type=string,JSONPath=`.spec.type`
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`
// +kubebuilder:printcolumn:name="Consumers",type=integer,JSONPath=`.status.consumers`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
type UsageSource struct {
	metav1.TypeMeta `json:",inline"`
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty,omitzero"`
	// spec is written by people.
	// +required
	Spec UsageSourceSpec `json:"spec,omitempty,omitzero"`
	// status is written by the operator.
	// +optional
	// +kubebuilder:default:={"observedGeneration":-1}
	Status SourceStatus `json:"status,omitempty,omitzero"`
}

// UsageSourceList is a list of UsageSource.
// +kubebuilder:object:root=true
type UsageSourceList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []UsageSource `json:"items"`
}

// ClusterUsageSource is a source that programs of several namespaces may use.
// Its Secrets and ConfigMaps lie in the operator's namespace.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:scope=Cluster,shortName=cus,categories=uptake
// +kubebuilder:printcolumn:name="Type",type=string,JSONPath=`.spec.type`
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`
// +kubebuilder:printcolumn:name="Consumers",type=integer,JSONPath=`.status.consumers`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
type ClusterUsageSource struct {
	metav1.TypeMeta `json:",inline"`
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty,omitzero"`
	// spec is written by people.
	// +required
	Spec ClusterUsageSourceSpec `json:"spec,omitempty,omitzero"`
	// status is written by the operator.
	// +optional
	// +kubebuilder:default:={"observedGeneration":-1}
	Status SourceStatus `json:"status,omitempty,omitzero"`
}

// ClusterUsageSourceList is a list of ClusterUsageSource.
// +kubebuilder:object:root=true
type ClusterUsageSourceList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []ClusterUsageSource `json:"items"`
}
