{{/*
Labels of every object of this chart. Flux repackages charts with a version such as 0.1.0+1, and + is no label.
*/}}
{{- define "learnflow-db.labels" -}}
{{- $own := dict
  "helm.sh/chart" (printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-")
  "app.kubernetes.io/name" .Chart.Name
  "app.kubernetes.io/instance" .Release.Name
  "app.kubernetes.io/version" (.Chart.AppVersion | replace "+" "_" | trunc 63)
  "app.kubernetes.io/managed-by" .Release.Service -}}
{{ merge $own .Values.commonLabels | toYaml }}
{{- end }}

{{/*
Metadata of an object.
Parameters: context; name; component; namespace, the release's by default; annotations, a map.
*/}}
{{- define "learnflow-db.metadata" -}}
{{- $root := .context -}}
name: {{ .name }}
namespace: {{ .namespace | default $root.Release.Namespace }}
labels:
  {{- include "learnflow-db.labels" $root | nindent 2 }}
  app.kubernetes.io/component: {{ .component }}
{{- with merge (dict) (.annotations | default dict) $root.Values.commonAnnotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/*
An annotation that makes Helm print the log of a hook that failed. Flux's helm-controller, which has Helm built in, crashes on it
(fluxcd/helm-controller#1562), for all its releases. Only Helm's own program knows the commit that it was built from.
*/}}
{{- define "learnflow-db.hookOutput" -}}
{{- if .Capabilities.HelmVersion.GitCommit -}}
helm.sh/hook-output-log-policy: hook-failed
{{- end -}}
{{- end }}

{{/*
Whether the cluster lacks a kind. Helm, Argo CD and Flux name each kind that the cluster has, Pod among them; helm template without a
cluster names none, and nothing is lacking there.
Parameters: context; kind, such as monitoring.coreos.com/v1/ServiceMonitor.
*/}}
{{- define "learnflow-db.lacks" -}}
{{- $known := .context.Capabilities.APIVersions -}}
{{- if and ($known.Has "v1/Pod") (not ($known.Has .kind)) }}true{{ end -}}
{{- end }}

{{/*
An image. Order: global.imageRegistry before its own registry, digest before tag.
Parameters: context; image, its values; tag, for one whose values need not have a tag.
*/}}
{{- define "learnflow-db.imageReference" -}}
{{- with .context.Values.global.imageRegistry | default .image.registry }}{{ . }}/{{ end }}{{ .image.repository }}
{{- if .image.digest }}@{{ .image.digest }}{{ else }}:{{ .image.tag | default .tag }}{{ end }}
{{- end }}

{{/* The migrator's image; its tag is the chart's appVersion, unless the values say another. */}}
{{- define "learnflow-db.image" -}}
{{- include "learnflow-db.imageReference" (dict "context" . "image" .Values.migrator.image "tag" .Chart.AppVersion) }}
{{- end }}

{{/*
imagePullSecrets of a pod: global.imagePullSecrets, then ours, then PostgreSQL's where its image is used too; names or objects
with a name, as Bitnami takes both.
Parameters: context; postgresql, whether PostgreSQL's image is used.
*/}}
{{- define "learnflow-db.imagePullSecrets" -}}
{{- $values := .context.Values -}}
{{- $theirs := .postgresql | ternary $values.postgresql.image.pullSecrets list | default list -}}
{{- $names := list -}}
{{- range concat ($values.global.imagePullSecrets | default list) $values.migrator.image.pullSecrets $theirs -}}
{{- $names = append $names (kindIs "map" . | ternary (get (kindIs "map" . | ternary . dict) "name") .) -}}
{{- end -}}
{{- with $names | uniq }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
{{- end }}

{{/* Name of the StatefulSet and Service of the built-in PostgreSQL; empty for an external database. */}}
{{- define "learnflow-db.postgresqlName" -}}
{{- with .Values.postgresql -}}
{{- if .enabled -}}
{{ .fullnameOverride }}{{ if eq (.architecture | default "standalone") "replication" }}-{{ (.primary).name | default "primary" }}{{ end }}
{{- end -}}
{{- end -}}
{{- end }}

{{/*
Label of pods of the release's namespace that the network policy admits: the subchart's. A Cluster admits it too, so that clients stay
as they are when the database moves. Empty for an external database.
*/}}
{{- define "learnflow-db.clientLabel" -}}
{{- with include "learnflow-db.postgresqlName" . | default (include "learnflow-db.cnpgCluster" . | empty | ternary "" .Values.postgresql.fullnameOverride) -}}
{{ . }}-client
{{- end -}}
{{- end }}

{{/*
Labels that select the pods of the built-in PostgreSQL, as the subchart sets them.
*/}}
{{- define "learnflow-db.postgresqlSelector" -}}
app.kubernetes.io/name: {{ .Values.postgresql.nameOverride | default "postgresql" }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: primary
{{- end }}

{{/* Name of the Cluster of CloudNativePG that runs the database; empty where none does. */}}
{{- define "learnflow-db.cnpgCluster" -}}
{{- if not .Values.postgresql.enabled }}{{ .Values.externalDatabase.cloudnativePG.cluster }}{{ end -}}
{{- end }}

{{/* Name of the Secret with the password of that Cluster's superuser; empty without a Cluster. */}}
{{- define "learnflow-db.cnpgSecret" -}}
{{- with include "learnflow-db.cnpgCluster" . -}}
{{ $.Values.externalDatabase.cloudnativePG.superuserSecret | default (printf "%s-superuser" .) }}
{{- end -}}
{{- end }}

{{/* Labels that select the pods of the database in this namespace; empty for another one. */}}
{{- define "learnflow-db.databaseSelector" -}}
{{- if .Values.postgresql.enabled -}}
{{ include "learnflow-db.postgresqlSelector" . }}
{{- else -}}
{{- with include "learnflow-db.cnpgCluster" . -}}
cnpg.io/cluster: {{ . }}
{{- end -}}
{{- end -}}
{{- end }}

{{/* Host of the database, fully qualified. */}}
{{- define "learnflow-db.host" -}}
{{- $cluster := include "learnflow-db.cnpgCluster" . -}}
{{- if .Values.postgresql.enabled -}}
{{ include "learnflow-db.postgresqlName" . }}.{{ .Release.Namespace }}.svc.{{ .Values.clusterDomain }}
{{- else if $cluster -}}
{{ $cluster }}-rw.{{ .Release.Namespace }}.svc.{{ .Values.clusterDomain }}
{{- else -}}
{{ .Values.externalDatabase.host }}
{{- end -}}
{{- end }}

{{/* Host of replicas, which services can read from; empty where there are none. */}}
{{- define "learnflow-db.readHost" -}}
{{- if not .Values.postgresql.enabled -}}
{{- $cluster := include "learnflow-db.cnpgCluster" . -}}
{{- .Values.externalDatabase.readHost | default (empty $cluster | ternary "" (printf "%s-ro.%s.svc.%s" $cluster .Release.Namespace .Values.clusterDomain)) -}}
{{- end -}}
{{- end }}

{{/* Port of the database. */}}
{{- define "learnflow-db.port" -}}
{{- if .Values.postgresql.enabled -}}
{{ dig "primary" "service" "ports" "postgresql" 5432 .Values.postgresql }}
{{- else -}}
{{ .Values.externalDatabase.port }}
{{- end -}}
{{- end }}

{{/* Database. */}}
{{- define "learnflow-db.database" -}}
{{ .Values.postgresql.enabled | ternary .Values.postgresql.auth.database .Values.externalDatabase.database }}
{{- end }}

{{/* Whether the built-in PostgreSQL has a certificate that clients verify; "" for no. */}}
{{- define "learnflow-db.hasServerTls" -}}
{{- if and .Values.postgresql.enabled .Values.postgresql.serverTls.enabled }}true{{ end -}}
{{- end }}

{{/* Whether this release creates that certificate, and the authority that signs it; "" for no. */}}
{{- define "learnflow-db.makesServerTls" -}}
{{- $tls := .Values.postgresql.serverTls -}}
{{- if and (include "learnflow-db.hasServerTls" .) (not $tls.existingSecret) (not $tls.issuerRef) }}true{{ end -}}
{{- end }}

{{/* Name of the Secret with that certificate; empty where there is none. */}}
{{- define "learnflow-db.tlsSecret" -}}
{{- if include "learnflow-db.hasServerTls" . -}}
{{ include "learnflow-db.serverTlsSecret" (dict "Values" .Values.postgresql "Release" .Release) }}
{{- end -}}
{{- end }}

{{/* Names under which clients reach the built-in PostgreSQL, as a YAML list. */}}
{{- define "learnflow-db.tlsNames" -}}
{{- $service := include "learnflow-db.postgresqlName" . -}}
{{- range list $service (printf "%s-hl" $service) }}
- {{ . }}
- {{ . }}.{{ $.Release.Namespace }}
- {{ . }}.{{ $.Release.Namespace }}.svc
- {{ . }}.{{ $.Release.Namespace }}.svc.{{ $.Values.clusterDomain }}
{{- end }}
- localhost
{{- end }}

{{/* TLS mode; without a certificate of the built-in PostgreSQL, prefer takes what postgresql.tls gives it. */}}
{{- define "learnflow-db.sslmode" -}}
{{- if include "learnflow-db.hasServerTls" . -}}
verify-full
{{- else -}}
{{ .Values.postgresql.enabled | ternary "prefer" .Values.externalDatabase.sslmode }}
{{- end -}}
{{- end }}

{{/* Role that owns the database. */}}
{{- define "learnflow-db.ownerUser" -}}
{{ .Values.postgresql.enabled | ternary .Values.postgresql.auth.username .Values.externalDatabase.user }}
{{- end }}

{{/* Service role. */}}
{{- define "learnflow-db.appUser" -}}
{{- if .Values.postgresql.enabled -}}
{{ .Values.roles.app }}
{{- else -}}
{{ .Values.externalDatabase.appUser | default .Values.roles.app }}
{{- end -}}
{{- end }}

{{/* The services with roles of their own, as the migrator reads them: a JSON array; empty where there are none. */}}
{{- define "learnflow-db.services" -}}
{{- $services := list -}}
{{- range $name, $values := .Values.services -}}
{{- if kindIs "map" $values -}}
{{- $settings := dict -}}
{{- range $setting, $key := dict "statement_timeout" "statementTimeout" "idle_in_transaction_session_timeout" "idleInTransactionTimeout" "search_path" "searchPath" -}}
{{- with get $values $key }}{{- $_ := set $settings $setting . -}}{{ end -}}
{{- end -}}
{{- if $values.readOnly }}{{- $_ := set $settings "default_transaction_read_only" "on" -}}{{ end -}}
{{- $services = append $services (dict
  "name" $name
  "role" ($values.role | default (printf "learnflow_%s" (replace "-" "_" $name)))
  "secret" ($values.secretName | default (printf "%s-%s" $.Release.Name $name))
  "namespace" ($values.namespace | default $.Release.Namespace)
  "connectionLimit" ($values.connectionLimit | default 20 | int)
  "poolSize" ($values.poolSize | default 5 | int)
  "settings" $settings) -}}
{{- end -}}
{{- end -}}
{{- if .Values.metrics.enabled -}}
{{- $services = append $services (dict
  "name" "monitoring"
  "role" "learnflow_monitoring"
  "secret" (printf "%s-monitoring" .Release.Name)
  "namespace" .Release.Namespace
  "connectionLimit" 3
  "poolSize" 1
  "settings" (dict "default_transaction_read_only" "on" "search_path" "pg_catalog" "statement_timeout" "10s")
  "memberOf" (list "pg_monitor")) -}}
{{- end -}}
{{- with $services }}{{ toJson . }}{{ end -}}
{{- end }}

{{/*
What is published in a namespace: names under which a connection is, as a YAML list.
Parameters: context; namespace.
*/}}
{{- define "learnflow-db.publishedIn" -}}
{{- $root := .context -}}
{{- $namespace := .namespace -}}
{{- if and (ne (include "learnflow-db.appUser" $root) "none") (has $namespace (include "learnflow-db.publishNamespaces" $root | splitList ",")) }}
- {{ $root.Release.Name }}
{{- end }}
{{- range include "learnflow-db.services" $root | default "[]" | fromJsonArray }}
{{- if eq .namespace $namespace }}
- {{ .secret }}
{{- end }}
{{- end }}
{{- end }}

{{/* Namespaces in which anything is published, comma separated, the release's own first. */}}
{{- define "learnflow-db.allNamespaces" -}}
{{- with include "learnflow-db.publishNamespaces" . -}}
{{- $all := splitList "," . -}}
{{- range include "learnflow-db.services" $ | default "[]" | fromJsonArray -}}
{{- $all = append $all .namespace -}}
{{- end -}}
{{- $all | uniq | join "," -}}
{{- end -}}
{{- end }}

{{/* Environment of every command that knows services. */}}
{{- define "learnflow-db.servicesEnvironment" -}}
{{- with include "learnflow-db.services" . -}}
- name: LEARNFLOW_DB_SERVICES
  value: {{ . | quote }}
{{- end -}}
{{- end }}

{{/* Role that can create roles; empty if roles are left unchanged. */}}
{{- define "learnflow-db.adminUser" -}}
{{ include "learnflow-db.managesPasswords" . | empty | ternary .Values.externalDatabase.adminUser "postgres" }}
{{- end }}

{{/*
URI of the database as the owner, without a password. urlquery writes a space as +, which is a plus sign in the part
before the question mark.
*/}}
{{- define "learnflow-db.uri" -}}
{{- $user := include "learnflow-db.ownerUser" . | urlquery | replace "+" "%20" -}}
{{- $database := include "learnflow-db.database" . | urlquery | replace "+" "%20" -}}
{{- $host := include "learnflow-db.host" . -}}
postgresql://{{ $user }}@{{ contains ":" $host | ternary (printf "[%s]" $host) $host }}:{{ include "learnflow-db.port" . }}/{{ $database }}
{{- if or (not .Values.postgresql.enabled) (include "learnflow-db.hasServerTls" .) -}}
?sslmode={{ include "learnflow-db.sslmode" . }}
{{- if include "learnflow-db.hasCertificate" . }}&sslrootcert=/tls/ca.crt{{ end }}
{{- if include "learnflow-db.hasServerTls" . }}&channel_binding=require{{ end }}
{{- end -}}
{{- end }}

{{/* Name of the Secret with the passwords. */}}
{{- define "learnflow-db.credentialsSecret" -}}
{{ .Values.credentials.existingSecret | default (printf "%s-credentials" .Release.Name) }}
{{- end }}

{{/* Name of the Secret with the service role's password; a different one only for an external database. */}}
{{- define "learnflow-db.appSecret" -}}
{{- if include "learnflow-db.managesPasswords" . -}}
{{ include "learnflow-db.credentialsSecret" . }}
{{- else -}}
{{ .Values.externalDatabase.appSecret | default (include "learnflow-db.credentialsSecret" .) }}
{{- end -}}
{{- end }}

{{/* Whether anything is dumped; "" for no. */}}
{{- define "learnflow-db.dumps" -}}
{{- if or .Values.backup.beforeMigrate .Values.backup.schedule }}true{{ end -}}
{{- end }}

{{/* Whether the first hook creates the claim for dumps; "" for no. */}}
{{- define "learnflow-db.makesBackupClaim" -}}
{{- if and (include "learnflow-db.dumps" .) (not .Values.backup.volume.existingClaim) }}true{{ end -}}
{{- end }}

{{/* Whether the first hook creates the credentials; "" for no. */}}
{{- define "learnflow-db.makesCredentials" -}}
{{- if and (include "learnflow-db.managesPasswords" .) (not .Values.credentials.existingSecret) }}true{{ end -}}
{{- end }}

{{/* Whether the database's roles get the release's passwords: those of an external one have their own; "" for no. */}}
{{- define "learnflow-db.managesPasswords" -}}
{{- if or .Values.postgresql.enabled (include "learnflow-db.cnpgCluster" .) }}true{{ end -}}
{{- end }}

{{/* What the first hook does besides pulling the image: credentials (and the checks), or checks only. */}}
{{- define "learnflow-db.prepares" -}}
{{ include "learnflow-db.makesCredentials" . | empty | ternary "checks" "credentials" }}
{{- end }}

{{/* Name of the claim for dumps. */}}
{{- define "learnflow-db.backupClaim" -}}
{{ .Values.backup.volume.existingClaim | default (printf "%s-backups" .Release.Name) }}
{{- end }}

{{/* The image of PostgreSQL, as the subchart names it; its programs dump. */}}
{{- define "learnflow-db.postgresqlImage" -}}
{{- include "learnflow-db.imageReference" (dict "context" . "image" .Values.postgresql.image) }}
{{- end }}

{{/* The same with its tag beside a digest: the tag says the major version, a digest says nothing. */}}
{{- define "learnflow-db.postgresqlImageAndTag" -}}
{{- $image := .Values.postgresql.image -}}
{{- $reference := include "learnflow-db.postgresqlImage" . -}}
{{- if and $image.digest $image.tag }}{{ $reference | replace "@" (printf ":%v@" $image.tag) }}{{ else }}{{ $reference }}{{ end }}
{{- end }}

{{/* Paths of the subchart's images that the release uses, below postgresql, separated by spaces. */}}
{{- define "learnflow-db.subchartImages" -}}
{{- $postgresql := .Values.postgresql -}}
image
{{- if or (dig "volumePermissions" "enabled" false $postgresql) (dig "tls" "enabled" false $postgresql) }} volumePermissions.image{{ end -}}
{{- if dig "metrics" "enabled" false $postgresql }} metrics.image{{ end -}}
{{- end }}

{{/* Namespaces that get the connection, comma separated, the release's own first; empty where nothing is published. */}}
{{- define "learnflow-db.publishNamespaces" -}}
{{- if .Values.publish.enabled -}}
{{- prepend .Values.publish.namespaces .Release.Namespace | uniq | join "," -}}
{{- end -}}
{{- end }}

{{/* Newest migration in the image, from Chart.yaml. */}}
{{- define "learnflow-db.newestMigration" -}}
{{ index .Chart.Annotations "learnflow.org/newest-migration" }}
{{- end }}

{{/* Environment of every command: which release this is, and where its database is. */}}
{{- define "learnflow-db.databaseEnvironment" -}}
- name: LEARNFLOW_DB_RELEASE
  value: {{ .Release.Name | quote }}
- name: LEARNFLOW_DB_NAMESPACE
  value: {{ .Release.Namespace | quote }}
- name: LEARNFLOW_DB_DATABASE
  value: {{ include "learnflow-db.uri" . | quote }}
{{- with include "learnflow-db.readHost" . }}
- name: LEARNFLOW_DB_READ_HOST
  value: {{ . | quote }}
{{- end }}
{{- with .Values.publish.pooler }}
{{- if .host }}
- name: LEARNFLOW_DB_POOLER_HOST
  value: {{ .host | quote }}
- name: LEARNFLOW_DB_POOLER_PORT
  value: {{ .port | quote }}
{{- end }}
{{- end }}
- name: LEARNFLOW_DB_PASSWORD_FILE
  value: /credentials/password
- name: LEARNFLOW_DB_APP_USER
  value: {{ include "learnflow-db.appUser" . | quote }}
{{- with include "learnflow-db.servicesEnvironment" . }}
{{ . }}
- name: LEARNFLOW_DB_SERVICE_PASSWORDS
  value: /credentials
{{- end }}
- name: LEARNFLOW_DB_SEEDS
  value: {{ .Values.seeds.sets | join "," | default "none" | quote }}
- name: LEARNFLOW_DB_TIMEOUT
  value: {{ .Values.migrator.timeout | quote }}
{{- if .Values.verify.requireNewestMinor }}
- name: LEARNFLOW_DB_REQUIRE_NEWEST_MINOR
  value: "true"
{{- end }}
{{- end }}

{{/*
The password files, always under the same names. They are optional, so that Kubernetes does not keep the pod waiting for a
missing key: the program reports the missing file at once.
Parameters: context; admin and app, whether it needs the admin's and the service role's password in addition to the owner's, and
those of services; users, whether it needs to know which roles services have; name of the volume, credentials by default.
*/}}
{{- define "learnflow-db.credentialsVolume" -}}
{{- $root := .context -}}
{{- $keys := $root.Values.credentials.keys -}}
name: {{ .name | default "credentials" }}
projected:
  defaultMode: 0440
  sources:
    - secret:
        name: {{ include "learnflow-db.credentialsSecret" $root }}
        optional: true
        items:
          - key: {{ $keys.owner }}
            path: password
          {{- if and .admin (include "learnflow-db.adminUser" $root) (not (include "learnflow-db.cnpgCluster" $root)) }}
          - key: {{ $keys.admin }}
            path: postgres-password
          {{- end }}
    {{- $items := list }}
    {{- if and .app (ne (include "learnflow-db.appUser" $root) "none") }}
    {{- $items = append $items (dict "key" $keys.app "path" "app-password") }}
    {{- end }}
    {{- if .users }}
    {{- $app := .app }}
    {{- range include "learnflow-db.services" $root | default "[]" | fromJsonArray }}
    {{- if $app }}
    {{- $password := printf "service-%s-password" .name }}
    {{- $items = append $items (dict "key" $password "path" $password) }}
    {{- end }}
    {{- $user := printf "service-%s-user" .name }}
    {{- $items = append $items (dict "key" $user "path" $user) }}
    {{- end }}
    {{- end }}
    {{- with $items }}
    - secret:
        name: {{ include "learnflow-db.appSecret" $root }}
        optional: true
        items:
          {{- range . }}
          - key: {{ .key }}
            path: {{ .path }}
          {{- end }}
    {{- end }}
{{- end }}

{{/*
Labels and annotations of a pod that runs the migrator. The -client label is what the subchart's network policy admits.
The user's labels override the one for Istio, and cannot replace those that select the pod.
Parameters: context; component; client, whether the pod talks to the database.
*/}}
{{- define "learnflow-db.podMetadata" -}}
{{- $root := .context -}}
{{- $own := merge (include "learnflow-db.labels" $root | fromYaml) (dict "app.kubernetes.io/component" .component) -}}
{{- $label := include "learnflow-db.clientLabel" $root -}}
{{- if and .client $label -}}
{{- $own = set $own $label "true" -}}
{{- end -}}
{{- $istio := dict "sidecar.istio.io/inject" (toString $root.Values.migrator.istioSidecar) -}}
labels:
  {{- merge $own $root.Values.migrator.podLabels $istio | toYaml | nindent 2 }}
{{- with merge (dict) $root.Values.migrator.podAnnotations $root.Values.commonAnnotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/*
What every pod has in addition to its containers and volumes.
Parameters: context; restartPolicy, Never by default; serviceAccount, whose token is mounted, none by default; identity, an account of which no token is mounted;
deadline, in seconds from the moment a node has accepted the pod; postgresql, whether PostgreSQL's image is used.
*/}}
{{- define "learnflow-db.podSettings" -}}
{{- $root := .context -}}
{{- $migrator := $root.Values.migrator -}}
restartPolicy: {{ .restartPolicy | default "Never" }}
{{- with .serviceAccount | default .identity }}
serviceAccountName: {{ . }}
{{- end }}
automountServiceAccountToken: {{ not (empty .serviceAccount) }}
enableServiceLinks: false
{{- with .deadline }}
activeDeadlineSeconds: {{ . }}
{{- end }}
{{- include "learnflow-db.imagePullSecrets" (dict "context" $root "postgresql" (not (empty .postgresql))) }}
{{- with $migrator.podSecurityContext }}
securityContext:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $migrator.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with $migrator.runtimeClassName }}
runtimeClassName: {{ . }}
{{- end }}
{{- with $migrator.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $migrator.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $migrator.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/*
A pod that runs the migrator.
Parameters: as learnflow-db.podSettings; component, also the container's name; args; environment and volumes, YAML lists.
*/}}
{{- define "learnflow-db.podSpec" -}}
{{- $root := .context -}}
{{- $migrator := $root.Values.migrator -}}
{{ include "learnflow-db.podSettings" . }}
containers:
  - name: {{ .component }}
    image: {{ include "learnflow-db.image" $root | quote }}
    imagePullPolicy: {{ $migrator.image.pullPolicy }}
    args: {{ toJson .args }}
    {{- with concat (.environment | default "[]" | fromYamlArray) $migrator.extraEnv }}
    env:
      {{- toYaml . | nindent 6 }}
    {{- end }}
    {{- with $migrator.resources }}
    resources:
      {{- toYaml . | nindent 6 }}
    {{- end }}
    {{- with $migrator.containerSecurityContext }}
    securityContext:
      {{- toYaml . | nindent 6 }}
    {{- end }}
    terminationMessagePolicy: FallbackToLogsOnError
    volumeMounts:
      - name: tmp
        mountPath: /tmp
      {{- range .volumes | default "[]" | fromYamlArray }}
      - name: {{ .name }}
        mountPath: /{{ .name }}
        readOnly: true
      {{- end }}
volumes:
  - name: tmp
    emptyDir:
      sizeLimit: 256Mi
  {{- with .volumes }}
  {{- . | nindent 2 }}
  {{- end }}
{{- end }}

{{/* Name of the Secret with the certificate of an external database's authority: the one given, or a Cluster's; else empty. */}}
{{- define "learnflow-db.externalCaSecret" -}}
{{- if not .Values.postgresql.enabled -}}
{{- $external := .Values.externalDatabase -}}
{{- $cluster := include "learnflow-db.cnpgCluster" . -}}
{{- if $external.ca.existingSecret -}}
{{ $external.ca.existingSecret }}
{{- else if and $cluster (hasPrefix "verify-" $external.sslmode) -}}
{{ $cluster }}-ca
{{- end -}}
{{- end -}}
{{- end }}

{{/* Whether there is a certificate of the database's authority; "" for no. */}}
{{- define "learnflow-db.hasCertificate" -}}
{{- if or (include "learnflow-db.hasServerTls" .) (include "learnflow-db.externalCaSecret" .) }}true{{ end -}}
{{- end }}

{{/* Name of the Secret with that certificate; empty where there is none. */}}
{{- define "learnflow-db.caSecret" -}}
{{- if include "learnflow-db.hasCertificate" . -}}
{{ include "learnflow-db.tlsSecret" . | default (include "learnflow-db.externalCaSecret" .) }}
{{- end -}}
{{- end }}

{{/* Its key in that Secret. */}}
{{- define "learnflow-db.caKey" -}}
{{- if include "learnflow-db.hasCertificate" . -}}
{{ include "learnflow-db.hasServerTls" . | empty | ternary .Values.externalDatabase.ca.key "ca.crt" }}
{{- end -}}
{{- end }}

{{/*
The volume with that certificate; a YAML list, empty where there is none. It is optional, so that
Kubernetes does not keep the pod waiting for a missing Secret or key: the program reports the missing file at once.
*/}}
{{- define "learnflow-db.certificateVolume" -}}
{{- if include "learnflow-db.hasCertificate" . -}}
- name: tls
  secret:
    secretName: {{ include "learnflow-db.caSecret" . }}
    optional: true
    defaultMode: 0440
    items:
      - key: {{ include "learnflow-db.caKey" . }}
        path: ca.crt
{{- end }}
{{- end }}

{{/*
Volumes of a pod that talks to the database: passwords, and the authority's certificate where there is one.
Parameters: as learnflow-db.credentialsVolume.
*/}}
{{- define "learnflow-db.databaseVolumes" -}}
- {{ include "learnflow-db.credentialsVolume" (merge (dict "users" true) .) | nindent 2 | trim }}
{{- with include "learnflow-db.certificateVolume" .context }}
{{ . }}
{{- end }}
{{- end }}

{{/*
When a Job gives up at once: exit codes that no retry can fix (usage 2, no database 3, credentials 5, migration 6, difference 7, seed
8, safety 10). A pod that a node drain evicted does not count.
Parameter: the container's name.
*/}}
{{- define "learnflow-db.podFailurePolicy" -}}
rules:
  - action: FailJob
    onExitCodes:
      containerName: {{ . }}
      operator: In
      values: [2, 3, 5, 6, 7, 8, 10]
  - action: Ignore
    onPodConditions:
      - type: DisruptionTarget
        status: "True"
{{- end }}

{{/* Environment of pods that create and renew the server's certificate; empty where the release does not. */}}
{{- define "learnflow-db.tlsEnvironment" -}}
{{- if include "learnflow-db.makesServerTls" . -}}
- name: LEARNFLOW_DB_TLS_SECRET
  value: {{ include "learnflow-db.tlsSecret" . | quote }}
- name: LEARNFLOW_DB_TLS_NAME
  value: {{ include "learnflow-db.tlsNames" . | fromYamlArray | join "," | quote }}
{{- end -}}
{{- end }}

{{/* Rule of a role: these Secrets. */}}
{{- define "learnflow-db.tlsRule" -}}
{{- if include "learnflow-db.makesServerTls" . -}}
# The server's certificate and its authority: created as the Secret with the passwords is, and renewed.
- apiGroups: [""]
  resources: [secrets]
  resourceNames: [{{ include "learnflow-db.tlsSecret" . }}, {{ include "learnflow-db.tlsSecret" . }}-authority]
  verbs: [get, create, update, patch]
{{- end -}}
{{- end }}

{{/* Environment of the credentials pod. */}}
{{- define "learnflow-db.credentialsEnvironment" -}}
- name: LEARNFLOW_DB_RELEASE
  value: {{ .Release.Name | quote }}
- name: LEARNFLOW_DB_NAMESPACE
  value: {{ .Release.Namespace | quote }}
- name: LEARNFLOW_DB_CREDENTIALS_SECRET
  value: {{ include "learnflow-db.credentialsSecret" . | quote }}
{{- with include "learnflow-db.servicesEnvironment" . }}
{{ . }}
{{- end }}
{{- if include "learnflow-db.dumps" . }}
- name: LEARNFLOW_DB_BACKUP_CLAIM
  value: {{ include "learnflow-db.backupClaim" . | quote }}
- name: LEARNFLOW_DB_BACKUP_SIZE
  value: {{ .Values.backup.volume.existingClaim | empty | ternary .Values.backup.volume.size "existing" | quote }}
{{- with .Values.backup.volume.storageClass }}
- name: LEARNFLOW_DB_BACKUP_STORAGE_CLASS
  value: {{ . | quote }}
{{- end }}
{{- end }}
{{- with include "learnflow-db.tlsEnvironment" . }}
{{ . }}
{{- end }}
{{- include "learnflow-db.cnpgEnvironment" . }}
- name: LEARNFLOW_DB_DATA_CLAIM
  value: {{ include "learnflow-db.dataClaim" . | default "none" | quote }}
{{- with .Values.retiredClaims }}
- name: LEARNFLOW_DB_RETIRED_CLAIMS
  value: {{ join "," . | quote }}
{{- end }}
{{- if .Values.postgresql.enabled }}
{{- with include "learnflow-db.dataDirectory" . }}
- name: LEARNFLOW_DB_DATA_DIRECTORY
  value: {{ . | quote }}
{{- end }}
- name: LEARNFLOW_DB_STATEFUL_SET
  value: {{ include "learnflow-db.postgresqlName" . | quote }}
- name: LEARNFLOW_DB_DATA_SIZE
  value: {{ include "learnflow-db.dataSize" . | quote }}
- name: LEARNFLOW_DB_POSTGRESQL_IMAGE
  value: {{ include "learnflow-db.postgresqlImageAndTag" . | quote }}
- name: LEARNFLOW_DB_POSTGRESQL_START
  value: {{ include "learnflow-db.startsPostgresql" . | empty | ternary "image" "script" }}
{{- with .Values.postgresql.image.acceptStart }}
- name: LEARNFLOW_DB_ACCEPT_START
  value: {{ . }}
{{- end }}
{{- end }}
{{- end }}

{{/* Environment of the migrate Job, without that of the admin. */}}
{{- define "learnflow-db.migrateEnvironment" -}}
{{ include "learnflow-db.databaseEnvironment" . }}
{{- if ne (include "learnflow-db.appUser" .) "none" }}
- name: LEARNFLOW_DB_APP_PASSWORD_FILE
  value: /credentials/app-password
{{- end }}
- name: LEARNFLOW_DB_SEED_MODE
  value: {{ .Values.seeds.mode | quote }}
- name: LEARNFLOW_DB_LOCK_TIMEOUT
  value: {{ .Values.migrator.lockTimeout | quote }}
- name: LEARNFLOW_DB_PUBLISH_TO
  value: {{ .Values.publish.enabled | ternary "kubernetes" "none" | quote }}
- name: LEARNFLOW_DB_PUBLISH_NAMESPACES
  value: {{ include "learnflow-db.publishNamespaces" . | quote }}
- name: LEARNFLOW_DB_STATEFUL_SET
  value: {{ include "learnflow-db.postgresqlName" . | quote }}
{{- include "learnflow-db.cnpgEnvironment" . }}
{{- end }}

{{/* Environment of pods that ask CloudNativePG about the Cluster; empty without one. */}}
{{- define "learnflow-db.cnpgEnvironment" -}}
{{- with include "learnflow-db.cnpgCluster" . }}
- name: LEARNFLOW_DB_CNPG_CLUSTER
  value: {{ . | quote }}
{{- end }}
{{- end }}

{{/* Environment of pods that create roles; empty if roles are left unchanged. */}}
{{- define "learnflow-db.adminEnvironment" -}}
{{- with include "learnflow-db.adminUser" . }}
- name: LEARNFLOW_DB_ADMIN_USER
  value: {{ . | quote }}
{{- with include "learnflow-db.cnpgSecret" $ }}
- name: LEARNFLOW_DB_ADMIN_SECRET
  value: {{ . | quote }}
{{- else }}
- name: LEARNFLOW_DB_ADMIN_PASSWORD_FILE
  value: /credentials/postgres-password
{{- end }}
{{- end }}
{{- end }}

{{/* Whether an empty database is filled again, since it has no volume; "" for no. */}}
{{- define "learnflow-db.rebuildsEmpty" -}}
{{- if and .Values.postgresql.enabled (not (dig "primary" "persistence" "enabled" true .Values.postgresql)) }}true{{ end -}}
{{- end }}

{{/*
Pod template of a Job that works on the database as the migrate Job does: with its account, its environment and the passwords of
owner and service role.
Parameters: context; component; args, the component by default; admin, whether it gets the admin's password too; environment, a YAML
list of more; serviceAccount, if it is another one; postgresql, whether PostgreSQL's image is used too.
*/}}
{{- define "learnflow-db.migratorTemplate" -}}
{{- $root := .context -}}
metadata:
  {{- include "learnflow-db.podMetadata" (dict "context" $root "component" .component "client" true) | nindent 2 }}
spec:
  {{- include "learnflow-db.podSpec" (dict "context" $root "component" .component "postgresql" .postgresql
    "args" (.args | default (list .component))
    "serviceAccount" (.serviceAccount | default (printf "%s-migrate" $root.Release.Name))
    "environment" (list
      (include "learnflow-db.migrateEnvironment" $root)
      (.admin | ternary (include "learnflow-db.adminEnvironment" $root) "")
      (.environment | default "") | join "\n")
    "volumes" (include "learnflow-db.databaseVolumes" (dict "context" $root "admin" .admin "app" true))) | nindent 2 }}
{{- end }}

{{/* Account of the reconcile CronJob: its own where it may write more than the migrate Job. */}}
{{- define "learnflow-db.reconcileAccount" -}}
{{ .Release.Name }}-{{ include "learnflow-db.makesServerTls" . | empty | ternary "migrate" "reconcile" }}
{{- end }}

{{/* Who may do what the migrate Job may, as a YAML list. */}}
{{- define "learnflow-db.migrateSubjects" -}}
- kind: ServiceAccount
  name: {{ .Release.Name }}-migrate
  namespace: {{ .Release.Namespace }}
{{- if and .Values.reconcile.schedule (include "learnflow-db.makesServerTls" .) }}
- kind: ServiceAccount
  name: {{ include "learnflow-db.reconcileAccount" . }}
  namespace: {{ .Release.Namespace }}
{{- end }}
{{- end }}

{{/*
Gives the token of a pod's service account to its first container alone. Changes the pod's spec, its parameter, and renders nothing.
*/}}
{{- define "learnflow-db.tokenForFirst" -}}
{{- $first := index .containers 0 -}}
{{- $_ := set $first "volumeMounts" (append $first.volumeMounts
  (dict "name" "token" "mountPath" "/var/run/secrets/kubernetes.io/serviceaccount" "readOnly" true)) -}}
{{- $_ := set . "volumes" (append .volumes (include "learnflow-db.tokenVolume" . | fromYaml)) -}}
{{- $_ := set . "automountServiceAccountToken" false -}}
{{- end }}

{{/* That token as Kubernetes itself mounts it. */}}
{{- define "learnflow-db.tokenVolume" -}}
name: token
projected:
  defaultMode: 0644
  sources:
    - serviceAccountToken:
        expirationSeconds: 3607
        path: token
    - configMap:
        name: kube-root-ca.crt
        items:
          - key: ca.crt
            path: ca.crt
    - downwardAPI:
        items:
          - path: namespace
            fieldRef:
              apiVersion: v1
              fieldPath: metadata.namespace
{{- end }}

{{/*
A container of PostgreSQL's image, beside what runs in it. Parameters: context; name; command.
*/}}
{{- define "learnflow-db.postgresqlContainer" -}}
{{- $root := .context -}}
name: {{ .name }}
image: {{ include "learnflow-db.postgresqlImage" $root | quote }}
imagePullPolicy: {{ $root.Values.postgresql.image.pullPolicy | default "IfNotPresent" }}
command: {{ toJson .command }}
{{- with $root.Values.backup.resources }}
resources:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $root.Values.migrator.containerSecurityContext }}
securityContext:
  {{- toYaml . | nindent 2 }}
{{- end }}
terminationMessagePolicy: FallbackToLogsOnError
{{- end }}

