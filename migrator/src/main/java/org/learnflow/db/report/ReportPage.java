package org.learnflow.db.report;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.function.Consumer;
import java.util.stream.Collectors;
import org.learnflow.db.connect.ServiceRole;
import org.learnflow.db.kubernetes.KubernetesTarget;
import org.learnflow.db.plan.MigrationPlan;
import org.learnflow.db.verify.DatabaseStatus;
import org.learnflow.db.verify.LastBackup;
import org.learnflow.db.verify.LastDrill;
import org.learnflow.db.verify.LastOffsiteCopy;
import org.learnflow.db.verify.ReleaseStatus;
import org.learnflow.db.verify.Replica;
import org.learnflow.db.verify.Runs;
import org.learnflow.db.verify.ServiceConnections;
import org.learnflow.db.verify.StageResult;
import org.learnflow.db.verify.Verification;

/** A report as one page of HTML, without scripts and without anything from elsewhere. */
public final class ReportPage {
  /** How a page begins, by which it is known as a report. */
  public static final String MARKER = "<!DOCTYPE html>\n<!-- learnflow-db report -->\n";

  /** Nothing is loaded and nothing is run, whatever a name or a message contains. */
  private static final String POLICY =
      "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";

  private static final DateTimeFormatter TIME =
      DateTimeFormatter.ofPattern("yyyy-MM-dd HH:mm:ss 'UTC'", Locale.ROOT)
          .withZone(ZoneOffset.UTC);

  private static final List<String> STEPS =
      List.of("wait", "roles", "migrate", "seed", "verify", "publish");

  private static final String NONE = "none";
  private static final int MOST_LINES = 20;

  private final Report report;
  private final Html html = new Html();
  private final Optional<DatabaseStatus> status;
  private final Optional<ReleaseStatus> release;

  private ReportPage(Report report) {
    this.report = report;
    this.status = Optional.ofNullable(report.status());
    this.release = Optional.ofNullable(report.release());
  }

  /** The page. */
  public static String of(Report report) {
    return new ReportPage(report).page();
  }

  private String page() {
    String about =
        release
            .map(found ->
                "%s in namespace %s".formatted(fact(found, "name"), fact(found, "namespace")))
            .or(() -> status.map(DatabaseStatus::database))
            .orElse("learnflow-db");
    html.markup(MARKER).open("html", "lang", "en").open("head");
    html.empty("meta", "charset", "utf-8");
    html.empty("meta", "http-equiv", "Content-Security-Policy", "content", POLICY);
    html.empty("meta", "name", "viewport", "content", "width=device-width, initial-scale=1");
    html.empty("meta", "name", "referrer", "content", "no-referrer");
    html.empty("meta", "name", "generator", "content", "learnflow-db " + report.program());
    html.element("title", "Database report: " + about);
    html.open("style").markup(style()).close("style").close("head").open("body").open("main");
    header(about);
    tiles();
    Map<String, String> sections = new LinkedHashMap<>();
    sections.put("health", "Health");
    release.ifPresent(_ -> sections.put("release", "Release"));
    sections.put("database", "Database");
    sections.put("migrations", "Pending migrations");
    sections.put("runs", "Last runs");
    sections.put("dumps", "Dumps");
    sections.put("services", "Services");
    sections.put("schema", "Schema");
    html.open("nav", "aria-label", "Sections");
    sections.forEach((id, title) -> html.element("a", title, "href", "#" + id));
    html.close("nav");
    Map<String, Runnable> bodies =
        Map.of(
            "health", this::health,
            "release", () -> release.ifPresent(this::release),
            "database", this::database,
            "migrations", this::migrations,
            "runs", this::runs,
            "dumps", this::dumps,
            "services", this::services,
            "schema", this::schema);
    sections.forEach((id, title) -> {
      html.open("section", "id", id).element("h2", title);
      Optional.ofNullable(bodies.get(id)).ifPresent(Runnable::run);
      html.close("section");
    });
    html.open("footer")
        .text(
            "Made by learnflow-db %s at %s. It contains no passwords, runs no script and loads nothing."
                .formatted(report.program(), time(report.made())))
        .close("footer");
    return html.close("main").close("body").close("html").toString();
  }

