{{/*
What the schema cannot express: values that exclude or require each other. All errors are reported at once.
*/}}
{{- define "learnflow-db.validate" -}}
{{- $errors := list -}}
{{- $postgresql := .Values.postgresql -}}
{{- $external := .Values.externalDatabase -}}
{{- $credentials := .Values.credentials -}}

{{- /* RELEASE-credentials is the longest name of a Job, whose name is also a label. */ -}}
{{- if gt (len .Release.Name) 51 -}}
{{- $errors = append $errors (printf "the release name %q has %d characters; at most 51 are possible, since RELEASE-credentials is also a label" .Release.Name (len .Release.Name)) -}}
{{- end -}}

{{- /* Kubernetes appends a number of eleven characters to a CronJob's name. */ -}}
{{- if and .Values.reconcile.schedule (gt (len .Release.Name) 42) -}}
{{- $errors = append $errors (printf "the release name %q has %d characters; with reconcile.schedule at most 42 are possible, since RELEASE-reconcile is the name of a CronJob" .Release.Name (len .Release.Name)) -}}
{{- end -}}
{{- if and .Values.backup.drill.schedule (not .Values.backup.schedule) (gt (len .Release.Name) 46) -}}
{{- $errors = append $errors (printf "the release name %q has %d characters; with backup.drill.schedule at most 46 are possible, since RELEASE-drill is the name of a CronJob" .Release.Name (len .Release.Name)) -}}
{{- end -}}
{{- if and .Values.metrics.enabled (gt (len .Release.Name) 45) -}}
{{- $errors = append $errors (printf "the release name %q has %d characters; with metrics.enabled at most 45 are possible, since RELEASE-verify is the name of a CronJob" .Release.Name (len .Release.Name)) -}}
{{- end -}}
{{- if and .Values.metrics.enabled (hasKey .Values.services "monitoring") -}}
{{- $errors = append $errors "metrics.enabled makes a service monitoring, and services has one too: give yours another name" -}}
{{- end -}}
{{- range $part := list "serviceMonitor" "prometheusRule" "dashboard" -}}
{{- if and (get $.Values.metrics $part).enabled (not $.Values.metrics.enabled) -}}
{{- $errors = append $errors (printf "metrics.%s.enabled needs metrics.enabled" $part) -}}
{{- end -}}
{{- end -}}
{{- $lacking := list -}}
{{- range $part, $kind := dict "serviceMonitor" "ServiceMonitor" "prometheusRule" "PrometheusRule" -}}
{{- if and $.Values.metrics.enabled (get $.Values.metrics $part).enabled (include "learnflow-db.lacks" (dict "context" $ "kind" (printf "monitoring.coreos.com/v1/%s" $kind))) -}}
{{- $lacking = append $lacking (printf "metrics.%s.enabled" $part) -}}
{{- end -}}
{{- end -}}
{{- with $lacking -}}
{{- $errors = append $errors (printf "this cluster does not have the CRDs of the Prometheus Operator (monitoring.coreos.com/v1) for %s: install the operator, such as with the chart kube-prometheus-stack, or set %s=false%s" (join " and " .) (join "=false," .) ($.Release.IsUpgrade | ternary "; if the release has such objects already, Helm needs the CRDs to remove them too" "")) -}}
{{- end -}}
{{- if and .Values.backup.schedule (gt (len .Release.Name) 45) -}}
{{- $errors = append $errors (printf "the release name %q has %d characters; with backup.schedule at most 45 are possible, since RELEASE-backup is the name of a CronJob" .Release.Name (len .Release.Name)) -}}
{{- end -}}

