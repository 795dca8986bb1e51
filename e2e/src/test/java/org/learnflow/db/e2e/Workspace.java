package org.learnflow.db.e2e;

import io.fabric8.kubernetes.api.model.SecretBuilder;
import io.fabric8.kubernetes.client.KubernetesClient;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.ThreadLocalRandom;

/** What one test has for itself: namespaces, and a record of the commands that it ran. */
final class Workspace {
  private final Cluster cluster;
  private final String prefix;
  private final List<String> namespaces = new ArrayList<>();
  private final List<Command> commands = new ArrayList<>();
  private final Deque<Runnable> atEnd = new ArrayDeque<>();

  Workspace(Cluster cluster, String test) {
    this.cluster = cluster;
    this.prefix =
        "e2e-%s-%05x"
            .formatted(
                test.replaceAll("([A-Z])", "-$1").toLowerCase(Locale.ROOT),
                ThreadLocalRandom.current().nextInt(1 << 20));
  }

  Cluster cluster() {
    return cluster;
  }

  KubernetesClient client() {
    return cluster.client();
  }

  /** A name for a namespace that somebody else makes; it is deleted at the end. */
  String unmade() {
    String name = namespaces.isEmpty() ? prefix : prefix + "-" + (namespaces.size() + 1);
    namespaces.add(name);
    return name;
  }

  /** A new namespace that enforces PSA restricted. */
  String restricted() {
    String name = unmade();
    cluster.createRestricted(name);
    return name;
  }

  /** Makes a Secret, or gives it another content. */
  void makeSecret(String namespace, String name, Map<String, String> content) {
    client()
        .resource(
            new SecretBuilder()
                .withNewMetadata()
                .withName(name)
                .withNamespace(namespace)
                .endMetadata()
                .withStringData(content)
                .build())
        .createOr(existing -> existing.update());
  }

  /** What is done after the test, before its namespaces are deleted; the last one first. */
  void atEnd(Runnable action) {
    atEnd.push(action);
  }

  void end() {
    try {
      atEnd.forEach(Runnable::run);
    } finally {
      namespaces.forEach(cluster::delete);
    }
  }

  List<String> namespaces() {
    return namespaces;
  }

  /** Keeps a command for the record that a failure leaves. */
  synchronized Command record(Command command) {
    commands.add(command);
    return command;
  }

  List<Command> commands() {
    return commands;
  }
}
