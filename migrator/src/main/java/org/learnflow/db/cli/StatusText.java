package org.learnflow.db.cli;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;
import org.learnflow.db.kubernetes.KubernetesTarget;
import org.learnflow.db.kubernetes.Release;
import org.learnflow.db.verify.DatabaseStatus;
import org.learnflow.db.verify.LastBackup;
import org.learnflow.db.verify.LastDrill;
import org.learnflow.db.verify.LastOffsiteCopy;
import org.learnflow.db.verify.ReleaseStatus;
import org.learnflow.db.verify.ServiceConnections;

/** The screen that {@link StatusCommand} prints. */
final class StatusText {
  private StatusText() {}

  static String of(ReleaseStatus status, Release release) {
    String pods =
        status.pods().stream()
            .map(pod ->
                "%s %s, %s, %d restarts, %s"
                    .formatted(
                        pod.name(),
                        pod.phase(),
                        pod.ready() ? "ready" : "not ready",
                        pod.restarts(),
                        pod.image()))
            .collect(Collectors.joining("\n             "));
    String storage =
        status.storage().stream()
            .map(claim ->
                "%s %s, %s, %s"
                    .formatted(
                        claim.claim(),
                        claim.phase(),
                        claim.size(),
                        claim.storageClass().isEmpty()
                            ? "no StorageClass"
                            : "StorageClass " + claim.storageClass()))
            .collect(Collectors.joining("\n             "));
    Optional<DatabaseStatus> database = Optional.ofNullable(status.status());
    String cluster =
        Optional.ofNullable(status.cluster())
            .map(found -> "Cluster:     " + of(found) + "\n")
            .orElse("");
    return """
    Release:     %s in namespace %s, %s
    %sPod:         %s
    Storage:     %s
    %s
    """
            .formatted(
                release.name(),
                release.namespace(),
                release.chart(),
                cluster,
                pods.isEmpty()
                    ? release.server().map(_ -> "none").orElse("none, external database")
                    : pods,
                storage.isEmpty() ? "no volume" : storage,
                database.map(StatusText::of).orElse("Problem:     " + status.problem()))
            .stripTrailing()
        + (database.isPresent() ? "\nPublished:   " + published(status.published()) : "")
        + (database.isPresent() && !status.problem().isEmpty()
            ? "\nProblem:     " + status.problem()
            : "");
  }

  private static String of(ReleaseStatus.Cluster cluster) {
    List<String> lines = new ArrayList<>();
    lines.add(
        "%s, %d of %d instances ready, primary %s"
            .formatted(
                cluster.state(),
                cluster.ready(),
                cluster.instances(),
                cluster.primary().isEmpty() ? "none" : cluster.primary()));
    cluster.replicas().forEach(replica -> lines.add(replica.text()));
    lines.add(
        "WAL archiving %s, last backup %s"
            .formatted(
                cluster.archiving(),
                cluster.lastBackup().isEmpty() ? "none" : cluster.lastBackup()));
    return listed(lines);
  }

  /** One line per namespace: up to date, or what is missing or differs. */
  private static String published(List<KubernetesTarget.Found> published) {
    Map<String, List<String>> wrong = new LinkedHashMap<>();
    published.forEach(found -> {
      List<String> inNamespace = wrong.computeIfAbsent(found.namespace(), _ -> new ArrayList<>());
      if (!found.matches()) {
        inNamespace.add("%s %s".formatted(found.object(), found.state()));
      }
    });
    return listed(
        wrong.entrySet().stream()
            .map(entry ->
                entry.getKey()
                    + ": "
                    + (entry.getValue().isEmpty()
                        ? "up to date"
                        : String.join(", ", entry.getValue())))
            .toList());
  }

  static String of(DatabaseStatus status) {
    String text =
        """
        Database:    %s
        Server:      PostgreSQL %s, %.1f MiB, %s connections
        %s%sTLS:         %s
        Schema:      %s (%d applied)
        Pending:     %s
        Differences: %s
        Drift:       %s
        Seeds:       %s
        Backup:      %s
        Drill:       %s
        Off-site:    %s\
        """
            .formatted(
                status.database(),
                status.serverVersion(),
                status.sizeBytes() / 1048576.0,
                status.connections(),
                status.services().isEmpty()
                    ? ""
                    : "Services:    "
                        + listed(
                            status.services().stream().map(ServiceConnections.Use::text).toList())
                        + "\n",
                status.outdated().isEmpty() ? "" : "Outdated:    " + status.outdated() + "\n",
                status.tls(),
                status.schemaVersion(),
                status.applied(),
                listed(status.pending()),
                listed(status.differences()),
                !status.drift().unknown().isEmpty()
                    ? status.drift().unknown()
                    : status.drift().recorded()
                        ? listed(status.drift().objects())
                        : "nothing recorded yet; the next learnflow-db migrate records it",
                status.seeds().isEmpty()
                    ? "none"
                    : status.seeds().entrySet().stream()
                        .map(entry -> "%s (%s)".formatted(entry.getKey(), entry.getValue()))
                        .collect(Collectors.joining(", ")),
                Optional.ofNullable(status.lastBackup()).map(LastBackup::text).orElse("none"),
                Optional.ofNullable(status.lastDrill()).map(LastDrill::text).orElse("none"),
                Optional.ofNullable(status.lastOffsiteCopy())
                    .map(LastOffsiteCopy::text)
                    .orElse("none"));
    return status.problem().isEmpty() ? text : text + "\nProblem:     " + status.problem();
  }

  private static String listed(List<String> items) {
    return items.isEmpty() ? "none" : String.join("\n             ", items);
  }
}