{{- if and $postgresql.enabled $external.host -}}
{{- $errors = append $errors (printf "postgresql.enabled is true and externalDatabase.host is %q: one database is enough; set postgresql.enabled=false, or externalDatabase.host to \"\"" $external.host) -}}
{{- end -}}
{{- $cluster := $external.cloudnativePG.cluster -}}
{{- if not (or $postgresql.enabled $external.host $cluster) -}}
{{- $errors = append $errors "there is no database: set externalDatabase.host, externalDatabase.cloudnativePG.cluster, or postgresql.enabled=true" -}}
{{- end -}}
{{- if and $postgresql.enabled $cluster -}}
{{- $errors = append $errors (printf "postgresql.enabled is true and externalDatabase.cloudnativePG.cluster is %q: one database is enough; set postgresql.enabled=false, or the Cluster to \"\"" $cluster) -}}
{{- end -}}
{{- if and (not $postgresql.enabled) $cluster -}}
{{- range $key := list "host" "adminUser" "appUser" "appSecret" -}}
{{- with get $external $key -}}
{{- $errors = append $errors (printf "externalDatabase.%s is %q, but it comes from Cluster %s: leave it out, or externalDatabase.cloudnativePG.cluster" $key . $cluster) -}}
{{- end -}}
{{- end -}}
{{- if ne (int $external.port) 5432 -}}
{{- $errors = append $errors (printf "externalDatabase.port is %d, but CloudNativePG serves on 5432 alone: leave it out" (int $external.port)) -}}
{{- end -}}
{{- if $credentials.existingSecret -}}
{{- $errors = append $errors (printf "credentials.existingSecret is %q, but the release creates the passwords for the roles in Cluster %s, and CloudNativePG its superuser's: leave it out" $credentials.existingSecret $cluster) -}}
{{- end -}}
{{- end -}}

{{- if and (not $postgresql.enabled) $external.host -}}
{{- $host := $external.host -}}
{{- $why := "" -}}
{{- if contains "://" $host -}}
{{- /* It may hold a password. */ -}}
{{- $errors = append $errors "externalDatabase.host is a URI: give its parts as externalDatabase.host, .port, .database and .user" -}}
{{- else if contains "," $host -}}
{{- $why = "several hosts are not supported, since everything must happen on the primary: name the primary's, such as CloudNativePG's Service that ends in -rw" -}}
{{- else if regexMatch "^\\[.*\\]$" $host -}}
{{- $why = "write an IPv6 address without brackets" -}}
{{- else if regexMatch "^[^:]*:[0-9]+$" $host -}}
{{- $why = "it has a port: give that as externalDatabase.port" -}}
{{- else if regexMatch "^[A-Za-z0-9].*[^.]\\.$" $host -}}
{{- $why = "leave out the dot at its end, which no certificate contains" -}}
{{- else if not (regexMatch "^([A-Za-z0-9_]([-A-Za-z0-9_]*[A-Za-z0-9_])?(\\.[A-Za-z0-9_]([-A-Za-z0-9_]*[A-Za-z0-9_])?)*|[0-9A-Fa-f.]*:[0-9A-Fa-f:.]*)$" $host) -}}
{{- $why = "it is not a valid host name or address" -}}
{{- end -}}
{{- with $why -}}
{{- $errors = append $errors (printf "externalDatabase.host is %q: %s" $host .) -}}
{{- end -}}
{{- end -}}

{{- if not $postgresql.enabled -}}
{{- if not (or $credentials.existingSecret $cluster) -}}
{{- $errors = append $errors "an external database needs credentials.existingSecret, a Secret with its passwords; see docs/how-to/external-database.md" -}}
{{- end -}}
{{- if and $external.ca.existingSecret (not (hasPrefix "verify-" $external.sslmode)) -}}
{{- $errors = append $errors (printf "externalDatabase.ca.existingSecret is %q, but sslmode %s verifies nothing: set verify-full or verify-ca, or leave the certificate out" $external.ca.existingSecret $external.sslmode) -}}
{{- end -}}
{{- if and (hasPrefix "verify-" $external.sslmode) (not (include "learnflow-db.externalCaSecret" .)) -}}
{{- $errors = append $errors (printf "externalDatabase.sslmode %s needs externalDatabase.ca.existingSecret, a Secret with the authority's certificate" $external.sslmode) -}}
{{- end -}}
{{- end -}}