  private static String style() {
    String name = "report.css";
    try (InputStream file =
        Objects.requireNonNull(ReportPage.class.getResourceAsStream(name), name)) {
      return "\n" + new String(file.readAllBytes(), StandardCharsets.UTF_8);
    } catch (IOException e) {
      throw new UncheckedIOException("reading " + name, e);
    }
  }

  private void header(String about) {
    html.open("header").open("div").element("h1", "Database report");
    html.element("p", about, "class", "soft");
    html.close("div").open("div");
    String verdict =
        report
            .health()
            .value()
            .map(found ->
                found.healthy()
                    ? warnings(found) > 0 ? "healthy, with warnings" : "healthy"
                    : "unhealthy")
            .orElse(status.isEmpty() ? "not reached" : "not checked");
    html.element(
        "span",
        verdict,
        "class",
        "mark verdict "
            + (verdict.equals("healthy")
                ? "good"
                : verdict.startsWith("healthy") ? "warning" : "broken"));
    html.element("p", time(report.made()), "class", "soft");
    html.close("div").close("header");
  }

  private static long warnings(Verification health) {
    return health.stages().stream().filter(StageResult::warning).count();
  }

  private void tiles() {
    status.ifPresent(found -> {
      html.open("div", "class", "tiles");
      tile(found.schemaVersion(), "schema version");
      tile(String.valueOf(found.pending().size()), "pending migrations");
      tile(mebibytes(found.sizeBytes()), "size of the database");
      tile(found.connections(), "connections");
      tile(
          Optional.ofNullable(found.lastBackup())
              .map(LastBackup::text)
              .map(text -> text.replaceFirst(" \\(.*", ""))
              .orElse("never"),
          "last dump");
      tile(found.serverVersion().replaceFirst(" .*", ""), "PostgreSQL");
      html.close("div");
    });
  }

  private void tile(String value, String what) {
    html.open("div", "class", "tile").element("b", value).element("span", what).close("div");
  }

  private void health() {
    show(
        report.health(),
        "Not checked: ",
        health ->
            table(
                List.of("Stage", "State", "What was found"),
                () ->
                    health
                        .stages()
                        .forEach(stage -> {
                          String state =
                              stage.warning() ? "warning" : stage.ok() ? "good" : "broken";
                          html.open("tr").element("td", stage.name()).open("td");
                          html.element("span", state, "class", "mark " + state).close("td");
                          html.element("td", stage.detail(), "class", "long lines").close("tr");
                        })));
  }

  private void release(ReleaseStatus found) {
    facts(facts -> {
      fact(facts, "Name", fact(found, "name"));
      fact(facts, "Namespace", fact(found, "namespace"));
      fact(facts, "Chart", fact(found, "chart"));
      fact(facts, "Image", fact(found, "migratorImage"));
      Optional.ofNullable(found.cluster()).ifPresent(cluster -> cluster(facts, cluster));
      lines(
          facts,
          "Pods",
          found.pods().stream()
              .map(pod ->
                  "%s: %s, %s, %d restarts, %s"
                      .formatted(
                          pod.name(),
                          pod.phase(),
                          pod.ready() ? "ready" : "not ready",
                          pod.restarts(),
                          pod.image()))
              .toList());
      lines(
          facts,
          "Volumes",
          found.storage().stream()
              .map(claim ->
                  "%s: %s, %s%s"
                      .formatted(
                          claim.claim(),
                          claim.phase(),
                          claim.size(),
                          claim.storageClass().isEmpty()
                              ? ""
                              : ", StorageClass " + claim.storageClass()))
              .toList());
      if (status.isPresent()) {
        lines(facts, "Published", found.published().stream().map(ReportPage::published).toList());
      }
      if (!found.problem().isEmpty()) {
        fact(facts, "Problem", found.problem());
      }
    });
  }

