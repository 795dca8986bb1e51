{{- define "postgresql.labels" -}}
{{ include "postgresql.selector" . }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
app.kubernetes.io/version: {{ .Chart.AppVersion }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end }}

{{- define "postgresql.selector" -}}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/name: postgresql
app.kubernetes.io/component: primary
{{- end }}

{{- define "postgresql.name" -}}
{{ .Values.fullnameOverride | default (printf "%s-postgresql" .Release.Name) }}
{{- end }}

{{/* A probe. Parameters: root; probe, its values. */}}
{{- define "postgresql.probe" -}}
{{ omit .probe "enabled" | toYaml }}
exec:
  command:
    - /bin/sh
    - -c
    - exec pg_isready -U {{ .root.Values.auth.username }} -d "dbname={{ .root.Values.auth.database }}" -h 127.0.0.1 -p 5432
{{- end }}