{{/*
A container that dumps with PostgreSQL's own programs. It gets the owner's password alone.
Parameters: context; command, a list; credentials, the volume with that password, owner by default.
*/}}
{{- define "learnflow-db.dumpContainer" -}}
{{- $root := .context -}}
{{ include "learnflow-db.postgresqlContainer" (dict "context" $root "name" "dump" "command" .command) }}
env:
  {{- include "learnflow-db.dumpEnvironment" $root | nindent 2 }}
volumeMounts:
  - name: tmp
    mountPath: /tmp
  - name: {{ .credentials | default "owner" }}
    mountPath: /credentials
    readOnly: true
  - name: scripts
    mountPath: /scripts
    readOnly: true
  - name: backups
    mountPath: /backups
  {{- if include "learnflow-db.hasCertificate" $root }}
  - name: tls
    mountPath: /tls
    readOnly: true
  {{- end }}
{{- end }}

{{/* Volumes of that container, without tmp and tls. */}}
{{- define "learnflow-db.dumpVolumes" -}}
- {{ include "learnflow-db.credentialsVolume" (dict "context" . "name" "owner") | nindent 2 | trim }}
- {{ include "learnflow-db.scriptsVolume" . | nindent 2 | trim }}
- {{ include "learnflow-db.backupVolume" . | nindent 2 | trim }}
{{- end }}

