package picture;

import java.time.Instant;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.function.DoubleUnaryOperator;

/**
 * Six made up hours of a release, as OpenMetrics: in its namespace, with the names of
 * docs/how-to/monitoring.md. At 10:05 an upgrade has a migration that waits for a report.
 */
public final class History {
  public static final Instant END = Instant.parse("2026-11-29T12:10:00Z");
  public static final long SECONDS = 6 * 3600;
  public static final String NAMESPACE = "postgres";
  public static final String RELEASE = "learnflow-db";

  private static final int STEP = 30;

  /** Before them, for the rates at their begin. */
  private static final int LEAD = 600;

  private static final long END_SECONDS = END.getEpochSecond();
  private static final double REPORT = minute(9, 38);
  private static final double UPGRADE = minute(10, 5);
  private static final double MIGRATED = minute(10, 8);
  private static final double DRIFTED = minute(8, 20);
  private static final double ACCEPTED = minute(9, 3);
  private static final double GIB = 1L << 30;

  private static final List<String> STAGES =
      List.of(
          "reachable",
          "server",
          "space",
          "migrations",
          "objects",
          "collation",
          "indexes",
          "rights",
          "connections",
          "access",
          "privileges",
          "seeds",
          "backup",
          "drill",
          "offsite",
          "restorable",
          "login",
          "tls",
          "published",
          "drift");

  private final Map<String, List<String>> samples = new LinkedHashMap<>();
  private final Random random = new Random(1);

  private History() {}

  public static String openMetrics() {
    History history = new History();
    history.server();
    history.recorded();
    history.load();
    StringBuilder text = new StringBuilder();
    history.samples.forEach((name, lines) -> {
      text.append("# TYPE ").append(name).append(" gauge\n");
      lines.forEach(line -> text.append(line).append('\n'));
    });
    return text.append("# EOF\n").toString();
  }

  private void server() {
    ours("pg_up", "", _ -> 1);
    ours("learnflow_db_server_info", "version=\"17.11\"", _ -> 1);
    ours("learnflow_db_server_up_since_timestamp_seconds", "", _ -> END_SECONDS - 19.4 * 86400);
    ours("learnflow_db_server_connections_limit", "", _ -> 97);
    role("learnflow_owner", 0, t -> within(t, UPGRADE, MIGRATED) ? 2 : 0);
    role("learnflow_progress", 20, t -> busy(t, 9, 4));
    role("learnflow_triage", 10, t -> busy(t, 4, 2));
    role("learnflow_exercise", 10, t -> busy(t, 5, 2));
    role("learnflow_debug", 10, t -> busy(t, 2, 1));
    role("learnflow_reporting", 5, t -> within(t, REPORT, MIGRATED) ? 2 : 1);
    ours("learnflow_db_server_connections", "", t -> 3 + busy(t, 21, 8));
    ours(
        "learnflow_db_server_oldest_transaction_seconds",
        "",
        t -> within(t, REPORT, MIGRATED) ? t - REPORT : Math.abs(noise(0.8)));
    ours(
        "learnflow_db_server_lock_wait_seconds",
        "",
        t -> within(t, UPGRADE, MIGRATED) ? t - UPGRADE : 0);
    ours(
        "learnflow_db_server_migration_blocked_seconds",
        "",
        t -> within(t, UPGRADE, MIGRATED) ? t - UPGRADE : 0);
    ours("learnflow_db_server_xid_age", "", t -> 148e6 + t * 60);
    ours("learnflow_db_server_size_bytes", "", History::size);
    ours("pg_database_size_bytes", "datname=\"learnflow\"", History::size);
    ours("pg_database_size_bytes", "datname=\"postgres\"", _ -> 7.5e6);
    volume("data-postgres-0", 10 * GIB, t -> 10 * GIB - size(t) - 0.9 * GIB - wal(t));
    volume("learnflow-db-dumps", 5 * GIB, _ -> 3.4 * GIB);
  }

