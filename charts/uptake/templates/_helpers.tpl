{{- /*
A release may have dots in its name, and a Service may not: without them, so that an
installation is not refused half way. A Service begins with a letter, too.
*/ -}}
{{- define "uptake.fullname" -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- $full := printf "%s-%s" .Release.Name $name -}}
{{- if .Values.fullnameOverride -}}
{{- $full = .Values.fullnameOverride -}}
{{- else if contains $name .Release.Name -}}
{{- $full = .Release.Name -}}
{{- end -}}
{{- $full = $full | replace "." "-" | trunc 40 | trimSuffix "-" -}}
{{- if regexMatch "^[0-9]" $full -}}
{{- fail (printf "names of Services begin with a letter, and %q does not: set fullnameOverride" $full) -}}
{{- end -}}
{{- $full -}}
{{- end -}}

{{- define "uptake.serviceAccount" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (printf "%s-operator" (include "uptake.fullname" .)) .Values.serviceAccount.name -}}
{{- else -}}
{{- default "default" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{- /*
What a Deployment selects can never be changed: nothing that has a version, and no
value, which an upgrade may change.
*/ -}}
{{- define "uptake.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "uptake.labels" -}}
{{ include "uptake.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{- end -}}

{{- /* Those of the release win: a ServiceMonitor selects by them. */ -}}
{{- define "uptake.labelsAnd" -}}
{{- toYaml (merge (fromYaml (include "uptake.labels" (index . 0))) (default dict (index . 1))) -}}
{{- end -}}

{{- define "uptake.image" -}}
{{- $image := printf "%s:%s" .Values.image.repository (default .Chart.AppVersion .Values.image.tag) -}}
{{- if .Values.image.digest }}{{ printf "%s@%s" $image .Values.image.digest }}{{ else }}{{ $image }}{{ end -}}
{{- end -}}

{{- define "uptake.counts" -}}
{{- $wanted := toString .Values.inventory.enabled -}}
{{- if or (eq $wanted "true") (and (eq $wanted "auto") (not .Values.namespaces)) }}true{{ end -}}
{{- end -}}

{{- /* Whether metrics are served over TLS, to whoever may get them. */ -}}
{{- define "uptake.secure" -}}
{{- $wanted := toString .Values.metrics.secure -}}
{{- if or (eq $wanted "true") (and (eq $wanted "auto") (not .Values.namespaces)) }}true{{ end -}}
{{- end -}}

{{- define "uptake.metricsPort" -}}
{{- if include "uptake.secure" . }}8443{{ else }}8080{{ end -}}
{{- end -}}

{{- /* A name in config begins with uptake-; here it begins with the full name. */ -}}
{{- define "uptake.rename" -}}
{{- printf "%s-%s" (include "uptake.fullname" .root) (trimPrefix "uptake-" .name) -}}
{{- end -}}

{{- define "uptake.subjects" -}}
- kind: ServiceAccount
  name: {{ include "uptake.serviceAccount" . }}
  namespace: {{ .Release.Namespace }}
{{- end -}}

{{- /* An object of config, with the names, the namespace and the labels of the release. */ -}}
{{- define "uptake.adapt" -}}
{{- $root := .root -}}
{{- $object := .object -}}
{{- $metadata := $object.metadata -}}
{{- $_ := set $metadata "name" (include "uptake.rename" (dict "root" $root "name" $metadata.name)) -}}
{{- $_ := set $metadata "labels" (merge (default dict $metadata.labels) (fromYaml (include "uptake.labels" $root))) -}}
{{- if .keep -}}
{{- $_ := set $metadata "annotations" (merge (dict "helm.sh/resource-policy" "keep") (default dict $metadata.annotations)) -}}
{{- end -}}
{{- if $metadata.namespace -}}
{{- $_ := set $metadata "namespace" $root.Release.Namespace -}}
{{- end -}}
{{- if $object.roleRef -}}
{{- $_ := set $object.roleRef "name" (include "uptake.rename" (dict "root" $root "name" $object.roleRef.name)) -}}
{{- $_ := set $object "subjects" (fromYamlArray (include "uptake.subjects" $root)) -}}
{{- end -}}
{{- if and $object.spec $object.spec.policyName -}}
{{- $_ := set $object.spec "policyName" (include "uptake.rename" (dict "root" $root "name" $object.spec.policyName)) -}}
{{- end -}}
{{- toYaml $object -}}
{{- end -}}

{{- /* All objects of a file, adapted, but those whose names are left out; with `keep` they stay when the release goes. */ -}}
{{- define "uptake.file" -}}
{{- $root := .root -}}
{{- $without := default list .without -}}
{{- $keep := .keep -}}
{{- range regexSplit "(?m)^---$" ($root.Files.Get .file) -1 -}}
{{- $object := fromYaml . -}}
{{- if and $object $object.metadata (not (has $object.metadata.name $without)) }}
---
{{ include "uptake.adapt" (dict "root" $root "object" $object "keep" $keep) }}
{{- end -}}
{{- end -}}
{{- end -}}

{{- /*
Rules of the operator's generated role: those about the resources in `only`, or
those about any but the resources in `without`.
*/ -}}
{{- define "uptake.rules" -}}
{{- $root := .root -}}
{{- $only := .only -}}
{{- $without := .without -}}
{{- $rules := list -}}
{{- range (fromYaml ($root.Files.Get "files/rbac/role.yaml")).rules -}}
{{- $kept := list -}}
{{- range .resources -}}
{{- if or (has . (default list $only)) (and (not $only) (not (has . (default list $without)))) -}}
{{- $kept = append $kept . -}}
{{- end -}}
{{- end -}}
{{- if $kept -}}
{{- $rules = append $rules (merge (dict "resources" $kept) .) -}}
{{- end -}}
{{- end -}}
{{- toYaml $rules -}}
{{- end -}}
