// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// SourceType is the discriminator of a source.
// +kubebuilder:validation:Enum=Prometheus;HTTP;SQL;Kubernetes
type SourceType string

const (
	// SourceTypePrometheus is a Prometheus-compatible HTTP API.
	SourceTypePrometheus SourceType = "Prometheus"
	// SourceTypeHTTP is any API that answers with JSON.
	SourceTypeHTTP SourceType = "HTTP"
	// SourceTypeSQL is a PostgreSQL, MySQL or MariaDB database.
	SourceTypeSQL SourceType = "SQL"
	// SourceTypeKubernetes is another cluster, whose objects are counted.
	SourceTypeKubernetes SourceType = "Kubernetes"
)

// SecretLabel must be "true" on a Secret before a source may use it.
const SecretLabel = "uptake.dev/source-credentials"

// SecretHostsAnnotation binds a Secret to the hosts that its content may be sent to,
// separated by commas: api.example.com, *.example.org or db.example.com:5433. They are
// written as in downloadHosts; without it the source decides.
const SecretHostsAnnotation = "uptake.dev/hosts"

// AdHoc says whether programs may write queries of their own.
// +kubebuilder:validation:Enum=Allowed;Denied
type AdHoc string

const (
	// AdHocAllowed lets programs write their own expressions.
	AdHocAllowed AdHoc = "Allowed"
	// AdHocDenied lets programs use named queries only.
	AdHocDenied AdHoc = "Denied"
)

// SegmentNames says which names of segments the queries that programs write
// themselves may show.
// +kubebuilder:validation:Enum=Declared;Any
type SegmentNames string

const (
	// SegmentNamesDeclared shows those that a program declares, or that its population
	// has by a named query or by what is counted in this cluster. The rest is counted.
	SegmentNamesDeclared SegmentNames = "Declared"
	// SegmentNamesAny shows them all.
	SegmentNamesAny SegmentNames = "Any"
)

