{{/*
How the start script of this chart starts PostgreSQL. The context of the files is that of the subchart, .Subcharts.postgresql, in
which postgresql.primary.command is rendered too: both see the same values, and give the same text.
*/}}

{{/* Whether the start script starts PostgreSQL, and not the image itself; "" for no. */}}
{{- define "learnflow-db.startsPostgresql" -}}
{{- if .Values.postgresql.enabled -}}
{{- if contains "/start/start.sh" (dig "primary" "command" list .Values.postgresql | toString) }}true{{ end -}}
{{- end -}}
{{- end }}

{{/* The files beside start.sh, as data of a ConfigMap. Context: the subchart's. */}}
{{- define "learnflow-db.startFiles" -}}
postgresql.conf: |
  {{- include "learnflow-db.postgresqlConf" . | trim | nindent 2 }}
pg_hba.conf: |
  {{- tpl (.Values.primary.pgHbaConfiguration | default (include "learnflow-db.pgHba" .)) . | trim | nindent 2 }}
# PostgreSQL and initdb want a name for the user that they run as.
passwd: |
  root:x:0:0:root:/root:/bin/sh
  postgres:x:{{ (.Values.primary.containerSecurityContext).runAsUser | default 1001 | int }}:1001:PostgreSQL:/:/bin/sh
{{- end }}

{{/*
Settings of the server, as a file. Those of audit are what Bitnami's image reads from its environment. Context: the subchart's.
*/}}
{{- define "learnflow-db.postgresqlConf" -}}
listen_addresses = '*'
port = {{ (.Values.containerPorts).postgresql | default 5432 }}
# Debian's programs look in the second one.
unix_socket_directories = '/tmp, /var/run/postgresql'
# As in Bitnami's image: the volume needs no more space for WAL than with that.
max_wal_size = '400MB'
{{- range $name, $value := dict
  "shared_preload_libraries" (.Values.postgresqlSharedPreloadLibraries | default "")
  "client_min_messages" ((.Values.audit).clientMinMessages | default "")
  "log_connections" ((.Values.audit).logConnections | default "")
  "log_disconnections" ((.Values.audit).logDisconnections | default "")
  "log_hostname" ((.Values.audit).logHostname | default "")
  "log_line_prefix" ((.Values.audit).logLinePrefix | default "")
  "log_timezone" ((.Values.audit).logTimezone | default "")
  "pgaudit.log" ((.Values.audit).pgAuditLog | default "") }}
{{- if ne (toString $value) "" }}
{{ $name }} = '{{ toString $value | replace "'" "''" }}'
{{- end }}
{{- end }}
{{- with include "learnflow-db.serverTls" . }}
{{ . }}
{{- end }}
# Lines of primary.extendedConfiguration, which win.
include_dir = 'conf.d'
{{- end }}

{{/* TLS of the server, lines of postgresql.conf; empty without TLS. Context: the subchart's. */}}
{{- define "learnflow-db.serverTls" -}}
{{- if .Values.serverTls.enabled -}}
ssl = on
ssl_cert_file = '/tls/tls.crt'
ssl_key_file = '/tls/tls.key'
ssl_min_protocol_version = 'TLSv1.3'
{{- else if (.Values.tls).enabled -}}
ssl = on
ssl_cert_file = '/opt/bitnami/postgresql/certs/{{ .Values.tls.certFilename }}'
ssl_key_file = '/opt/bitnami/postgresql/certs/{{ .Values.tls.certKeyFilename }}'
{{- end -}}
{{- end }}

{{/* Name of the Secret with the server's certificate. Context: the subchart's. */}}
{{- define "learnflow-db.serverTlsSecret" -}}
{{ .Values.serverTls.existingSecret | default (printf "%s-tls" .Release.Name) }}
{{- end }}

{{/*
Who may connect: everybody with a password, by the network rules of postgresql.primary.pgHbaConfiguration if there are some. The type
of connections from other pods is its own line, for TLS alone: hostssl. Context: the subchart's.
*/}}
{{- define "learnflow-db.pgHba" -}}
local   all all                 scram-sha-256
host    all all 127.0.0.1/32    scram-sha-256
host    all all ::1/128         scram-sha-256
{{ include "learnflow-db.remoteConnections" . }} all all all             scram-sha-256
{{- end }}

{{/* Connections from other pods, as pg_hba.conf says it: hostssl, those with TLS, or host, all. Context: the subchart's. */}}
{{- define "learnflow-db.remoteConnections" -}}
{{ and .Values.serverTls.enabled (not .Values.serverTls.acceptPlaintext) | ternary "hostssl" "host   " }}
{{- end }}