{{/* The volume of the scripts that run in PostgreSQL's image. */}}
{{- define "learnflow-db.scriptsVolume" -}}
name: scripts
configMap:
  name: {{ .Release.Name }}-dump
{{- end }}

{{/* The volume of the dumps. */}}
{{- define "learnflow-db.backupVolume" -}}
name: backups
persistentVolumeClaim:
  claimName: {{ include "learnflow-db.backupClaim" . }}
{{- end }}

{{/*
Environment of the container that copies dumps to a bucket: AWS's variables, which every S3-compatible store's users know. Kubernetes
does not keep the pod waiting for a missing Secret or key: the program reports it at once.
*/}}
{{- define "learnflow-db.offsiteEnvironment" -}}
{{- with .Values.backup.offsite -}}
{{- with .endpoint }}
- name: AWS_ENDPOINT_URL_S3
  value: {{ . | quote }}
{{- end }}
- name: AWS_REGION
  value: {{ .region | default "us-east-1" | quote }}
{{- if .existingSecret }}
- name: AWS_ACCESS_KEY_ID
  valueFrom:
    secretKeyRef:
      name: {{ .existingSecret }}
      key: {{ .keys.accessKeyId }}
      optional: true
- name: AWS_SECRET_ACCESS_KEY
  valueFrom:
    secretKeyRef:
      name: {{ .existingSecret }}
      key: {{ .keys.secretAccessKey }}
      optional: true
{{- end }}
{{- if .ca.existingSecret }}
- name: AWS_CA_BUNDLE
  value: /store/ca.crt
{{- end }}
# A whole database goes through SHA-256, encryption and TLS, which are fast only as the second compiler makes them.
- name: _JAVA_OPTIONS
  value: -XX:TieredStopAtLevel=4
{{- with .ageRecipients }}
- name: LEARNFLOW_DB_AGE_RECIPIENT
  value: {{ . | join "," | quote }}
{{- end }}
{{- end }}
{{- end }}

