package org.learnflow.db.kubernetes;

import java.util.Locale;

/** The kinds of objects that the program reads or makes, with their places in the API. */
enum Kind {
  /** A backup that CloudNativePG makes. */
  BACKUP("Backup", Cnpg.API, "backups"),
  CLAIM("PersistentVolumeClaim", "/api/v1", "persistentvolumeclaims"),
  /** A PostgreSQL that CloudNativePG runs. */
  CLUSTER("Cluster", Cnpg.API, "clusters"),
  CONFIG_MAP("ConfigMap", "/api/v1", "configmaps"),
  CRON_JOB("CronJob", "/apis/batch/v1", "cronjobs"),
  DAEMON_SET("DaemonSet", "/apis/apps/v1", "daemonsets"),
  DEPLOYMENT("Deployment", "/apis/apps/v1", "deployments"),
  EVENT("Event", "/api/v1", "events"),
  JOB("Job", "/apis/batch/v1", "jobs"),
  POD("Pod", "/api/v1", "pods"),
  SECRET("Secret", "/api/v1", "secrets"),
  SERVICE("Service", "/api/v1", "services"),
  STATEFUL_SET("StatefulSet", "/apis/apps/v1", "statefulsets");

  /** The API of CloudNativePG. */
  private static final class Cnpg {
    static final String API = "/apis/postgresql.cnpg.io/v1";
  }

  private final String text;
  private final String api;
  private final String plural;

  Kind(String text, String api, String plural) {
    this.text = text;
    this.api = api;
    this.plural = plural;
  }

  /** As manifests write it. */
  String text() {
    return text;
  }

  /** As RBAC rules and kubectl write it. */
  String plural() {
    return plural;
  }

  /**
   * As kubectl takes it for one object, such as {@code deployment/progress}; with the group where
   * others have a kind of that name too.
   */
  String singular() {
    String word = text.toLowerCase(Locale.ROOT);
    return api.equals(Cnpg.API) ? word + ".postgresql.cnpg.io" : word;
  }

  /** Path of the API that serves it. */
  String api() {
    return api;
  }

  /** {@code v1} or {@code apps/v1}. */
  String apiVersion() {
    return api.replaceFirst("^/apis?/", "");
  }

  /** Path of the collection in a namespace. */
  String path(String namespace) {
    return "%s/namespaces/%s/%s".formatted(api, namespace, plural);
  }
}
