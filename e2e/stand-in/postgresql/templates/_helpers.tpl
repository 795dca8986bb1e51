{{- define "postgresql.labels" -}}
{{ include "postgresql.selector" . }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
app.kubernetes.io/version: {{ .Chart.AppVersion }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end }}

{{- define "postgresql.selector" -}}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/name: {{ .Values.nameOverride | default "postgresql" }}
app.kubernetes.io/component: primary
{{- end }}

{{- define "postgresql.name" -}}
{{ .Values.fullnameOverride | default (printf "%s-postgresql" .Release.Name) }}
{{- if eq .Values.architecture "replication" }}-{{ .Values.primary.name }}{{ end }}
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

{{- define "postgresql.securityContext" -}}
allowPrivilegeEscalation: false
capabilities:
  drop: [ALL]
privileged: false
readOnlyRootFilesystem: true
runAsGroup: 1001
runAsNonRoot: true
runAsUser: 1001
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{- define "postgresql.tlsCertificate" -}}
{{ required "Certificate filename is required when TLS in enabled" .Values.tls.certFilename | printf "/opt/bitnami/postgresql/certs/%s" }}
{{- end }}

{{- define "postgresql.tlsKey" -}}
{{ required "Certificate Key filename is required when TLS in enabled" .Values.tls.certKeyFilename | printf "/opt/bitnami/postgresql/certs/%s" }}
{{- end }}
