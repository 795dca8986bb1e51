package org.learnflow.db.e2e;

import io.fabric8.kubernetes.api.model.Container;
import io.fabric8.kubernetes.api.model.Event;
import io.fabric8.kubernetes.api.model.HasMetadata;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientException;
import io.fabric8.kubernetes.client.utils.Serialization;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** What a failed test leaves to be read: no Secret is among it. */
final class FailureReport {
  private final Workspace workspace;
  private final KubernetesClient client;

  FailureReport(Workspace workspace) {
    this.workspace = workspace;
    this.client = workspace.client();
  }

  /** Writes a folder, and says where it is. */
  void write(String test, Throwable failure) {
    Path folder = Repository.FAILURES.resolve(test);
    System.out.printf("e2e      %s failed: what was found is in %s%n", test, folder);
    StringWriter trace = new StringWriter();
    failure.printStackTrace(new PrintWriter(trace, true));
    Repository.write(folder.resolve("failure.txt"), trace.toString());
    Repository.write(
        folder.resolve("commands.txt"),
        workspace.commands().stream().map(Command::toString).collect(Collectors.joining("\n")));
    for (String namespace : workspace.namespaces()) {
      try {
        write(folder.resolve(namespace), namespace);
      } catch (KubernetesClientException e) {
        Repository.write(folder.resolve(namespace).resolve("unread.txt"), String.valueOf(e));
      }
    }
  }

  private void write(Path folder, String namespace) {
    List<Pod> pods = client.pods().inNamespace(namespace).list().getItems();
    for (Pod pod : pods) {
      for (Container container : pod.getSpec().getContainers()) {
        String name = pod.getMetadata().getName() + "." + container.getName() + ".log";
        Repository.write(folder.resolve(name), log(pod, container));
      }
    }
    Repository.write(
        folder.resolve("events.txt"),
        client.v1().events().inNamespace(namespace).list().getItems().stream()
            .sorted(Comparator.comparing(event -> event.getMetadata().getCreationTimestamp()))
            .map(FailureReport::line)
            .collect(Collectors.joining()));
    Stream<? extends HasMetadata> objects =
        Stream.of(
                pods,
                client.apps().statefulSets().inNamespace(namespace).list().getItems(),
                client.batch().v1().jobs().inNamespace(namespace).list().getItems(),
                client.persistentVolumeClaims().inNamespace(namespace).list().getItems(),
                client.configMaps().inNamespace(namespace).list().getItems())
            .flatMap(List::stream);
    Repository.write(
        folder.resolve("objects.yaml"),
        objects.map(Serialization::asYaml).collect(Collectors.joining()));
    Repository.write(
        folder.resolve("helm-history.txt"),
        Command.run(
                Duration.ofSeconds(30),
                Map.of("KUBECONFIG", workspace.cluster().kubeconfig().toString()),
                List.of(
                    Repository.tool("helm").toString(),
                    "history",
                    Release.NAME,
                    "--namespace",
                    namespace))
            .toString());
  }

  private String log(Pod pod, Container container) {
    try {
      return new Pods(client).log(pod, container.getName());
    } catch (KubernetesClientException e) {
      return "no log: " + e.getMessage();
    }
  }

  private static String line(Event event) {
    return "%s %s %s/%s %s: %s%n"
        .formatted(
            event.getMetadata().getCreationTimestamp(),
            event.getType(),
            event.getInvolvedObject().getKind(),
            event.getInvolvedObject().getName(),
            event.getReason(),
            event.getMessage());
  }
}
