package org.learnflow.db.e2e;

import io.fabric8.kubernetes.client.LocalPortForward;
import java.io.ByteArrayInputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/** An S3-compatible store, versitygw, in a namespace of its own, with a bucket and TLS. */
final class S3Store {
  static final String BUCKET = "backups";

  /** The secret access key, which no output may contain. */
  static final String SECRET_KEY = "secret-of-the-store";

  private static final String IMAGE = "learnflow.test/versitygw:1.8.0";
  private static final String NAME = "store";
  private static final int PORT = 7070;

  private final Workspace workspace;
  private final String namespace;
  private final Certificates certificates;

  S3Store(Workspace workspace) {
    this.workspace = workspace;
    this.namespace = workspace.restricted();
    this.certificates =
        Certificates.of("%s.%s.svc.cluster.local,IP:127.0.0.1".formatted(NAME, namespace));
    workspace.makeSecret(
        namespace,
        NAME,
        Map.of(
            "tls.crt",
            certificates.server(),
            "tls.key",
            certificates.key(),
            "ROOT_ACCESS_KEY",
            "learnflow",
            "ROOT_SECRET_KEY",
            SECRET_KEY));
    String manifest =
        """
        apiVersion: v1
        kind: Service
        metadata: {name: store}
        spec:
          selector: {app: store}
          ports: [{port: 7070}]
        ---
        apiVersion: v1
        kind: Pod
        metadata: {name: store, labels: {app: store}}
        spec:
          securityContext:
            runAsNonRoot: true
            fsGroup: 65532
            seccompProfile: {type: RuntimeDefault}
          containers:
            - name: store
              image: %s
              args: [--port, ":7070", --cert, /tls/tls.crt, --key, /tls/tls.key, --quiet, posix, --sidecar, /metadata, /data]
              env:
                - name: ROOT_ACCESS_KEY
                  valueFrom: {secretKeyRef: {name: store, key: ROOT_ACCESS_KEY}}
                - name: ROOT_SECRET_KEY
                  valueFrom: {secretKeyRef: {name: store, key: ROOT_SECRET_KEY}}
              readinessProbe:
                tcpSocket: {port: 7070}
                periodSeconds: 1
              securityContext:
                allowPrivilegeEscalation: false
                capabilities: {drop: [ALL]}
              volumeMounts:
                - {name: tls, mountPath: /tls}
                - {name: metadata, mountPath: /metadata}
                - {name: data, mountPath: /data}
                - {name: bucket, mountPath: /data/%s}
          volumes:
            - {name: tls, secret: {secretName: store, defaultMode: 0440}}
            - {name: metadata, emptyDir: {}}
            - {name: data, emptyDir: {}}
            - {name: bucket, emptyDir: {}}
        """
            .formatted(IMAGE, BUCKET);
    workspace
        .client()
        .load(new ByteArrayInputStream(manifest.getBytes(StandardCharsets.UTF_8)))
        .inNamespace(namespace)
        .create();
    workspace
        .client()
        .pods()
        .inNamespace(namespace)
        .withName(NAME)
        .waitUntilReady(60, TimeUnit.SECONDS);
  }

  /** What a release needs to copy dumps there. */
  void makeSecrets(String in, String secretKey) {
    workspace.makeSecret(
        in, "bucket", Map.of("AWS_ACCESS_KEY_ID", "learnflow", "AWS_SECRET_ACCESS_KEY", secretKey));
    workspace.makeSecret(in, "bucket-ca", Map.of("ca.crt", certificates.authority()));
  }

  /** Values, as helm --set takes them. */
  String values() {
    return "backup.offsite.bucket=%s,backup.offsite.endpoint=https://%s.%s.svc.cluster.local:%d,backup.offsite.existingSecret=bucket,backup.offsite.ca.existingSecret=bucket-ca"
        .formatted(BUCKET, NAME, namespace, PORT);
  }

  /** The same for CloudNativePG's own backups. */
  String barman(String more) {
    return """
    barmanObjectStore:
      %s
      destinationPath: s3://%s/
      endpointURL: https://%s.%s.svc.cluster.local:%d
      endpointCA: {name: bucket-ca, key: ca.crt}
      s3Credentials:
        accessKeyId: {name: bucket, key: AWS_ACCESS_KEY_ID}
        secretAccessKey: {name: bucket, key: AWS_SECRET_ACCESS_KEY}
    """
        .formatted(more, BUCKET, NAME, namespace, PORT);
  }

  /** The store as this machine reaches it. */
  LocalPortForward forward() {
    return workspace.client().services().inNamespace(namespace).withName(NAME).portForward(PORT);
  }

  /** Sets the variables that a shell's commands need. */
  String environment(LocalPortForward forward, Path authority) {
    return """
    export AWS_ENDPOINT_URL_S3=https://127.0.0.1:%d AWS_CA_BUNDLE=%s
    export AWS_ACCESS_KEY_ID=learnflow AWS_SECRET_ACCESS_KEY=%s
    """
        .formatted(forward.getLocalPort(), authority, SECRET_KEY);
  }

  String authority() {
    return certificates.authority();
  }
}
