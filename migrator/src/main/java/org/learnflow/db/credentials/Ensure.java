package org.learnflow.db.credentials;

import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.learnflow.db.kubernetes.ClusterHosting;
import org.learnflow.db.kubernetes.CredentialsSecret;
import org.learnflow.db.kubernetes.DataStay;
import org.learnflow.db.kubernetes.KubernetesApi;
import org.learnflow.db.kubernetes.StatefulSetChange;

/**
 * Creates the Secret with the passwords if it does not exist, unless the values request what the
 * existing StatefulSet cannot take, or leave the release's data behind.
 *
 * @param release its name
 */
public record Ensure(KubernetesApi api, String namespace, String release) {
  /** Stands for no claim and for no volume. */
  public static final String NONE = "none";

  /**
   * What the values request.
   *
   * @param secret name of the Secret; empty if somebody else creates it
   * @param services names of those that have roles of their own
   * @param statefulSet that is to run the database; empty for an external one
   * @param cluster of CloudNativePG that is to run it
   * @param dataClaim name of the PersistentVolumeClaim for the data, or {@code none}; empty if that
   *     is not checked
   * @param dataDirectory directory in that volume; empty if unknown
   * @param retiredClaims names of claims whose data are abandoned on purpose
   * @param server its volume and its start; empty if that is not checked
   */
  public record Wanted(
      Optional<String> secret,
      List<String> services,
      Optional<String> statefulSet,
      Optional<String> cluster,
      String dataClaim,
      String dataDirectory,
      List<String> retiredClaims,
      Optional<StatefulSetChange.Wanted> server) {

    private List<String> claims() {
      return Stream.of(dataClaim).filter(claim -> !claim.isEmpty() && !claim.equals(NONE)).toList();
    }

    /** The claim that the values request is checked even if an old value retires it. */
    private List<String> retired() {
      return retiredClaims.stream().filter(claim -> !claims().contains(claim)).toList();
    }
  }

  /**
   * Does it.
   *
   * @return the keys that were created; none if all existed, or somebody else creates them
   * @throws org.learnflow.db.Failure 10 if the values are refused or the passwords are lost
   */
  public List<String> run(Wanted wanted) {
    wanted.statefulSet().ifPresent(name -> check(name, wanted));
    wanted.cluster().ifPresent(name -> ClusterHosting.requireInstalled(api, name));
    if (!wanted.dataClaim().isEmpty()) {
      new DataStay(api, namespace, release)
          .check(
              new DataStay.Wanted(
                  wanted.statefulSet().orElse(""),
                  String.join("", wanted.claims()),
                  wanted.dataDirectory(),
                  wanted.retiredClaims()));
    }
    return wanted
        .secret()
        .map(secret ->
            new CredentialsSecret(
                    api,
                    namespace,
                    release,
                    secret,
                    wanted.statefulSet().orElse(""),
                    wanted.cluster().isEmpty(),
                    wanted.services())
                .ensure(wanted.claims(), wanted.retired()))
        .orElse(List.of());
  }

  private void check(String statefulSet, Wanted wanted) {
    StatefulSetChange change = new StatefulSetChange(api, namespace, statefulSet);
    change.checkRelease(release);
    change.checkDeletion(release, wanted.claims(), wanted.retired());
    wanted.server().ifPresent(server -> change.check(release, server));
  }
}