{{/* Where dumps are copied to; "" for nowhere. */}}
{{- define "learnflow-db.offsiteUri" -}}
{{- with .Values.backup.offsite -}}
{{- if .bucket }}s3://{{ .bucket }}/{{ .prefix | default (printf "%s/%s" $.Release.Namespace $.Release.Name) | trimSuffix "/" }}/{{ end -}}
{{- end -}}
{{- end }}

{{/* Environment of the container that dumps: libpq's variables. */}}
{{- define "learnflow-db.dumpEnvironment" -}}
- name: PGHOST
  value: {{ include "learnflow-db.host" . | quote }}
- name: PGPORT
  value: {{ include "learnflow-db.port" . | quote }}
- name: PGUSER
  value: {{ include "learnflow-db.ownerUser" . | quote }}
- name: PGDATABASE
  value: {{ include "learnflow-db.database" . | quote }}
- name: PGSSLMODE
  value: {{ include "learnflow-db.sslmode" . | quote }}
{{- if include "learnflow-db.hasCertificate" . }}
- name: PGSSLROOTCERT
  value: /tls/ca.crt
{{- end }}
- name: PGPASSWORD_FILE
  value: /credentials/password
- name: PGDUMP_DIR
  value: /backups
{{- end }}

{{/* Port of PostgreSQL in its pod, which network policies see. */}}
{{- define "learnflow-db.containerPort" -}}
{{ dig "containerPorts" "postgresql" 5432 .Values.postgresql }}
{{- end }}

