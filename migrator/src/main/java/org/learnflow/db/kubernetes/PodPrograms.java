package org.learnflow.db.kubernetes;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.SequenceInputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalLong;
import org.learnflow.db.ExitCode;
import org.learnflow.db.Failure;
import org.learnflow.db.Password;
import org.learnflow.db.Resource;
import org.learnflow.db.programs.ErrorTail;
import org.learnflow.db.programs.PostgresPrograms;

/** PostgreSQL's programs in the server's pod, which are of its own version. */
public final class PodPrograms implements PostgresPrograms {
  private static final long KIBIBYTE = 1024;

  /** Of what {@code df -P} prints: size, used and available come behind the name. */
  private static final int DF_AVAILABLE = 3;

  private final KubernetesApi api;
  private final String namespace;
  private final String pod;
  private final String role;
  private final Password password;

  /**
   * Programs that log in as a role.
   *
   * @param hosting where the server is
   * @throws Failure 4 if it is in no pod yet
   */
  public PodPrograms(KubernetesApi api, PodHosting hosting, String role, Password password) {
    this.api = api;
    this.namespace = hosting.namespace;
    this.pod = hosting.podName();
    this.role = role;
    this.password = password;
  }

  @Override
  public String place() {
    return "pod " + pod;
  }

  @Override
  public String version(String program) {
    String answer = answer(program, "--version");
    return PostgresPrograms.versionIn(answer)
        .orElseThrow(() ->
            Failure.of(ExitCode.FAILED, "pod %s has no %s: %s".formatted(pod, program, answer))
                .where("namespace " + namespace)
                .state("nothing was changed")
                .next("use an image that has it: docs/how-to/postgresql-images.md"));
  }

  @Override
  public OptionalLong freeBytes() {
    String[] fields =
        answer("sh", "-c", "df -Pk \"${PGDATA:-/}\" | tail -n 1").strip().split("\\s+", -1);
    return fields.length > DF_AVAILABLE && fields[DF_AVAILABLE].matches("\\d+")
        ? OptionalLong.of(Long.parseLong(fields[DF_AVAILABLE]) * KIBIBYTE)
        : OptionalLong.empty();
  }

  private String answer(String... command) {
    ByteArrayOutputStream output = new ByteArrayOutputStream();
    try {
      Ended ended = run(List.of(command), Input.none(), output);
      return output.toString(StandardCharsets.UTF_8) + ended.errors();
    } catch (IOException e) {
      throw new UncheckedIOException("memory takes everything", e);
    }
  }

  /** One of the same name that a kill has left is replaced. */
  @Override
  public PlacedFile place(String name, byte[] content) throws IOException {
    // The root file system may be read-only.
    String path = answer("sh", "-c", "echo \"${TMPDIR:-/tmp}\"").strip() + "/" + name;
    Ended ended =
        run(
            List.of("sh", "-c", "umask 077 && rm -f \"$0\" && cat >\"$0\"", path),
            new Input(new ByteArrayInputStream(content), content.length),
            OutputStream.nullOutputStream());
    if (ended.exitCode() != 0) {
      throw new IOException("%s in %s: %s".formatted(path, place(), ended.reason()));
    }
    return new PlacedFile() {
      @Override
      public String path() {
        return path;
      }

      @Override
      public void close() {
        answer("rm", "-f", path);
      }
    };
  }

  @Override
  public Ended run(List<String> command, Input input, OutputStream output) throws IOException {
    return run("program.sh", command, input.bytes(), input.stream(), output);
  }

  @Override
  public Read readAndKeep(List<String> loading, Input input) throws IOException {
    KeptInPod kept = new KeptInPod(input.stream());
    kept.begin(() -> run("keep.sh", loading, input.bytes(), kept.questions(), kept.answers()));
    return kept.read();
  }

  private Ended run(
      String script, List<String> command, long bytes, InputStream input, OutputStream output)
      throws IOException {
    String container =
        api.get(Kind.POD, namespace, pod)
            .orElseThrow(() ->
                Failure.of(ExitCode.NOT_REACHED, "pod " + pod + " does not exist")
                    .state("nothing was changed")
                    .next("kubectl -n %s get pods".formatted(namespace)))
            .at("/spec/containers/0/name")
            .asText();
    List<String> words =
        new ArrayList<>(
            List.of(
                "sh",
                "-c",
                Resource.text(PodPrograms.class, script),
                script,
                role,
                String.valueOf(bytes)));
    words.addAll(command);
    ErrorTail errors = new ErrorTail();
    InputStream line =
        new ByteArrayInputStream((password.value() + "\n").getBytes(StandardCharsets.UTF_8));
    int code =
        api.pods().stream(
            namespace,
            pod,
            container,
            new SequenceInputStream(line, input),
            output,
            errors,
            words.toArray(String[]::new));
    return new Ended(code, errors.text());
  }
}