{{- if $postgresql.enabled -}}
{{- $auth := $postgresql.auth -}}
{{- $secret := tpl ($auth.existingSecret | default "") . -}}
{{- $expected := include "learnflow-db.credentialsSecret" . -}}
{{- if ne $secret $expected -}}
{{- $errors = append $errors (printf "PostgreSQL reads its passwords from Secret %q and the migrator from %q: set postgresql.auth.existingSecret and credentials.existingSecret to the same name" $secret $expected) -}}
{{- end -}}
{{- $subchartKeys := $auth.secretKeys -}}
{{- if ne $subchartKeys.adminPasswordKey $credentials.keys.admin -}}
{{- $errors = append $errors (printf "postgresql.auth.secretKeys.adminPasswordKey is %q and credentials.keys.admin is %q: set both to the same key" $subchartKeys.adminPasswordKey $credentials.keys.admin) -}}
{{- end -}}
{{- if ne $subchartKeys.userPasswordKey $credentials.keys.owner -}}
{{- $errors = append $errors (printf "postgresql.auth.secretKeys.userPasswordKey is %q and credentials.keys.owner is %q: set both to the same key" $subchartKeys.userPasswordKey $credentials.keys.owner) -}}
{{- end -}}
{{- if eq (toString $auth.enablePostgresUser) "false" -}}
{{- $errors = append $errors "postgresql.auth.enablePostgresUser is false, but the role postgres creates the roles: set it to true" -}}
{{- end -}}
{{- $errors = concat $errors (include "learnflow-db.unknownValues" . | splitList "\n" | compact) -}}
{{- $errors = concat $errors (include "learnflow-db.startErrors" . | splitList "\n" | compact) -}}
{{- with $postgresql.namespaceOverride -}}
{{- $errors = append $errors (printf "postgresql.namespaceOverride is %q, but the database, its passwords and the Jobs are in the release's namespace: install the release there, helm --namespace %s" . .) -}}
{{- end -}}
{{- with .Values.global.postgresql -}}
{{- $errors = append $errors "global.postgresql is not read by this chart: set the same under postgresql" -}}
{{- end -}}
{{- if and $postgresql.serverTls.enabled ($postgresql.tls | default dict).enabled -}}
{{- $errors = append $errors "postgresql.tls.enabled and postgresql.serverTls.enabled exclude each other: remove postgresql.tls, and name its Secret, with a ca.crt, in postgresql.serverTls.existingSecret; or set postgresql.serverTls.enabled=false" -}}
{{- end -}}
{{- /* Also in a mirror that keeps the path. */ -}}
{{- if not (dig "image" "acceptFrozen" false $postgresql) -}}
{{- range $path := include "learnflow-db.subchartImages" . | splitList " " -}}
{{- $image := $postgresql -}}
{{- range splitList "." $path }}{{ $image = get ($image | default dict) . }}{{ end -}}
{{- $repository := get ($image | default dict) "repository" | default (printf "bitnami/%s" $path) -}}
{{- if regexMatch "(^|/)bitnami(legacy)?/[^/]+$" (printf "%s/%s" (get ($image | default dict) "registry" | default "") $repository) -}}
{{- $errors = append $errors (printf "postgresql.%s.repository is %q, which has been frozen since August 2025: every security hole that was fixed since then stays open; choose a maintained image, see docs/how-to/postgresql-images.md, or accept frozen images for now: postgresql.image.acceptFrozen=true" $path $repository) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- if and (eq ($postgresql.architecture | default "standalone") "replication") (not $credentials.existingSecret) -}}
{{- $errors = append $errors "postgresql.architecture=replication needs a Secret with the key replication-password too: create it, and set credentials.existingSecret and postgresql.auth.existingSecret to its name" -}}
{{- end -}}
{{- $theirs := dig "primary" "networkPolicy" "enabled" true $postgresql -}}
{{- if ne $theirs .Values.networkPolicy.enabled -}}
{{- $errors = append $errors (printf "networkPolicy.enabled is %t and postgresql.primary.networkPolicy.enabled is %t: set both to the same" .Values.networkPolicy.enabled $theirs) -}}
{{- end -}}
{{- end -}}

