{{/*
Names of the programs that are enabled, in order.
*/}}
{{- define "playbooks.enabled" -}}
{{- $enabled := list }}
{{- range $name, $own := .Values.programs }}
{{- if $own.enabled }}{{ $enabled = append $enabled $name }}{{ end }}
{{- end }}
{{- sortAlpha $enabled | join " " }}
{{- end }}

{{/*
Whether one of these programs is enabled. Call with (list . "gitops" "catalog").
*/}}
{{- define "playbooks.any" -}}
{{- $programs := (first .).Values.programs }}
{{- range rest . }}{{ if (get $programs .).enabled }}true{{ end }}{{ end }}
{{- end }}

{{/*
The settings of a program: the common ones, and over them its own. Call with
(list . "gateway-api"), and read with fromYaml.
*/}}
{{- define "playbooks.settings" -}}
{{- $root := first . }}
{{- $name := last . }}
{{- $common := pick $root.Values "programOwner" "executiveSponsor" "escalateAfter" "timeZone" "reviewEvery" "segmentBy" "pilotSegments" "reporting" "freezes" "phases" }}
{{- $settings := mergeOverwrite (deepCopy $common) (deepCopy (get $root.Values.programs $name)) }}
{{- $_ := set $settings "name" $name }}
{{- $_ := set $settings "serviceAccountName" (include "playbooks.serviceAccountName" $root) }}
{{- toYaml $settings }}
{{- end }}

{{- define "playbooks.serviceAccountName" -}}
{{- if .Values.serviceAccount.create }}
{{- .Values.serviceAccount.name | default (printf "%s-programs" .Release.Name) }}
{{- else }}
{{- .Values.serviceAccount.name | default "default" }}
{{- end }}
{{- end }}

{{/*
A name for what belongs to no namespace, so that two releases do not share it.
*/}}
{{- define "playbooks.clusterName" -}}
{{- printf "%s-%s-programs" .Release.Namespace .Release.Name }}
{{- end }}

{{- define "playbooks.labels" -}}
labels:
  app.kubernetes.io/name: {{ .Chart.Name }}
  app.kubernetes.io/instance: {{ .Release.Name }}
  app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{/*
What every program says about people and time. Call with the settings.
*/}}
{{- define "playbooks.people" -}}
accountability:
  executiveSponsor: {{ required "executiveSponsor is not set: say who decides what the team cannot, for example --set executiveSponsor=\"CIO office\"" .executiveSponsor | quote }}
  programOwner: {{ required "programOwner is not set: say who runs the program, for example --set programOwner=\"platform team\"" .programOwner | quote }}
  escalateAfter: {{ .escalateAfter }}
timeZone: {{ .timeZone }}
reviewEvery: {{ .reviewEvery }}
serviceAccountName: {{ .serviceAccountName }}
{{- with .freezes }}
freezes:
{{- range . }}
- from: {{ .from | quote }}
  to: {{ .to | quote }}
  reason: {{ .reason | quote }}
  {{- if .quiet }}
  quiet: true
  {{- end }}
{{- end }}
{{- end }}
{{- end }}

{{/*
When a phase may start and should be done, and who sees it. Call with the settings and
the phase's name in `phases`.
*/}}
{{- define "playbooks.time" -}}
{{- $settings := first . }}
{{- $phase := get $settings.phases (last .) -}}
reporting: {{ $settings.reporting }}
{{- with $phase.notBefore }}
notBefore: {{ . | quote }}
{{- end }}
{{- if $phase.deadline }}
deadline: {{ $phase.deadline | quote }}
{{- else if $phase.maxDuration }}
maxDuration: {{ $phase.maxDuration }}
{{- end }}
{{- end }}

{{/*
What a pilot asks for: the target in each of the teams that are named, or a fifth of
everybody, whoever comes first.
*/}}
{{- define "playbooks.pilotTarget" -}}
{{- if .pilotSegments -}}
atLeast: {{ .targets.pilot | quote }}
scope: Each
{{- else -}}
atLeast: "20%"
{{- end }}
{{- end }}

{{/*
Whose a barrier is, and since and until when. Call with the settings and its name.
*/}}
{{- define "playbooks.barrier" -}}
{{- $settings := first . }}
{{- $barrier := get $settings.barriers (last .) -}}
owner: {{ $barrier.owner | default $settings.programOwner | quote }}
{{- with $barrier.reportedAt }}
reportedAt: {{ . | quote }}
{{- end }}
{{- with $barrier.dueBy }}
dueBy: {{ . | quote }}
{{- end }}
{{- end }}

{{/*
The source of a program. Call with (list . "prometheus").
*/}}
{{- define "playbooks.source" -}}
{{- $source := get (first .).Values.sources (last .) -}}
kind: {{ if $source.name }}{{ $source.kind }}{{ else }}UsageSource{{ end }}
name: {{ $source.name | default (last .) }}
{{- end }}

{{/*
The sources of all clusters. Call with (list . "clusterMetrics").
*/}}
{{- define "playbooks.sources" -}}
{{- $sources := get (first .).Values.sources (last .) }}
{{- if $sources.matchLabels -}}
kind: {{ $sources.kind }}
selector:
  matchLabels: {{ toJson $sources.matchLabels }}
{{- else -}}
kind: UsageSource
selector:
  matchLabels: {uptake.dev/playbooks: {{ last . }}}
{{- end }}
{{- end }}

{{/*
A bearer token, where a Secret is named. Call with the source.
*/}}
{{- define "playbooks.bearer" -}}
auth:
  bearer:
    secretKeyRef: {name: {{ .secretName }}, key: {{ .secretKey | default "token" }}}
{{- end }}

{{/*
What the programs' objects queries count in this cluster, as GROUP/RESOURCE of each
program; the core group is empty.
*/}}
{{- define "playbooks.counted" -}}
gateway-api: [/namespaces, networking.k8s.io/ingresses, gateway.networking.k8s.io/httproutes]
pod-security: [/namespaces]
golden-path: [apps/deployments]
gitops: [apps/deployments]
mesh-mtls: [/namespaces, security.istio.io/peerauthentications]
image-signing: [/namespaces]
opentelemetry: [apps/deployments]
cost-labels: [apps/deployments]
catalog: [apps/deployments]
{{- end }}