// SourceSettings is what both kinds of source share: where usage data comes
// from, with which credentials, within which limits.
//
// +kubebuilder:validation:XValidation:rule="(self.type == 'Prometheus') == has(self.prometheus) && (self.type == 'HTTP') == has(self.http) && (self.type == 'SQL') == has(self.sql) && (self.type == 'Kubernetes') == has(self.kubernetes)",message="set exactly the member that type names: prometheus, http, sql or kubernetes"
// +kubebuilder:validation:XValidation:rule="self.type != 'SQL' || (has(self.auth) && has(self.auth.basic))",message="a database needs auth.basic: a Secret with the keys username and password"
// +kubebuilder:validation:XValidation:rule="self.type != 'Kubernetes' || !(has(self.auth) || has(self.tls))",message="the kubeconfig says how to authenticate and whom to trust: leave auth and tls out"
// +kubebuilder:validation:XValidation:rule="!has(self.auth) || has(self.allowPlaintext) && self.allowPlaintext || !(has(self.http) && isURL(self.http.url) && url(self.http.url).getScheme() == 'http' || has(self.prometheus) && isURL(self.prometheus.url) && url(self.prometheus.url).getScheme() == 'http')",message="over http:// everybody on the way reads credentials: use https, or set allowPlaintext: true"
// +kubebuilder:validation:XValidation:rule="has(self.allowPlaintext) && self.allowPlaintext || !has(self.auth) || !has(self.auth.oauth2) || !(isURL(self.auth.oauth2.tokenURL) && url(self.auth.oauth2.tokenURL).getScheme() == 'http')",message="over http:// everybody on the way reads client_secret: use https in tokenURL, or set allowPlaintext: true"
// +kubebuilder:validation:XValidation:rule="has(self.allowPlaintext) && self.allowPlaintext || !has(self.sql) || !has(self.sql.tlsMode) || self.sql.tlsMode != 'Disabled'",message="without TLS everybody on the way reads the password: leave tlsMode out, or set allowPlaintext: true"
type SourceSettings struct {
	// type names the member that is set.
	// +required
	Type SourceType `json:"type,omitempty"`
	// prometheus is a Prometheus-compatible HTTP API.
	// +optional
	Prometheus *PrometheusSource `json:"prometheus,omitempty"`
	// http is any API that answers with JSON.
	// +optional
	HTTP *HTTPSource `json:"http,omitempty"`
	// sql is a database.
	// +optional
	SQL *SQLSource `json:"sql,omitempty"`
	// kubernetes is another cluster.
	// +optional
	Kubernetes *KubernetesSource `json:"kubernetes,omitempty"`
	// interval between two polls of a query.
	// +optional
	// +kubebuilder:default="5m"
	Interval Duration `json:"interval,omitempty"`
	// timeout of one poll, with all its pages and downloads: at most 5m, more is taken
	// for that. What minQueryGap makes it wait is not counted.
	// +optional
	// +kubebuilder:default="10s"
	Timeout Duration `json:"timeout,omitempty"`
	// maxConcurrent requests under way at once.
	// +optional
	// +kubebuilder:default=4
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=64
	MaxConcurrent int32 `json:"maxConcurrent,omitempty"`
	// minQueryGap is the least time between the starts of two requests, pages and
	// files included; default: none.
	// +optional
	MinQueryGap Duration `json:"minQueryGap,omitempty"`
	// auth is how the operator authenticates; default: not at all.
	// +optional
	Auth *SourceAuth `json:"auth,omitempty"`
	// allowPlaintext lets credentials go over connections that are not encrypted, where
	// everybody on the way can read them: http:// addresses, and tlsMode: Disabled.
	// +optional
	AllowPlaintext *bool `json:"allowPlaintext,omitempty"`
	// tls settings for https; default: the operator's system roots.
	// +optional
	TLS *SourceTLS `json:"tls,omitempty"`
	// segmentNames says which names of segments queries that programs write themselves
	// (adHoc: Allowed) may show: Declared, those that the program has declared; Any, all
	// of them, which lets a program show any text that the source answers with. Named
	// queries show all of them.
	// +optional
	// +kubebuilder:default=Declared
	SegmentNames SegmentNames `json:"segmentNames,omitempty"`
	// queries that programs may use by name.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=100
	Queries []NamedQuery `json:"queries,omitempty"`
}

// PrometheusSource is the address of a Prometheus-compatible HTTP API. What an address
// must not hold is a rule of the whole, so that refusing it does not print it.
// +kubebuilder:validation:XValidation:rule="!self.url.contains('@')",fieldPath=".url",message="no credentials in the address: put them into a Secret, and write spec.auth: {basic: {secretRef: {name: SECRET}}}"
// +kubebuilder:validation:XValidation:rule="!self.url.contains('?') && !self.url.contains('#')",fieldPath=".url",message="no query or fragment in the address: write params: [{name: NAME, value: VALUE}] beside url"
type PrometheusSource struct {
	// url is the base address, without /api/v1 and without credentials.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=2048
	// +kubebuilder:validation:XValidation:rule="isURL(self) && url(self).getScheme() in ['http','https'] && url(self).getHost() != ''",message="an http or https address with a host, such as https://prometheus.example.com"
	// +kubebuilder:validation:XValidation:rule="!self.matches('/(api/v1(/.*)?|graph/?)$')",message="leave /api/v1 out of the address: the operator adds it; and /graph, which is for people"
	URL string `json:"url,omitempty"`
	// headers are sent with each request, such as X-Scope-OrgID for a tenant. They
	// are not for credentials: those belong in auth.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=16
	Headers []Header `json:"headers,omitempty"`
	// params are added to the address of each request, such as namespace for a tenant,
	// partial_response or extra_label. A name may occur several times.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=16
	Params []URLParameter `json:"params,omitempty"`
	// maxResponseSize bounds one answer, unpacked, at most 16Mi. A larger answer is
	// refused as a whole, never cut.
	// +optional
	// +kubebuilder:default="1Mi"
	MaxResponseSize Size `json:"maxResponseSize,omitempty"`
}