{{- $admin := include "learnflow-db.adminUser" . -}}
{{- $owner := include "learnflow-db.ownerUser" . -}}
{{- $app := include "learnflow-db.appUser" . -}}
{{- $ownerKey := $postgresql.enabled | ternary "postgresql.auth.username" "externalDatabase.user" -}}
{{- $services := include "learnflow-db.services" . | default "[]" | fromJsonArray -}}
{{- $appKey := or $postgresql.enabled (not $external.appUser) | ternary "roles.app" "externalDatabase.appUser" -}}
{{- range list
  (dict "key" $ownerKey "role" $owner "admins" (list $admin))
  (dict "key" $appKey "role" $app "admins" (list $admin "postgres")) -}}
{{- if and (eq .role "none") (eq .key $appKey) $services -}}
{{- /* Each service has its own. */ -}}
{{- else if and (eq .role "none") (eq .key $appKey) -}}
{{- $errors = append $errors (printf "%s is \"none\", but no service has a role of its own: add services, see docs/reference/services.md, or name a role" .key) -}}
{{- else if or (not .role) (has .role .admins) -}}
{{- $errors = append $errors (printf "%s is %q: it must be a role of its own, which does not have the admin's privileges" .key .role) -}}
{{- else if or (hasPrefix "pg_" .role) (has .role (list "public" "none")) -}}
{{- $errors = append $errors (printf "%s is %q: PostgreSQL reserves public, none and all names that begin with pg_; give the role another name" .key .role) -}}
{{- end -}}
{{- end -}}
{{- if eq $owner $app -}}
{{- $errors = append $errors (printf "%s and %s are both %q: the service role must not own the database" $ownerKey $appKey $app) -}}
{{- end -}}

{{- $errors = concat $errors (include "learnflow-db.serviceErrors" . | splitList "\n" | compact) -}}

{{- if and (not $credentials.existingSecret) (or (ne $credentials.keys.admin "postgres-password") (ne $credentials.keys.owner "password") (ne $credentials.keys.app "app-password")) -}}
{{- $errors = append $errors "credentials.keys names keys of an existing Secret, but credentials.existingSecret is empty: set it, or do not change the keys" -}}
{{- end -}}

{{- if and .Values.backup.drill.schedule (not (include "learnflow-db.dumps" .)) -}}
{{- $errors = append $errors "backup.drill.schedule is set, but nothing is dumped that could be restored: set backup.schedule or backup.beforeMigrate" -}}
{{- end -}}
{{- with .Values.backup.offsite -}}
{{- if and .bucket (not $.Values.backup.schedule) -}}
{{- $errors = append $errors "backup.offsite.bucket is set, but the CronJob that dumps and copies has no schedule: set backup.schedule, such as \"15 2 * * *\"" -}}
{{- end -}}
{{- if and .bucket .existingSecret .serviceAccount -}}
{{- $errors = append $errors "backup.offsite has existingSecret and serviceAccount: set the one that the store knows" -}}
{{- end -}}
{{- range .ageRecipients -}}
{{- if not (regexMatch "^age1[a-z0-9]{58}$" .) -}}
{{- $errors = append $errors (printf "backup.offsite.ageRecipients: %q is not a recipient, which begins with age1 and has 62 characters: age-keygen prints it; an identity, which begins with AGE-SECRET-KEY, does not belong into values" (. | trunc 8)) -}}
{{- end -}}
{{- end -}}
{{- if and (not .bucket) (or .endpoint .existingSecret .serviceAccount .ageRecipients) -}}
{{- $errors = append $errors "backup.offsite has settings but no bucket, so no dump would leave the cluster: set backup.offsite.bucket" -}}
{{- end -}}
{{- end -}}
{{- if dig "backup" "enabled" false $postgresql -}}
{{- $errors = append $errors "postgresql.backup.enabled is true, but that CronJob works on the database as the superuser: remove postgresql.backup, and set backup.schedule instead of its cronjob.schedule, backup.keepScheduled instead of the number in its command, backup.volume.existingClaim instead of its storage.existingClaim, and backup.resources instead of its resources; see docs/how-to/backup.md" -}}
{{- end -}}

{{- $alerts := .Files.Get "files/alerts.yaml" -}}
{{- range .Values.metrics.prometheusRule.disabled -}}
{{- if not (contains (printf "alert: %s\n" .) $alerts) -}}
{{- $errors = append $errors (printf "metrics.prometheusRule.disabled: no alert is named %q; docs/runbooks/README.md lists them" .) -}}
{{- end -}}
{{- end -}}

{{- range .Values.networkPolicy.clients -}}
{{- if not (or .namespace .podLabels) -}}
{{- $errors = append $errors (printf "networkPolicy.clients has an entry with neither namespace nor podLabels: %s" (toJson .)) -}}
{{- end -}}
{{- range $key := keys (omit . "namespace" "podLabels") | sortAlpha -}}
{{- $errors = append $errors (printf "networkPolicy.clients has the keys namespace and podLabels, not %s" $key) -}}
{{- end -}}
{{- end -}}