{{/*
Why the start script cannot be used with these values, one sentence per line: what only Bitnami's image reads from its environment.
*/}}
{{- define "learnflow-db.startErrors" -}}
{{- $postgresql := .Values.postgresql -}}
{{- $primary := $postgresql.primary -}}
{{- $image := printf "%s/%s" $postgresql.image.registry $postgresql.image.repository -}}
{{- if include "learnflow-db.startsPostgresql" . -}}
{{- if regexMatch "bitnami|soldevelo/|bitcompat/" $image }}
postgresql.image is {{ $image }}, which starts itself: put --values values-bitnami-image.yaml of this chart before your own values, and the release goes on as it is; to move it: docs/how-to/official-image.md
{{- end }}
{{- $volumes := dig "extraVolumes" list $primary -}}
{{- $mounts := dig "extraVolumeMounts" list $primary -}}
{{- if and (kindIs "slice" $volumes) (kindIs "slice" $mounts) -}}
{{- $paths := list -}}
{{- range $mounts }}{{ $paths = append $paths .mountPath }}{{ end -}}
{{- $names := list -}}
{{- range $volumes }}{{ $names = append $names .name }}{{ end -}}
{{- range list "start" "tls" -}}
{{- if not (has . $names) }}
postgresql.primary.extraVolumes lacks the volume {{ . }}, with which PostgreSQL is started: repeat the lines of this chart's values.yaml above yours
{{- end }}
{{- end }}
{{- range list "/start" "/tls" "/etc/passwd" "/var/run/postgresql" -}}
{{- if not (has . $paths) }}
postgresql.primary.extraVolumeMounts lacks {{ . }}, with which PostgreSQL is started: repeat the lines of this chart's values.yaml above yours
{{- end }}
{{- end }}
{{- end }}
{{- $directory := trimSuffix "/" ($postgresql.postgresqlDataDir | default "/bitnami/postgresql/data") -}}
{{- $mount := trimSuffix "/" (dig "persistence" "mountPath" "/bitnami/postgresql" $primary) -}}
{{- if not (hasPrefix (printf "%s/" $mount) $directory) }}
postgresql.postgresqlDataDir is {{ $directory }}: it must be a folder below postgresql.primary.persistence.mountPath, {{ $mount }}
{{- end }}
{{- range $path, $instead := dict
  "primary.configuration" "use postgresql.primary.extendedConfiguration, whose lines win"
  "primary.existingConfigmap" "use postgresql.primary.extendedConfiguration and postgresql.primary.pgHbaConfiguration"
  "primary.initdb.scripts" "write a migration, or run what needs a superuser once with psql, as docs/how-to/postgresql-images.md says"
  "primary.initdb.scriptsConfigMap" "write a migration, or run what needs a superuser once with psql, as docs/how-to/postgresql-images.md says"
  "primary.initdb.scriptsSecret" "write a migration, or run what needs a superuser once with psql, as docs/how-to/postgresql-images.md says"
  "primary.initdb.user" "remove it: the scripts that it is for are not run"
  "primary.initdb.password" "remove it: the scripts that it is for are not run"
  "primary.initdb.postgresqlWalDir" "remove it: the WAL is in the volume of the data"
  "primary.preInitDb.scripts" "use postgresql.primary.initContainers"
  "primary.preInitDb.scriptsConfigMap" "use postgresql.primary.initContainers"
  "primary.preInitDb.scriptsSecret" "use postgresql.primary.initContainers"
  "primary.standby.enabled" "use CloudNativePG: docs/how-to/cloudnative-pg.md"
  "ldap.enabled" "write a rule with ldap into postgresql.primary.pgHbaConfiguration"
  "tls.autoGenerated" "name a Secret: postgresql.tls.certificatesSecret"
  "tls.certCAFilename" "remove it, or demand certificates of clients in postgresql.primary.pgHbaConfiguration and ssl_ca_file in postgresql.primary.extendedConfiguration"
  "tls.crlFilename" "set ssl_crl_file in postgresql.primary.extendedConfiguration" -}}
{{- $value := $postgresql -}}
{{- range splitList "." $path }}{{ $value = kindIs "map" $value | ternary (get (kindIs "map" $value | ternary $value dict) .) "" }}{{ end -}}
{{- if $value }}
postgresql.{{ $path }} is read by Bitnami-compatible images alone: {{ $instead }}
{{- end }}
{{- end }}
{{- if eq ($postgresql.architecture | default "standalone") "replication" }}
postgresql.architecture=replication works with Bitnami-compatible images alone: use CloudNativePG: docs/how-to/cloudnative-pg.md
{{- end }}
{{- if and (dig "audit" "pgAuditLog" "" $postgresql) (not (contains "pgaudit" ($postgresql.postgresqlSharedPreloadLibraries | default ""))) }}
postgresql.audit.pgAuditLog needs pgaudit, which {{ $image }} may not have: use an image with it, and set postgresql.postgresqlSharedPreloadLibraries to pgaudit
{{- end }}
{{- else -}}
{{- if $postgresql.serverTls.enabled }}
postgresql.serverTls.enabled is true, but the image starts itself, since postgresql.primary.command is empty: set postgresql.serverTls.enabled=false, or postgresql.tls as Bitnami's chart describes it
{{- end }}
{{- if regexMatch "(^|/)library/postgres$" $image }}
postgresql.image is {{ $image }}, which needs this chart's start script: remove your postgresql.primary.command, or name a Bitnami-compatible image
{{- end }}
{{- end }}
{{- end }}
