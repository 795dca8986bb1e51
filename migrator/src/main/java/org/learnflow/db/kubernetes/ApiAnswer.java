package org.learnflow.db.kubernetes;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import org.learnflow.db.ExitCode;
import org.learnflow.db.Failure;

/**
 * The API server's answer, and the failure for it if it is an error.
 *
 * @param server its address
 * @param code HTTP status
 * @param state what became of the call, if {@code code} is an error
 */
record ApiAnswer(String server, int code, String body, String state) {
  private static final JsonMapper JSON = JsonMapper.builder().build();

  private static final int UNAUTHORIZED = 401;
  private static final int FORBIDDEN = 403;
  static final int NOT_FOUND = 404;

  boolean successful() {
    return code / 100 == 2;
  }

  /** The object in it; a failure if it is an error, or something else answered. */
  JsonNode object(String verb, Kind kind, String namespace, String name) {
    if (!successful()) {
      throw failure(verb, kind, namespace, name);
    }
    try {
      JsonNode read = JSON.readTree(body);
      if (read.isObject()) {
        return read;
      }
      throw notTheApi();
    } catch (JsonProcessingException e) {
      throw notTheApi().causedBy(e);
    }
  }

  private Failure notTheApi() {
    return Failure.of(
            ExitCode.NOT_REACHED,
            "the answer does not come from a Kubernetes API: it is not a JSON object")
        .where("the Kubernetes API " + server + ", HTTP " + code)
        .state("it is unknown whether the call had an effect")
        .next(
            "check whether a proxy or a login page is in between: kubectl version; HTTPS_PROXY,"
                + " NO_PROXY");
  }

  private Failure failure(String verb, Kind kind, String namespace, String name) {
    Failure failure =
        switch (code) {
          case UNAUTHORIZED ->
              Failure.of(
                      ExitCode.CREDENTIALS_REFUSED,
                      "the Kubernetes API does not accept the credentials of this kubeconfig"
                          + " context or service account")
                  .next("log in again, or choose a --context");
          case FORBIDDEN ->
              Failure.of(ExitCode.FAILED, reason())
                  .next(
                      "ask for the permission, and test it with: kubectl -n %s auth can-i %s %s%s"
                          .formatted(
                              namespace, verb, kind.plural(), name.isEmpty() ? "" : "/" + name));
          case NOT_FOUND ->
              Failure.of(ExitCode.NOT_DEPLOYED, "namespace " + namespace + " does not exist")
                  .next("create it: kubectl create namespace " + namespace);
          default ->
              Failure.of(
                      ExitCode.FAILED,
                      "%s %s in namespace %s: %s".formatted(kind.text(), name, namespace, reason()))
                  .next("fix what it reports and run the command again");
        };
    return failure.where("the Kubernetes API " + server + ", HTTP " + code).state(state);
  }

  /** The API's own words, which come as a Status object. */
  private String reason() {
    try {
      String message = JSON.readTree(body).path("message").asText();
      return message.isEmpty() ? body : message;
    } catch (JsonProcessingException e) {
      return body;
    }
  }
}