  private static String published(KubernetesTarget.Found found) {
    return "%s in namespace %s: %s".formatted(found.object(), found.namespace(), found.state());
  }

  private static void cluster(Map<String, String> facts, ReleaseStatus.Cluster cluster) {
    fact(
        facts,
        "Cluster",
        "%s: %s, %d of %d instances ready, primary %s"
            .formatted(
                cluster.name(),
                cluster.state(),
                cluster.ready(),
                cluster.instances(),
                cluster.primary().isEmpty() ? NONE : cluster.primary()));
    lines(facts, "Replicas", cluster.replicas().stream().map(Replica::text).toList());
    fact(facts, "WAL archiving", cluster.archiving());
    fact(facts, "Last backup", cluster.lastBackup().isEmpty() ? NONE : cluster.lastBackup());
  }

  private void database() {
    status.ifPresentOrElse(
        found ->
            facts(facts -> {
              fact(facts, "Address", found.database());
              fact(facts, "Server", "PostgreSQL " + found.serverVersion());
              if (!found.outdated().isEmpty()) {
                fact(facts, "Outdated", found.outdated());
              }
              fact(facts, "TLS", found.tls());
              fact(facts, "Size", mebibytes(found.sizeBytes()));
              fact(facts, "Connections", found.connections());
              fact(
                  facts,
                  "Schema",
                  "%s (%d migrations applied)".formatted(found.schemaVersion(), found.applied()));
              lines(facts, "Differences", found.differences());
              DatabaseStatus.Drift drift = found.drift();
              lines(
                  facts,
                  "Drift",
                  !drift.unknown().isEmpty()
                      ? List.of(drift.unknown())
                      : drift.recorded() ? drift.objects() : List.of("nothing recorded yet"));
              lines(
                  facts,
                  "Seeds",
                  found.seeds().entrySet().stream()
                      .map(seed -> "%s (%s)".formatted(seed.getKey(), seed.getValue()))
                      .toList());
              if (!found.problem().isEmpty()) {
                fact(facts, "Problem", found.problem());
              }
            }),
        this::unreached);
  }

  private void unreached() {
    notice("The database was not reached, so that nothing is known about it.");
  }

  private void migrations() {
    status.ifPresent(found -> {
      if (found.pending().isEmpty()) {
        html.element("p", "None: the schema is at " + found.schemaVersion() + ".");
      }
    });
    if (status.map(DatabaseStatus::pending).filter(List::isEmpty).isPresent()) {
      return;
    }
    report
        .plan()
        .value()
        .ifPresentOrElse(
            this::plan,
            () -> {
              status.ifPresent(found -> {
                html.open("ul");
                found.pending().forEach(name -> html.element("li", name));
                html.close("ul");
              });
              notice("What they would lock is unknown: " + report.plan().why());
            });
  }

  private void plan(MigrationPlan plan) {
    table(
        List.of("Migration", "Table", "Lock", "Blocks", "Rewrites", "Size", "Rows"),
        () -> {
          for (MigrationPlan.Step step : plan.steps()) {
            String name = step.file().name() + (step.transaction() ? "" : " (no transaction)");
            if (step.tables().isEmpty()) {
              html.row(name, "no existing table", "", "", "", "", "");
            }
            for (MigrationPlan.TableEffect effect : step.tables()) {
              html.row(
                  effect.equals(step.tables().getFirst()) ? name : "",
                  effect.table(),
                  effect.lock().toString(),
                  effect.lock().blocks(),
                  effect.rewritesText(),
                  effect.size().text(),
                  effect.size().rowsText());
            }
          }
        });
    plan.notTried().forEach(what -> notice(MigrationPlan.NOT_TRIED + what));
    plan.notes().forEach(note -> notice("Note: " + MigrationPlan.NOTE + note));
    html.element("p", MigrationPlan.NOT_SEEN, "class", "soft");
  }

