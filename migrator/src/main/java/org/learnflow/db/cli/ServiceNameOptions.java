package org.learnflow.db.cli;

import java.util.List;
import org.learnflow.db.connect.Service;
import org.learnflow.db.connect.ServicesDocument;
import picocli.CommandLine.Option;

/** Which services have passwords of their own. */
final class ServiceNameOptions {
  @Option(
      names = "--services",
      paramLabel = "JSON",
      description = "The services that have roles of their own, and so passwords in the Secret.")
  private String services = "[]";

  List<String> names() {
    return ServicesDocument.read(services, "--services").stream().map(Service::name).toList();
  }
}
