package org.learnflow.db.cli;

import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.learnflow.db.ExitCode;
import org.learnflow.db.credentials.Ensure;
import org.learnflow.db.kubernetes.CredentialsSecret;
import org.learnflow.db.kubernetes.ImagePulls;
import org.learnflow.db.kubernetes.ServerStart;
import org.learnflow.db.kubernetes.StatefulSetChange;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Creates the Secret with the passwords if it does not exist. */
@Command(
    name = "ensure",
    description =
        "Creates the Secret with the release's passwords if it is missing, and the claim of the"
            + " volume for dumps if one is named; never changes existing ones. Refuses what the"
            + " running StatefulSet cannot accept, such as another release's name, and what would"
            + " leave the release's data behind.")
final class CredentialsEnsureCommand extends BaseCommand {
  @Option(
      names = "--credentials-secret",
      paramLabel = "NAME",
      description = "The Secret (default: RELEASE-credentials).")
  private @Nullable String secret;

  @Option(names = "--no-secret", description = "Do not create the Secret; only do the rest.")
  private boolean noSecret;

  @Mixin private ServiceNameOptions services = new ServiceNameOptions();
  @Mixin private BackupClaimOptions backups = new BackupClaimOptions();
  @Mixin private TlsOptions tls = new TlsOptions();

  @Option(
      names = "--tls-rotate-authority",
      description =
          "Begin to replace the authority: clients get both; run it again, once they have both, and"
              + " the new one signs.")
  private boolean rotateAuthority;

  @Option(
      names = "--data-claim",
      paramLabel = "NAME",
      description =
          "PersistentVolumeClaim for the database's data, or none; refused if the release has data"
              + " in another one.")
  private String dataClaim = "";

  @Option(
      names = "--data-directory",
      paramLabel = "PATH",
      description = "Path in that volume; refused if the release's data are elsewhere in it.")
  private String dataDirectory = "";

  @Option(
      names = "--retired-claims",
      paramLabel = "NAME",
      split = ",",
      description =
          "PersistentVolumeClaims whose data you leave behind on purpose, separated by commas.")
  private List<String> retiredClaims = List.of();

  @Option(
      names = "--data-size",
      paramLabel = "SIZE",
      description =
          "Size of the database's volume, existing for an existing claim, or none; refused if the"
              + " size differs.")
  private String dataSize = "";

  @Option(
      names = "--postgresql-image",
      paramLabel = "IMAGE",
      description = "PostgreSQL's image; refused if its major version is not that of the volume.")
  private String image = "";

  @Option(
      names = "--postgresql-start",
      paramLabel = "script|image",
      description =
          "Who starts PostgreSQL: script, that of the chart, or image, its own entrypoint; refused"
              + " if another one does on the running StatefulSet's volume.")
  private @Nullable ServerStart start;

  @Option(
      names = "--accept-start",
      paramLabel = "script|image",
      description = "Accept that PostgreSQL is started so from now on, on the same volume.")
  private @Nullable ServerStart acceptedStart;

  @Option(
      names = "--pod",
      paramLabel = "NAME",
      hidden = true,
      description =
          "For the chart's first hook: the pod that this runs in. Waits until the images of its"
              + " other containers are pulled, or says why they are not.")
  private String pod = "";

  /**
   * What ensure did.
   *
   * @param secret its name
   * @param namespace where it is
   * @param made the keys that were created, never their values
   */
  record Ensured(String secret, String namespace, List<String> made) {}

  @Override
  ExitCode execute(ConsoleProgress progress) {
    String name =
        Optional.ofNullable(secret).orElse(CredentialsSecret.ofRelease(cluster().release()));
    String namespace = cluster().namespace();
    List<String> made =
        new Ensure(cluster().api(), namespace, cluster().release())
            .run(
                new Ensure.Wanted(
                    noSecret ? Optional.empty() : Optional.of(name),
                    services.names(),
                    cluster().statefulSet(),
                    cluster().cnpgCluster(),
                    dataClaim,
                    dataDirectory,
                    retiredClaims,
                    server()));
    tls.ensure(cluster(), rotateAuthority, progress);
    backups.ensure(cluster(), progress);
    if (!pod.isEmpty()) {
      new ImagePulls(cluster().api(), namespace, pod, progress).await();
    }
    String text =
        "Secret %s in namespace %s: %s"
            .formatted(
                name,
                namespace,
                noSecret
                    ? "managed elsewhere"
                    : made.isEmpty() ? "exists, unchanged" : "created " + String.join(", ", made));
    conclude(text);
    print(text, new Ensured(name, namespace, made));
    return ExitCode.OK;
  }

  private Optional<StatefulSetChange.Wanted> server() {
    return dataSize.isEmpty()
        ? Optional.empty()
        : Optional.of(
            new StatefulSetChange.Wanted(
                dataSize.equals(Ensure.NONE) ? "" : dataSize,
                image,
                Optional.ofNullable(start),
                Optional.ofNullable(acceptedStart)));
  }
}