  private void runs() {
    show(
        report.runs(),
        "Unknown: ",
        runs -> {
          if (runs.isEmpty()) {
            html.element("p", "None is recorded.");
            return;
          }
          table(
              List.of(
                  "Started", "Command", "Result", "Took", "Steps", "Schema", "Pending", "Program"),
              () -> runs.forEach(this::run));
        });
  }

  private void run(Runs.Run run) {
    boolean good = run.failure().isEmpty();
    html.open("tr")
        .element("td", time(run.startedAt()), "class", "short")
        .element("td", run.command())
        .open("td");
    html.element("span", good ? "good" : "failed", "class", "mark " + (good ? "good" : "broken"));
    if (!good) {
      html.element("div", run.failure(), "class", "long lines");
    }
    html.close("td")
        .element("td", seconds(run.seconds()))
        .element("td", steps(run.steps()), "class", "long");
    html.element("td", run.schemaVersion()).element("td", String.valueOf(run.pending()));
    html.element("td", run.program()).close("tr");
  }

  /** In the order in which they run. */
  private static String steps(Map<String, Double> steps) {
    return steps.entrySet().stream()
        .sorted(
            Comparator.comparingInt((Map.Entry<String, Double> step) ->
                    STEPS.contains(step.getKey()) ? STEPS.indexOf(step.getKey()) : STEPS.size())
                .thenComparing(Map.Entry::getKey))
        .map(step -> "%s %s".formatted(step.getKey(), seconds(step.getValue())))
        .collect(Collectors.joining(", "));
  }

  private void dumps() {
    status.ifPresentOrElse(
        found ->
            facts(facts -> {
              fact(
                  facts,
                  "Last dump",
                  Optional.ofNullable(found.lastBackup())
                      .map(LastBackup::text)
                      .orElse("none is recorded"));
              fact(
                  facts,
                  "Last drill",
                  Optional.ofNullable(found.lastDrill())
                      .map(LastDrill::text)
                      .orElse("none: whether a dump can be restored was not tried"));
              fact(
                  facts,
                  "Off-site copy",
                  Optional.ofNullable(found.lastOffsiteCopy())
                      .map(LastOffsiteCopy::text)
                      .orElse("none is recorded"));
            }),
        this::unreached);
  }

  private void services() {
    if (status.isEmpty()) {
      unreached();
      return;
    }
    html.element(
        "p",
        "What each service may do according to migrations/services.csv; stage rights says whether the server agrees.",
        "class",
        "soft");
    List<ServiceConnections.Use> uses = status.map(DatabaseStatus::services).orElse(List.of());
    table(
        List.of("Service", "Role", "Connections", "May"),
        () ->
            report.services().stream()
                .filter(ServiceRole::current)
                .forEach(role -> {
                  html.open("tr");
                  html.element(
                      "td", role.service().map(service -> service.name()).orElse("all services"));
                  html.element("td", role.role());
                  html.element(
                      "td",
                      uses.stream()
                          .filter(use -> use.role().equals(role.role()))
                          .map(ServiceConnections.Use::amount)
                          .findFirst()
                          .orElse("not counted"));
                  html.element(
                      "td",
                      role.hasAllRights()
                          ? "read and write all rows of all tables"
                          : String.join("\n", rights(role.rights())),
                      "class",
                      "long lines");
                  html.close("tr");
                }));
    List<String> previous =
        uses.stream().filter(use -> !use.current()).map(ServiceConnections.Use::text).toList();
    if (!previous.isEmpty()) {
      html.element("p", "Previous roles, which can still log in: " + String.join(", ", previous));
    }
  }