// Size is a number of bytes, from 1Ki to 16Mi, such as 512Ki or 4Mi.
//
// +kubebuilder:validation:MinLength=3
// +kubebuilder:validation:MaxLength=6
// +kubebuilder:validation:XValidation:rule="self.matches('^([1-9][0-9]{0,3}Ki|([1-9]|1[0-6])Mi)$')",message="a size from 1Ki to 16Mi, such as 512Ki or 4Mi"
type Size string

// URLParameter is a parameter in the query of an address. It is no credential.
type URLParameter struct {
	// name of the parameter.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=128
	// +kubebuilder:validation:Pattern=`^[A-Za-z0-9_.\[\]-]+$`
	// +kubebuilder:validation:XValidation:rule="!(self in ['query','time','timeout','start','end','step'])",message="this parameter is the operator's: it says what is asked, and for when"
	Name string `json:"name,omitempty"`
	// value of the parameter.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	// +kubebuilder:validation:Pattern=`^[ -~]+$`
	Value string `json:"value,omitempty"`
}

// HTTPSource is the address of an API that answers with JSON.
// +kubebuilder:validation:XValidation:rule="!self.url.contains('@')",fieldPath=".url",message="no credentials in the address: put them into a Secret, and write spec.auth: {basic: {secretRef: {name: SECRET}}}"
// +kubebuilder:validation:XValidation:rule="!self.url.contains('?') && !self.url.contains('#')",fieldPath=".url",message="no query or fragment in the address: they belong into the path of each query"
type HTTPSource struct {
	// url is the base address, without credentials. The paths of queries are added to it.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=2048
	// +kubebuilder:validation:XValidation:rule="isURL(self) && url(self).getScheme() in ['http','https'] && url(self).getHost() != ''",message="an http or https address with a host, such as https://api.example.com"
	URL string `json:"url,omitempty"`
	// allowedPathPrefix is where queries may go, as a path that is added to url,
	// such as /orgs/acme; default: anywhere below url. It holds for every request,
	// redirects and pages included.
	// +optional
	// +kubebuilder:validation:MaxLength=512
	// +kubebuilder:validation:Pattern=`^(/[A-Za-z0-9._~-]*[A-Za-z0-9_~-][A-Za-z0-9._~-]*)*/?$`
	AllowedPathPrefix string `json:"allowedPathPrefix,omitempty"`
	// headers are sent with each request, such as an API version. They are not for
	// credentials: those belong in auth.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=16
	Headers []Header `json:"headers,omitempty"`
	// downloadHosts are the hosts whose links queries may follow to files, such as
	// reports.example.com, *.blob.example.com or reports-*.example.com: a star stands
	// for what is within the first label; default: none.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=16
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=253
	// +kubebuilder:validation:items:Pattern=`^([a-z0-9-]*\*[a-z0-9-]*(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?){2,}|[a-z0-9]([a-z0-9.-]*[a-z0-9])?)(:[0-9]{1,5})?$`
	DownloadHosts []string `json:"downloadHosts,omitempty"`
	// maxResponseSize bounds one page or file, unpacked, at most 16Mi. A larger answer
	// is refused as a whole, never cut. All answers that are read at once share 64 MiB
	// of decoded content, so large ones wait for each other.
	// +optional
	// +kubebuilder:default="1Mi"
	MaxResponseSize Size `json:"maxResponseSize,omitempty"`
}

// Header is a header of a request.
type Header struct {
	// name of the header.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=128
	// +kubebuilder:validation:Pattern=`^[A-Za-z0-9-]+$`
	// +kubebuilder:validation:XValidation:rule="!(self.lowerAscii() in ['authorization','proxy-authorization','cookie','host','content-length','transfer-encoding','connection','upgrade','te','trailer','accept-encoding'])",message="this header is the operator's: credentials belong in auth"
	Name string `json:"name,omitempty"`
	// value of the header.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	// +kubebuilder:validation:Pattern=`^[ -~]+$`
	Value string `json:"value,omitempty"`
}

