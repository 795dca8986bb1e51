package org.learnflow.db.kubernetes;

import java.util.Locale;

/** The kinds of objects that the program reads or makes, with their places in the API. */
enum Kind {
  CLAIM("PersistentVolumeClaim", "/api/v1", "persistentvolumeclaims"),
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

  /** As kubectl takes it for one object, such as {@code deployment/progress}. */
  String singular() {
    return text.toLowerCase(Locale.ROOT);
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
