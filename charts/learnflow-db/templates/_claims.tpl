{{/*
Names of the claims that may hold the data of the built-in PostgreSQL, separated by commas: the one that its StatefulSet creates,
even if the values want none now, and the existing one that the values name, read as the subchart reads it.
*/}}
{{- define "learnflow-db.dataClaims" -}}
{{- list (include "learnflow-db.ownClaim" .) (include "learnflow-db.existingClaim" .) | compact | uniq | join "," -}}
{{- end }}

{{/* The claim that the StatefulSet of the built-in PostgreSQL creates, if it creates one. */}}
{{- define "learnflow-db.ownClaim" -}}
{{ dig "primary" "persistence" "volumeName" "data" .Values.postgresql }}-{{ include "learnflow-db.postgresqlName" . }}-0
{{- end }}

{{/* The existing claim that the values name, as the subchart reads it; empty if they name none. */}}
{{- define "learnflow-db.existingClaim" -}}
{{- with dig "primary" "persistence" "existingClaim" "" .Values.postgresql -}}{{ tpl . $.Subcharts.postgresql }}{{- end -}}
{{- end }}

{{/* The claim that holds the data; empty if there is none, as with an external database. */}}
{{- define "learnflow-db.dataClaim" -}}
{{- if and .Values.postgresql.enabled (dig "primary" "persistence" "enabled" true .Values.postgresql) -}}
{{ include "learnflow-db.existingClaim" . | default (include "learnflow-db.ownClaim" .) }}
{{- end -}}
{{- end }}

{{/* Where the data are in the volume: the data directory without the path that the volume is mounted at. */}}
{{- define "learnflow-db.dataDirectory" -}}
{{- if include "learnflow-db.dataClaim" . -}}
{{- $persistence := dig "primary" "persistence" dict .Values.postgresql -}}
{{- $directory := trimSuffix "/" (.Values.postgresql.postgresqlDataDir | default "/bitnami/postgresql/data") -}}
{{- $mount := trimSuffix "/" ($persistence.mountPath | default "/bitnami/postgresql") -}}
{{ printf "/%s%s" ($persistence.subPath | default "") (trimPrefix $mount $directory) | clean }}
{{- end -}}
{{- end }}

{{/* Size of the volume with the data; `existing` for an existing claim, `none` without a volume. */}}
{{- define "learnflow-db.dataSize" -}}
{{- $persistence := dig "primary" "persistence" dict .Values.postgresql -}}
{{- if not (dig "enabled" true $persistence) -}}
none
{{- else if $persistence.existingClaim -}}
existing
{{- else -}}
{{ $persistence.size }}
{{- end -}}
{{- end }}