// SQLEngine is the language that a database speaks.
// +kubebuilder:validation:Enum=PostgreSQL;MySQL
type SQLEngine string

const (
	// SQLEnginePostgreSQL is PostgreSQL.
	SQLEnginePostgreSQL SQLEngine = "PostgreSQL"
	// SQLEngineMySQL is MySQL or MariaDB.
	SQLEngineMySQL SQLEngine = "MySQL"
)

// TLSMode is whether a connection to a database is encrypted.
// +kubebuilder:validation:Enum=VerifyFull;Disabled
type TLSMode string

const (
	// TLSModeVerifyFull encrypts, and verifies certificate and host name.
	TLSModeVerifyFull TLSMode = "VerifyFull"
	// TLSModeDisabled sends everything in the clear.
	TLSModeDisabled TLSMode = "Disabled"
)

// SQLSource is a database. Give it a user who may do nothing but read what is
// counted; auth.basic holds name and password.
type SQLSource struct {
	// engine is PostgreSQL, or MySQL (which MariaDB speaks as well).
	// +required
	Engine SQLEngine `json:"engine,omitempty"`
	// host is a host name or an IP address.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:Pattern=`^[A-Za-z0-9]([A-Za-z0-9.:-]*[A-Za-z0-9])?$`
	Host string `json:"host,omitempty"`
	// port; default: 5432 for PostgreSQL, 3306 for MySQL.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=65535
	Port int32 `json:"port,omitempty"`
	// database is its name.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=128
	Database string `json:"database,omitempty"`
	// tlsMode is VerifyFull, or Disabled; default: VerifyFull.
	// +optional
	TLSMode TLSMode `json:"tlsMode,omitempty"`
}

// KubernetesSource is another cluster. What may be counted there is decided by
// the rights of the account in the kubeconfig.
type KubernetesSource struct {
	// kubeconfig is how to reach the cluster. It holds its certificates and its
	// token itself: files, commands and proxies are refused.
	// +required
	Kubeconfig KubeconfigSource `json:"kubeconfig,omitempty,omitzero"`
}

// KubeconfigSource holds a kubeconfig in a Secret.
type KubeconfigSource struct {
	// secretKeyRef names a key of a Secret that carries the label uptake.dev/source-credentials: "true".
	// +required
	SecretKeyRef KeyRef `json:"secretKeyRef,omitempty,omitzero"`
}