  private void recorded() {
    ours("learnflow_db_schema_info", "version=\"008\"", t -> t < MIGRATED ? 1 : Double.NaN);
    ours("learnflow_db_schema_info", "version=\"009\"", t -> t < MIGRATED ? Double.NaN : 1);
    ours("learnflow_db_schema_pending_migrations", "", _ -> 0);
    run("run", t -> t < MIGRATED ? -6 * 86400 : MIGRATED, t -> t < MIGRATED ? 1.9 : 176);
    run("verify", History::verified, _ -> 0.84);
    Map<String, Double> steps = new LinkedHashMap<>();
    steps.put("wait", 0.02);
    steps.put("roles", 0.21);
    steps.put("migrate", 173.8);
    steps.put("seed", 0.44);
    steps.put("verify", 0.92);
    steps.put("publish", 0.31);
    steps.forEach((step, seconds) ->
        ours(
            "learnflow_db_step_duration_seconds",
            "command=\"run\",step=\"%s\"".formatted(step),
            t -> t < MIGRATED ? Math.min(seconds, 0.6) : seconds));
    ours("learnflow_db_verify_healthy", "", _ -> 1);
    ours("learnflow_db_verify_finished_timestamp_seconds", "", t -> absolute(verified(t)));
    STAGES.forEach(stage ->
        ours(
            "learnflow_db_verify_stage",
            "stage=\"%s\"".formatted(stage),
            t -> stage(stage, verified(t))));
    ours("learnflow_db_verify_drift_objects", "", t -> stage("drift", verified(t)));
    ours("learnflow_db_verify_rights_deviations", "", _ -> 0);
    ours(
        "learnflow_db_verify_certificate_expires_timestamp_seconds",
        "",
        _ -> END_SECONDS + 61.7 * 86400);
    ours("learnflow_db_verify_minor_versions_behind", "", _ -> 1);
    ours("learnflow_db_verify_sequence_used_ratio", "", _ -> 0.034);
    ours(
        "learnflow_db_seed_loaded_timestamp_seconds",
        "seed_set=\"reference\",checksum=\"5b1f0c9e\"",
        _ -> END_SECONDS - 41 * 86400);
    double night = minute(2, 31);
    dump("scheduled", night, 412e6, 1);
    dump("before-migrate", UPGRADE - 40, 415e6, 0);
    ours("learnflow_db_drill_finished_timestamp_seconds", "", _ -> absolute(minute(3, 4)));
    ours("learnflow_db_drill_failed", "", _ -> 0);
    ours("learnflow_db_drill_duration_seconds", "", _ -> 94);
    ours("learnflow_db_offsite_finished_timestamp_seconds", "", _ -> absolute(night + 55));
    ours("learnflow_db_offsite_failed", "", _ -> 0);
    ours("learnflow_db_offsite_bytes", "", _ -> 413e6);
  }

  private void load() {
    counter("xact_commit", t -> busy(t, 190, 60) * (within(t, UPGRADE, MIGRATED) ? 0.4 : 1));
    counter("xact_rollback", t -> Math.abs(noise(1.2)) + (within(t, UPGRADE, MIGRATED) ? 9 : 0));
    counter("blks_hit", t -> busy(t, 9000, 2000));
    counter("blks_read", t -> Math.abs(noise(25)) + (within(t, REPORT, MIGRATED) ? 480 : 30));
    ours("pg_wal_size_bytes", "", History::wal);
    ours("pg_replication_lag_seconds", "", _ -> 0);
  }

  private void role(String role, int limit, DoubleUnaryOperator connections) {
    String label = "role=\"%s\"".formatted(role);
    ours("learnflow_db_role_connections", label, connections);
    if (limit > 0) {
      ours("learnflow_db_role_connections_limit", label, _ -> limit);
    }
  }

