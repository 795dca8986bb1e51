{{/*
Values below postgresql that its chart does not have, one sentence per line: Helm does not report a misspelt one. The table in that
chart's README, which its maintainers generate from its values.yaml, lists all values; below a value of that table everything is
allowed, such as labels. Without a README in the archive nothing is reported.
*/}}
{{- define "learnflow-db.unknownValues" -}}
{{- with (.Subcharts | default dict).postgresql -}}
{{- $known := dict -}}
{{- range regexFindAll "(?m)^\\| `[^`]+`" (.Files.Get "README.md") -1 -}}
{{- $value := trimPrefix "| `" . | trimSuffix "`" -}}
{{- $_ := set $known $value "value" -}}
{{- range $i, $_ := splitList "." $value -}}
{{- $parent := slice (splitList "." $value) 0 $i | join "." -}}
{{- if not (hasKey $known $parent) }}{{ $_ := set $known $parent "parent" }}{{ end -}}
{{- end -}}
{{- end -}}
{{- if $known -}}
{{- /* What Helm and the umbrella put there. The maintainers leave the images' tags out of their table. */ -}}
{{- range concat (list "enabled" "global" "image.acceptStart" "image.acceptFrozen" "serverTls") (keys (.Subcharts | default dict)) }}{{ $_ := set $known . "value" }}{{ end -}}
{{- range keys $known -}}
{{- if hasSuffix "image.repository" . }}{{ $_ := set $known (printf "%stag" (trimSuffix "repository" .)) "value" }}{{ end -}}
{{- end -}}
{{- include "learnflow-db.unknownValuesBelow" (dict "path" "" "values" .Values "known" $known "chart" .Chart) -}}
{{- end -}}
{{- end -}}
{{- end }}

{{/* Parameters: path, that of values; known, a map of all paths; chart. */}}
{{- define "learnflow-db.unknownValuesBelow" -}}
{{- range $key := keys .values | sortAlpha -}}
{{- $path := list $.path $key | compact | join "." -}}
{{- $kind := get $.known $path -}}
{{- if not $kind }}
postgresql.{{ $path }} is not a value of the chart postgresql {{ $.chart.Version }}; did you mean postgresql.{{ include "learnflow-db.nearest" (dict "path" $path "known" $.known) }}?
{{- else if and (eq $kind "parent") (kindIs "map" (get $.values $key)) -}}
{{- include "learnflow-db.unknownValuesBelow" (dict "path" $path "values" (get $.values $key) "known" $.known "chart" $.chart) -}}
{{- end -}}
{{- end -}}
{{- end }}

{{/*
The known path whose last part has most letters and pairs of letters in common with that of another path (Dice's coefficient, twice
the percentage); one beside it counts 60 more, and of equal ones the shortest is taken.
*/}}
{{- define "learnflow-db.nearest" -}}
{{- $pairs := include "learnflow-db.pairs" (base (replace "." "/" .path)) | splitList " " -}}
{{- $folder := dir (replace "." "/" .path) -}}
{{- $best := dict "score" -1000 "path" "" -}}
{{- range $path := keys .known | sortAlpha -}}
{{- $others := include "learnflow-db.pairs" (base (replace "." "/" $path)) | splitList " " -}}
{{- $common := 0 -}}
{{- range $pairs }}{{ if has . $others }}{{ $common = add1 $common }}{{ end }}{{ end -}}
{{- $score := div (mul 400 $common) (add (len $pairs) (len $others)) -}}
{{- if eq $folder (dir (replace "." "/" $path)) }}{{ $score = add 60 $score }}{{ end -}}
{{- $score = sub (mul 1000 $score) (len $path) -}}
{{- if gt (int $score) (int $best.score) }}{{ $best = dict "path" $path "score" $score }}{{ end -}}
{{- end -}}
{{ $best.path }}
{{- end }}

{{/* The letters of a word, and each two that follow each other, separated by spaces. */}}
{{- define "learnflow-db.pairs" -}}
{{- $word := lower . -}}
{{- $pairs := list -}}
{{- range $i := until (len $word) }}{{ $pairs = append $pairs (substr $i (int (add $i 1)) $word) }}{{ end -}}
{{- range $i := until (int (sub (len $word) 1)) }}{{ $pairs = append $pairs (substr $i (int (add $i 2)) $word) }}{{ end -}}
{{ $pairs | join " " }}
{{- end }}
