// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Query asks one thing of one place and gets a number, or a number for each
// segment. Exactly one of objects, configMap, prometheus, http, sql and named is set.
//
// +kubebuilder:validation:XValidation:rule="[has(self.objects),has(self.configMap),has(self.prometheus),has(self.http),has(self.sql),has(self.named)].filter(x, x).size() == 1",message="a query is exactly one of objects, configMap, prometheus, http, sql and named"
// +kubebuilder:validation:XValidation:rule="!has(self.configMap) || !(has(self.sourceRef) || has(self.sourceSelector))",message="a ConfigMap is read from this cluster: leave sourceRef and sourceSelector out"
// +kubebuilder:validation:XValidation:rule="!(has(self.sourceRef) && has(self.sourceSelector))",message="a query asks one source (sourceRef) or several (sourceSelector), not both"
type Query struct {
	// sourceRef is the source that is asked; default: the program's sourceRef. For
	// objects it is a source of type Kubernetes; without one they are counted in
	// this cluster, whatever the program's sourceRef.
	// +optional
	SourceRef *SourceRef `json:"sourceRef,omitempty"`
	// sourceSelector asks every source it picks, and adds up what they say. If one
	// of them does not answer the whole is unknown, never a partial sum.
	// +optional
	SourceSelector *SourceSelector `json:"sourceSelector,omitempty"`
	// segmentBy overrides the program's segmentBy.
	// +optional
	SegmentBy *SegmentBy `json:"segmentBy,omitempty"`
	// objects counts Kubernetes objects, in this cluster or in that of the source.
	// +optional
	Objects *ObjectsQuery `json:"objects,omitempty"`
	// configMap reads hand-entered numbers from a ConfigMap of this namespace.
	// +optional
	ConfigMap *ConfigMapQuery `json:"configMap,omitempty"`
	// prometheus evaluates an expression as an instant query.
	// +optional
	Prometheus *PrometheusQuery `json:"prometheus,omitempty"`
	// http reads numbers from a JSON API.
	// +optional
	HTTP *HTTPQuery `json:"http,omitempty"`
	// sql runs one statement that reads.
	// +optional
	SQL *SQLQuery `json:"sql,omitempty"`
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

// SourceSelector picks sources by their labels.
type SourceSelector struct {
	// kind is UsageSource (this namespace) or ClusterUsageSource; default: UsageSource.
	// +optional
	Kind SourceKind `json:"kind,omitempty"`
	// selector picks the sources by their labels. Each of them has to allow the
	// program's namespace.
	// +required
	// +kubebuilder:validation:XValidation:rule="(!has(self.matchLabels) || self.matchLabels.size() <= 32) && (!has(self.matchExpressions) || self.matchExpressions.size() <= 32)",message="a selector has at most 32 labels and 32 expressions"
	Selector *metav1.LabelSelector `json:"selector,omitempty"`
}

// SegmentBySource divides an answer by the source that gave it.
// +kubebuilder:validation:Enum=Name
type SegmentBySource string

// SegmentBySourceName makes a segment of each source, with the source's name.
const SegmentBySourceName SegmentBySource = "Name"

// SegmentBy says how an answer is divided into segments. Exactly one member is
// set. Rows of http, sql and CSV name their segment themselves.
//
// +kubebuilder:validation:XValidation:rule="[has(self.label),has(self.namespaceLabel),has(self.source)].filter(x, x).size() == 1",message="segmentBy is exactly one of label, namespaceLabel and source"
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
	// source: Name makes a segment of each source that sourceSelector picks.
	// +optional
	Source SegmentBySource `json:"source,omitempty"`
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
	// +kubebuilder:validation:XValidation:rule="(!has(self.matchLabels) || self.matchLabels.size() <= 32) && (!has(self.matchExpressions) || self.matchExpressions.size() <= 32)",message="a selector has at most 32 labels and 32 expressions"
	LabelSelector *metav1.LabelSelector `json:"labelSelector,omitempty"`
	// namespaceSelector picks the namespaces by their labels; default: all. For
	// the kind Namespace it picks the namespaces themselves.
	// +optional
	// +kubebuilder:validation:XValidation:rule="(!has(self.matchLabels) || self.matchLabels.size() <= 32) && (!has(self.matchExpressions) || self.matchExpressions.size() <= 32)",message="a selector has at most 32 labels and 32 expressions"
	NamespaceSelector *metav1.LabelSelector `json:"namespaceSelector,omitempty"`
	// where is a CEL expression that says whether an object counts: `object` is the
	// whole object, `namespaceObject` has the metadata of the namespace it is in (its
	// labels are `namespaceObject.metadata.labels`), `params` the parameters of a
	// named query. Use has() for fields that may
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
// header date,segment,value (segment may be left out, other columns are ignored).
// For each segment the newest row that is not in the future counts, for 120 days
// from its date. A row that cannot be read makes its segment unknown.
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

// HTTPFormat is how an answer is written.
// +kubebuilder:validation:Enum=JSON;NDJSON
type HTTPFormat string

const (
	// HTTPFormatJSON is one JSON value.
	HTTPFormatJSON HTTPFormat = "JSON"
	// HTTPFormatNDJSON is one JSON value on each line; the body is their list.
	HTTPFormatNDJSON HTTPFormat = "NDJSON"
)

// Expression is a CEL expression. JSON numbers are doubles in it: write 2.0
// where you calculate, and use has() for fields that may be absent.
// +kubebuilder:validation:MinLength=1
// +kubebuilder:validation:MaxLength=4096
type Expression string

// HTTPQuery gets JSON and makes numbers of it with CEL expressions. They know
// `body` (the decoded answer), `row` (one record; not in rows), `now` (the time of
// the poll) and `params` (the parameters of a named query).
//
// The number is the sum of value over the rows, or over those of each segment. An
// error in one row, or a row that is null, makes its segment unknown, and no other.
// A row whose segment is null or empty is nobody's. No rows at all is an empty
// answer; rows of which none satisfies where add up to 0.
//
// +kubebuilder:validation:XValidation:rule="!(has(self.distinct) && has(self.value))",message="distinct counts keys and value adds up numbers: set one of them"
type HTTPQuery struct {
	// path is added to the source's url, and may have a query: /orgs/acme/seats?per_page=100.
	// It stays within the source's allowedPathPrefix. In a named query {name} is the
	// value of a parameter.
	// +optional
	// +kubebuilder:validation:MaxLength=2048
	Path string `json:"path,omitempty"`
	// format is JSON, or NDJSON (a JSON value on each line); default: JSON.
	// +optional
	Format HTTPFormat `json:"format,omitempty"`
	// rows gives the list of records, such as body.seats; default: the body itself,
	// whose entries are the records when it is a list.
	// +optional
	Rows Expression `json:"rows,omitempty"`
	// where says whether a row counts; default: every row does.
	// +optional
	Where Expression `json:"where,omitempty"`
	// segment gives the name of a row's segment; default: there are no segments.
	// +optional
	Segment Expression `json:"segment,omitempty"`
	// value gives the number of a row; default: 1, which counts rows.
	// +optional
	Value Expression `json:"value,omitempty"`
	// distinct gives a key, such as row.user.id: different keys are counted, over all
	// pages and files, rather than rows. Who is in two segments counts in each.
	// +optional
	Distinct Expression `json:"distinct,omitempty"`
	// complete says whether an answer is whole, such as !body.incomplete_results: of
	// each page and file. It knows `status`, `headers`, `page`, `file` (0: the page
	// itself), `count` (rows so far) and `last` (no page follows) besides.
	// +optional
	Complete Expression `json:"complete,omitempty"`
	// pagination follows pages; default: the first answer is all.
	// +optional
	Pagination *HTTPPagination `json:"pagination,omitempty"`
	// downloads follows links to files that hold the records, such as signed links
	// to a report; default: the answer holds them. The files are then the body.
	// +optional
	Downloads *HTTPDownloads `json:"downloads,omitempty"`
}

// HTTPPagination follows pages until there are no more. More than maxPages make
// the answer unknown: a part is never taken for the whole.
//
// +kubebuilder:validation:XValidation:rule="has(self.next) != has(self.cursor)",message="pagination is exactly one of next and cursor"
type HTTPPagination struct {
	// next gives the next page, and "" (or null) after the last one: an address on the
	// same server, or a query such as "?cursor=" + body.next that replaces the
	// parameters of that name. Besides body it knows `link` (the links of the header
	// Link by relation, such as link.next) and `page` (1 for the first page).
	// +optional
	Next Expression `json:"next,omitempty"`
	// cursor gives what the posted body knows as `cursor` when it asks for the next
	// page, and "" (or null) after the last one. It knows what next knows.
	// +optional
	Cursor Expression `json:"cursor,omitempty"`
	// maxPages to read; default: 20.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=200
	MaxPages int32 `json:"maxPages,omitempty"`
}

// HTTPDownloads follows links to files. No credentials and no headers of the
// source are sent to another host.
type HTTPDownloads struct {
	// links gives a list of https addresses (http where the source's url is), at most
	// 50, on hosts that the source lists in downloadHosts.
	// +required
	Links Expression `json:"links,omitempty"`
	// format of the files; default: NDJSON.
	// +optional
	Format HTTPFormat `json:"format,omitempty"`
}

// SQLQuery is one statement that reads.
type SQLQuery struct {
	// statement is a single SELECT (or WITH ... SELECT). It gives a column named
	// value, and a column named segment for a number for each segment. A value that is
	// NULL is unknown; a segment that is NULL or empty is nobody's. In a named query $1, $2 (MySQL: each ?) are the parameters in the
	// order in which they are declared.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=4096
	Statement string `json:"statement,omitempty"`
}

// NamedQueryRef names a query of the source.
type NamedQueryRef struct {
	// name of the query in the source's queries.
	// +required
	Name Name `json:"name,omitempty"`
	// parameters are the values of all the parameters that the query declares.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=8
	Parameters []ParameterValue `json:"parameters,omitempty"`
}

// ParameterName is a name that expressions can use.
// +kubebuilder:validation:MinLength=1
// +kubebuilder:validation:MaxLength=63
// +kubebuilder:validation:Pattern=`^[a-z][a-zA-Z0-9_]*$`
type ParameterName string

// ParameterValue is the value of a parameter. It is bound, never spliced into the
// query: whatever it holds, it stays one value.
type ParameterValue struct {
	// name of the parameter.
	// +required
	Name ParameterName `json:"name,omitempty"`
	// value of the parameter.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Value string `json:"value,omitempty"`
}