{{/* Rule of a network policy: DNS (5353 on OpenShift). */}}
{{- define "learnflow-db.egressToDns" -}}
- ports:
    {{- range $port := list 53 5353 }}
    {{- range $protocol := list "UDP" "TCP" }}
    - port: {{ $port }}
      protocol: {{ $protocol }}
    {{- end }}
    {{- end }}
  {{- with .Values.networkPolicy.dns.to }}
  to:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end }}

{{/* Rule of a network policy: the Kubernetes API. */}}
{{- define "learnflow-db.egressToApi" -}}
- ports:
    {{- range .Values.networkPolicy.apiServer.ports }}
    - port: {{ . }}
      protocol: TCP
    {{- end }}
  {{- with .Values.networkPolicy.apiServer.cidrs }}
  {{- include "learnflow-db.toCidrs" . | nindent 2 }}
  {{- end }}
{{- end }}

{{/* Rule of a network policy: the database. */}}
{{- define "learnflow-db.egressToDatabase" -}}
{{- $selector := include "learnflow-db.databaseSelector" . -}}
{{- if $selector -}}
- ports:
    - port: {{ include "learnflow-db.containerPort" . }}
      protocol: TCP
  to:
    - podSelector:
        matchLabels:
          {{- $selector | nindent 10 }}
{{- else -}}
- ports:
    - port: {{ .Values.externalDatabase.port }}
      protocol: TCP
  {{- with .Values.networkPolicy.externalDatabase.cidrs }}
  {{- include "learnflow-db.toCidrs" . | nindent 2 }}
  {{- end }}
{{- end }}
{{- end }}