{{- with $errors -}}
{{- fail (printf "\n\nThese values cannot be used:\n  - %s\nNothing was changed." (join "\n  - " .)) -}}
{{- end -}}
{{- end }}

{{/*
What is wrong with services, a line each.
*/}}
{{- define "learnflow-db.serviceErrors" -}}
{{- $services := include "learnflow-db.services" . | default "[]" | fromJsonArray -}}
{{- $taken := dict
  (include "learnflow-db.ownerUser" .) "the owner"
  (include "learnflow-db.adminUser" . | default "postgres") "the admin"
  "postgres" "the admin" -}}
{{- if ne (include "learnflow-db.appUser" .) "none" -}}
{{- $_ := set $taken (include "learnflow-db.appUser" .) "roles.app" -}}
{{- end -}}
{{- /* Objects of this chart, of which a connection's three would replace one. */ -}}
{{- $objects := dict -}}
{{- range $suffix := list "" "-env" "-credentials" "-release" "-owner" "-start" "-dump" "-namespace" "-tls" "-tls-authority" "-metrics" "-dashboard" -}}
{{- $_ := set $objects (print $.Release.Name $suffix) "this chart" -}}
{{- end -}}
{{- /* Secrets that the values name: services would get the passwords in them, or these would be overwritten. */ -}}
{{- range $name := list .Values.credentials.existingSecret .Values.externalDatabase.appSecret .Values.externalDatabase.ca.existingSecret
  (include "learnflow-db.tlsSecret" .) (include "learnflow-db.cnpgSecret" .) "postgres-extended-configuration" -}}
{{- if and $name (not (hasKey $objects $name)) }}{{- $_ := set $objects $name "the values" }}{{ end -}}
{{- end -}}
{{- $sum := 0 -}}
{{- $largest := 0 -}}
{{- range $services -}}
{{- $key := printf "services.%s" .name -}}
{{- if or (hasPrefix "pg_" .role) (has .role (list "public" "none")) }}
{{ $key }}.role is {{ quote .role }}: PostgreSQL reserves public, none and all names that begin with pg_; give the role another name
{{- end -}}
{{- range $role := list .role (printf "%s_b" .role) -}}
{{- with get $taken $role }}
{{ $key }} has the role {{ quote $role }}, which is that of {{ . }}; a service has a role and another one that ends in _b, for rotations: set {{ $key }}.role to another name
{{- end -}}
{{- $_ := set $taken $role $key -}}
{{- end -}}
{{- range $object := list .secret (printf "%s-env" .secret) -}}
{{- with get $objects $object }}
{{ $key }} would publish {{ quote $object }}, which belongs to {{ . }}: set {{ $key }}.secretName to another name
{{- end -}}
{{- $_ := set $objects $object $key -}}
{{- end -}}
{{- if gt (int .poolSize) (int .connectionLimit) }}
{{ $key }}.poolSize is {{ .poolSize }} and its connectionLimit {{ .connectionLimit }}: one instance could open more connections than all may; lower the one or raise the other
{{- end -}}
{{- $sum = add $sum (int .connectionLimit) -}}
{{- $largest = max $largest (int .connectionLimit) -}}
{{- end -}}
{{- if and $services .Values.postgresql.enabled -}}
{{- $primary := .Values.postgresql.primary -}}
{{- $configuration := tpl (print ($primary.configuration | default "") "\n" ($primary.extendedConfiguration | default "")) . -}}
{{- /* What an existing ConfigMap says is unknown here; verify asks the server. */ -}}
{{- $unknown := or $primary.existingConfigmap $primary.existingExtendedConfigmap -}}
{{- $written := regexFindAll "(?mi)^[ \t]*max_connections[ \t]*=?[ \t]*'?[0-9]+" $configuration -1 -}}
{{- $connections := 100 -}}
{{- with $written -}}{{- $connections = regexFind "[0-9]+$" (last .) | int -}}{{- end -}}
{{- if and (not $unknown) (gt (add $sum $largest 10) (sub $connections 3)) }}
the services may have {{ $sum }} connections, and {{ $largest }} more while one is rotated; with 10 for the migrator and who is on call, and 3 for superusers, that is more than PostgreSQL's {{ $connections }}: lower services.*.connectionLimit, or set max_connections = {{ add $sum $largest 13 }} in postgresql.primary.extendedConfiguration
{{- end -}}
{{- end -}}
{{- end }}