// SourceAuth is exactly one way to authenticate. Every Secret lies in the
// source's namespace (for a ClusterUsageSource: the operator's) and carries the
// label uptake.dev/source-credentials: "true".
//
// +kubebuilder:validation:XValidation:rule="[has(self.basic),has(self.bearer),has(self.header),has(self.oauth2)].filter(x, x).size() == 1",message="auth is exactly one of basic, bearer, header and oauth2"
type SourceAuth struct {
	// basic is HTTP basic authentication, or the user of a database.
	// +optional
	Basic *BasicAuth `json:"basic,omitempty"`
	// bearer is a bearer token.
	// +optional
	Bearer *BearerAuth `json:"bearer,omitempty"`
	// header is a key in a header of its own, such as X-API-Key.
	// +optional
	Header *HeaderAuth `json:"header,omitempty"`
	// oauth2 gets tokens with the client credentials grant.
	// +optional
	OAuth2 *OAuth2Auth `json:"oauth2,omitempty"`
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

// HeaderAuth sends a key in a header.
type HeaderAuth struct {
	// name of the header, such as X-API-Key.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=128
	// +kubebuilder:validation:Pattern=`^[A-Za-z0-9-]+$`
	// +kubebuilder:validation:XValidation:rule="!(self.lowerAscii() in ['cookie','host','content-length','transfer-encoding','connection','upgrade','te','trailer','accept-encoding'])",message="this header is not for credentials"
	Name string `json:"name,omitempty"`
	// prefix is written before the key, such as "Token " with its space; default: none.
	// +optional
	// +kubebuilder:validation:MaxLength=64
	// +kubebuilder:validation:Pattern=`^[ -~]*$`
	Prefix string `json:"prefix,omitempty"`
	// secretKeyRef names the key that is sent.
	// +required
	SecretKeyRef KeyRef `json:"secretKeyRef,omitempty,omitzero"`
}

// OAuth2Auth gets tokens with the client credentials grant (RFC 6749, section 4.4).
// +kubebuilder:validation:XValidation:rule="!self.tokenURL.contains('@') && !self.tokenURL.contains('#')",fieldPath=".tokenURL",message="no credentials or fragment in the address: write secretRef: {name: SECRET}, with client_id and client_secret"
type OAuth2Auth struct {
	// tokenURL is where tokens are issued.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=2048
	// +kubebuilder:validation:XValidation:rule="isURL(self) && url(self).getScheme() in ['http','https'] && url(self).getHost() != ''",message="an http or https address with a host, such as https://login.example.com/oauth2/token"
	TokenURL string `json:"tokenURL,omitempty"`
	// secretRef names a Secret with the keys client_id and client_secret.
	// +required
	SecretRef LocalRef `json:"secretRef,omitempty,omitzero"`
	// scopes to ask for; default: none.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=16
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=256
	Scopes []string `json:"scopes,omitempty"`
	// audience to ask for, which some servers need; default: none.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	Audience string `json:"audience,omitempty"`
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

// SourceTLS says whom to trust, and who the operator is. Certificates are always
// verified.
type SourceTLS struct {
	// ca is the authority that signed the server's certificate, in PEM; default:
	// the operator's system roots.
	// +optional
	CA *CASource `json:"ca,omitempty"`
	// certificate is the operator's own, for servers that ask for one.
	// +optional
	Certificate *CertificateSource `json:"certificate,omitempty"`
	// serverName is the name in the server's certificate; default: the host of the address.
	// +optional
	// +kubebuilder:validation:MaxLength=253
	ServerName string `json:"serverName,omitempty"`
}

// CertificateSource holds a client certificate with its key.
type CertificateSource struct {
	// secretRef names a Secret with the keys tls.crt and tls.key, that carries the
	// label uptake.dev/source-credentials: "true".
	// +required
	SecretRef LocalRef `json:"secretRef,omitempty,omitzero"`
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

// NamedQuery is written by the administrator and used by programs by name. It is
// exactly one of prometheus, http, sql and objects, the one that fits the source.
//
// +kubebuilder:validation:XValidation:rule="[has(self.prometheus),has(self.http),has(self.sql),has(self.objects)].filter(x, x).size() == 1",message="a named query is exactly one of prometheus, http, sql and objects"
type NamedQuery struct {
	// name that programs use.
	// +required
	Name Name `json:"name,omitempty"`
	// description for the people who choose a query.
	// +optional
	// +kubebuilder:validation:MaxLength=512
	Description string `json:"description,omitempty"`
	// parameters that programs give values for. They are $name in a Prometheus
	// expression, {name} in a path, params.name in CEL, and $1 or ? in SQL.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=8
	Parameters []QueryParameter `json:"parameters,omitempty"`
	// prometheus is the expression.
	// +optional
	Prometheus *PrometheusQuery `json:"prometheus,omitempty"`
	// http is the request and what is made of its answer.
	// +optional
	HTTP *NamedHTTPQuery `json:"http,omitempty"`
	// sql is the statement.
	// +optional
	SQL *SQLQuery `json:"sql,omitempty"`
	// objects is what is counted in the source's cluster.
	// +optional
	Objects *ObjectsQuery `json:"objects,omitempty"`
}

// QueryParameter is something that a program fills in.
type QueryParameter struct {
	// name of the parameter.
	// +required
	Name ParameterName `json:"name,omitempty"`
	// description for the people who fill it in.
	// +optional
	// +kubebuilder:validation:MaxLength=512
	Description string `json:"description,omitempty"`
}

// HTTPMethod is how a request asks.
// +kubebuilder:validation:Enum=GET;POST
type HTTPMethod string

const (
	// HTTPMethodGet asks without a body.
	HTTPMethodGet HTTPMethod = "GET"
	// HTTPMethodPost asks with a body.
	HTTPMethodPost HTTPMethod = "POST"
)

// NamedHTTPQuery is an HTTPQuery that may also post a question. Only an
// administrator may write it, because a POST may change things.
//
// +kubebuilder:validation:XValidation:rule="!has(self.body) || (has(self.method) && self.method == 'POST')",message="a body goes with method: POST"
// +kubebuilder:validation:XValidation:rule="!has(self.pagination) || !has(self.pagination.cursor) || has(self.body)",message="pagination.cursor is for a body: set method: POST and body"
type NamedHTTPQuery struct {
	HTTPQuery `json:",inline"`
	// method is GET or POST; default: GET.
	// +optional
	Method HTTPMethod `json:"method,omitempty"`
	// body is a CEL expression whose result is sent as JSON, such as
	// {"query": "team:" + params.team, "to": string(now)}. It knows `page` and, with
	// pagination.cursor, `cursor`, which is null on the first page.
	// +optional
	Body Expression `json:"body,omitempty"`
}

// UsageSourceSpec is a source for the programs of its namespace.
type UsageSourceSpec struct {
	SourceSettings `json:",inline"`
	// adHoc says whether programs may write queries of their own. Who may write one sees
	// in numbers whatever the source's credentials may read.
	// +optional
	// +kubebuilder:default=Denied
	AdHoc AdHoc `json:"adHoc,omitempty"`
}

// ClusterUsageSourceSpec is a source for the programs of many namespaces.
type ClusterUsageSourceSpec struct {
	SourceSettings `json:",inline"`
	// adHoc says whether programs may write queries of their own. Who may write one sees
	// in numbers whatever the source's credentials may read.
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
	// +kubebuilder:validation:XValidation:rule="(!has(self.matchLabels) || self.matchLabels.size() <= 32) && (!has(self.matchExpressions) || self.matchExpressions.size() <= 32)",message="a selector has at most 32 labels and 32 expressions"
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
	// usedBy names up to ten of them, namespace/name.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=10
	// +kubebuilder:validation:items:MaxLength=320
	UsedBy []string `json:"usedBy,omitempty"`
	// queries is the number of different queries that are polled.
	// +optional
	// +kubebuilder:validation:Minimum=0
	Queries *int32 `json:"queries,omitempty"`
	// answeredAt is when a query was last answered. It is written with other changes, an
	// outage among them: while the source answers it stays.
	// +optional
	AnsweredAt *metav1.Time `json:"answeredAt,omitempty"`
	// nextTryAt is when a source that does not answer is asked again.
	// +optional
	NextTryAt *metav1.Time `json:"nextTryAt,omitempty"`
	// conditions: Ready always; Reconciling and Stalled only while True. Reasons
	// of Ready: Polling, NotUsed, AwaitingData, PollsFailing, AddressRefused,
	// SecretForbidden, SecretNotFound, SecretNotLabelled, SecretNotForHost,
	// KeyNotFound, InvalidSpec.
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
// +kubebuilder:printcolumn:name="Answered",type=string,JSONPath=`.status.answeredAt`,priority=1
// +kubebuilder:printcolumn:name="Next Try",type=string,JSONPath=`.status.nextTryAt`,priority=1
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
// +kubebuilder:printcolumn:name="Answered",type=string,JSONPath=`.status.answeredAt`,priority=1
// +kubebuilder:printcolumn:name="Next Try",type=string,JSONPath=`.status.nextTryAt`,priority=1
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