{{/* Rule of a network policy: the store of a bucket. */}}
{{- define "learnflow-db.egressToOffsite" -}}
{{- $endpoint := .Values.backup.offsite.endpoint -}}
{{- $port := regexFind ":[0-9]+$" $endpoint | trimPrefix ":" | default "443" | int -}}
- ports:
    {{- range .Values.networkPolicy.offsite.ports | default (list $port) }}
    - port: {{ . }}
      protocol: TCP
    {{- end }}
  {{- with .Values.networkPolicy.offsite.cidrs }}
  {{- include "learnflow-db.toCidrs" . | nindent 2 }}
  {{- end }}
{{- end }}

{{/* Destination of a rule of a network policy. Parameter: address ranges. */}}
{{- define "learnflow-db.toCidrs" -}}
to:
  {{- range . }}
  - ipBlock:
      cidr: {{ . }}
  {{- end }}
{{- end }}

{{/*
The server for postgres_exporter, without role, password and database: it takes a source with a space in it for malformed, and prints
it. Its driver reads these from the environment. It knows neither prefer nor allow: what these would take without TLS, it does without.
While the catalog is locked, as by VACUUM FULL of it, each query fails in half a second, and the whole answer comes within Prometheus's
ten seconds.
*/}}
{{- define "learnflow-db.exporterSource" -}}
{{- $host := include "learnflow-db.host" . -}}
{{- $sslmode := include "learnflow-db.sslmode" . -}}
postgresql://{{ contains ":" $host | ternary (printf "[%s]" $host) $host }}:{{ include "learnflow-db.port" . -}}
/?sslmode={{ has $sslmode (list "prefer" "allow") | ternary "disable" $sslmode }}
{{- if include "learnflow-db.hasCertificate" . }}&sslrootcert=/tls/ca.crt{{ end -}}
&search_path=pg_catalog&connect_timeout=5&lock_timeout=500
{{- end }}