  /** One line for each table, such as {@code users: SELECT, UPDATE (name, email)}. */
  private static List<String> rights(List<ServiceRole.Right> rights) {
    Map<String, Map<String, List<String>>> byTable = new LinkedHashMap<>();
    for (ServiceRole.Right right : rights) {
      List<String> columns =
          byTable
              .computeIfAbsent(
                  right.relation().replaceFirst("^public\\.", ""), _ -> new LinkedHashMap<>())
              .computeIfAbsent(right.privilege(), _ -> new ArrayList<>());
      right.column().ifPresent(columns::add);
    }
    return byTable.entrySet().stream()
        .map(table ->
            "%s: %s"
                .formatted(
                    table.getKey(),
                    table.getValue().entrySet().stream()
                        .map(privilege ->
                            privilege.getValue().isEmpty()
                                ? privilege.getKey()
                                : "%s (%s)"
                                    .formatted(
                                        privilege.getKey(),
                                        String.join(", ", privilege.getValue())))
                        .collect(Collectors.joining(", "))))
        .toList();
  }

  private void schema() {
    show(
        report.tables(),
        "Unknown: ",
        database -> {
          int left = database.total() - database.tables().size();
          if (database.total() == 0) {
            html.element("p", "The database has no tables.");
            return;
          }
          if (left > 0) {
            notice(
                String.format(
                    Locale.ROOT,
                    "%,d of %,d tables are shown, those with the most foreign keys; %,d are left out.",
                    database.tables().size(),
                    database.total(),
                    left));
          }
          if (database.tables().isEmpty()) {
            return;
          }
          html.element(
              "p",
              "PK: primary key; FK: foreign key; ?: can be null. A dashed line is a foreign key that can be null.",
              "class",
              "soft");
          html.open(
              "div",
              "class",
              "wide",
              "tabindex",
              "0",
              "role",
              "region",
              "aria-label",
              "Picture of the tables");
          html.markup(TablePicture.of(database)).close("div");
          references(database);
        });
  }

  private void references(DatabaseTables database) {
    if (database.references().isEmpty()) {
      return;
    }
    Map<Long, String> names =
        database.tables().stream()
            .collect(Collectors.toMap(DatabaseTables.Table::id, DatabaseTables.Table::name));
    html.open("details").element("summary", "Foreign keys as a list");
    table(
        List.of("Table", "Columns", "Refers to", "Columns", "Name"),
        () ->
            database.references().stream()
                .sorted(Comparator.comparing(one -> names.getOrDefault(one.table(), "")))
                .forEach(one ->
                    html.row(
                        names.getOrDefault(one.table(), ""),
                        String.join(", ", one.columns()),
                        names.getOrDefault(one.target(), ""),
                        String.join(", ", one.targetColumns()),
                        one.name())));
    html.close("details");
  }

  private <T> void show(Answer<T> answer, String otherwise, Consumer<T> body) {
    answer.value().ifPresentOrElse(body, () -> notice(otherwise + answer.why()));
  }

  private void notice(String text) {
    html.element("p", text, "class", "notice warning lines");
  }

  private void table(List<String> heads, Runnable rows) {
    html.open("div", "class", "wide").open("table").heads(heads).open("tbody");
    rows.run();
    html.close("tbody").close("table").close("div");
  }

  private void facts(Consumer<Map<String, String>> fill) {
    Map<String, String> facts = new LinkedHashMap<>();
    fill.accept(facts);
    html.open("dl");
    facts.forEach((name, value) -> html.element("dt", name).element("dd", value));
    html.close("dl");
  }

  private static void fact(Map<String, String> facts, String name, String value) {
    facts.put(name, value);
  }

  private static void lines(Map<String, String> facts, String name, List<String> values) {
    String more =
        values.size() > MOST_LINES ? "\nand %d more".formatted(values.size() - MOST_LINES) : "";
    facts.put(
        name,
        values.isEmpty()
            ? NONE
            : values.stream().limit(MOST_LINES).collect(Collectors.joining("\n")) + more);
  }

  private static String fact(ReleaseStatus release, String key) {
    return release.release().getOrDefault(key, "");
  }

  private static String mebibytes(long bytes) {
    return String.format(Locale.ROOT, "%,.1f MiB", bytes / 1048576.0);
  }

  private static String seconds(double seconds) {
    return String.format(Locale.ROOT, "%.2f s", seconds);
  }

  private static String time(Instant time) {
    return TIME.format(time);
  }
}