  private void run(String command, DoubleUnaryOperator ended, DoubleUnaryOperator took) {
    String label = "command=\"%s\"".formatted(command);
    ours(
        "learnflow_db_run_finished_timestamp_seconds",
        label,
        t -> absolute(ended.applyAsDouble(t)));
    ours("learnflow_db_run_duration_seconds", label, took);
    ours("learnflow_db_run_failed", label, _ -> 0);
  }

  private void dump(String kind, double ended, double bytes, int restored) {
    String label = "kind=\"%s\"".formatted(kind);
    DoubleUnaryOperator from = t -> t < ended ? Double.NaN : 1;
    ours(
        "learnflow_db_dump_finished_timestamp_seconds",
        label,
        t -> from.applyAsDouble(t) * absolute(ended));
    ours("learnflow_db_dump_bytes", label, t -> from.applyAsDouble(t) * bytes);
    ours("learnflow_db_dump_restored", label, t -> from.applyAsDouble(t) * restored);
  }

  private void volume(String claim, double capacity, DoubleUnaryOperator free) {
    String labels = "namespace=\"%s\",persistentvolumeclaim=\"%s\"".formatted(NAMESPACE, claim);
    add("kubelet_volume_stats_capacity_bytes", labels, _ -> capacity);
    add("kubelet_volume_stats_available_bytes", labels, free);
  }

  private void counter(String name, DoubleUnaryOperator perSecond) {
    double[] sum = {1e6};
    ours(
        "pg_stat_database_" + name,
        "datname=\"learnflow\"",
        t -> sum[0] += perSecond.applyAsDouble(t) * STEP);
  }

  private void ours(String name, String labels, DoubleUnaryOperator value) {
    String own = "namespace=\"%s\",job=\"%s-metrics\"".formatted(NAMESPACE, RELEASE);
    add(name, labels.isEmpty() ? own : own + "," + labels, value);
  }

  /** Of seconds since the begin. */
  private void add(String name, String labels, DoubleUnaryOperator value) {
    List<String> lines = samples.computeIfAbsent(name, _ -> new ArrayList<>());
    for (long t = -LEAD; t <= SECONDS; t += STEP) {
      double now = value.applyAsDouble(t);
      if (!Double.isNaN(now)) {
        lines.add("%s{%s} %s %d".formatted(name, labels, now, END_SECONDS - SECONDS + t));
      }
    }
  }

  private static double stage(String stage, double t) {
    return stage.equals("drift") && within(t, DRIFTED, ACCEPTED)
            || stage.equals("server")
            || stage.equals("connections") && within(t, UPGRADE, MIGRATED + 480)
        ? 1
        : 0;
  }

  /** The last verification: one at each quarter of an hour, and one at the end of the upgrade. */
  private static double verified(double t) {
    double quarter = Math.floor((t - 300) / 900) * 900 + 300;
    return t >= MIGRATED ? Math.max(quarter, MIGRATED) : quarter;
  }

  private static double size(double t) {
    return 2.31 * GIB + t * 2600 + (t < MIGRATED ? 0 : 90e6);
  }

  private static double wal(double t) {
    return (16 + Math.floor(t / 1500) % 9 + (t > MIGRATED ? 7 : 0)) * 16 * 1024 * 1024;
  }

  /** More towards noon; while the migration waits, what waits behind it comes on top. */
  private double busy(double t, double usual, double more) {
    double value =
        usual * (0.75 + 0.25 * t / SECONDS) + more * Math.sin(t / 2400) / 3 + noise(more / 12);
    if (usual < 100) {
      value += within(t, UPGRADE, MIGRATED) ? more * (t - UPGRADE) / 110 : 0;
      return Math.max(0, Math.rint(value));
    }
    return value;
  }

  private double noise(double size) {
    return random.nextGaussian() * size;
  }

  private static boolean within(double t, double from, double to) {
    return t >= from && t < to;
  }

  private static double absolute(double t) {
    return END_SECONDS - SECONDS + t;
  }

  /** A time of the day, in seconds since the begin at 06:10. */
  private static double minute(int hour, int minute) {
    return (hour - 6) * 3600 + (minute - 10) * 60;
  }
}
