{{/*
Names of the claims that may hold the data of the built-in PostgreSQL, separated by commas: the one that its StatefulSet makes,
even where the values want none now, and the existing one that the values name, read as the subchart reads it.
*/}}
{{- define "learnflow-db.dataClaims" -}}
{{- $existing := dig "primary" "persistence" "existingClaim" "" .Values.postgresql | default "" -}}
{{- list (printf "data-%s-0" (include "learnflow-db.postgresqlName" .)) (tpl $existing .Subcharts.postgresql) | compact | uniq | join "," -}}
{{- end }}

{{/* Size of the volume with the data; existing for that of an existing claim, none where there is none. */}}
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
