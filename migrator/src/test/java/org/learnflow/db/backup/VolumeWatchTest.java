package org.learnflow.db.backup;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.OptionalLong;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.learnflow.db.ExitCode;
import org.learnflow.db.Failure;
import org.learnflow.db.Progress;
import org.learnflow.db.postgres.SqlStates;
import org.learnflow.db.testing.OwnServer;
import org.learnflow.db.testing.PostgresServer;
import org.learnflow.db.testing.PostgresServers;
import org.learnflow.db.testing.SmallDisk;
import org.learnflow.db.testing.TestDatabase;

/** A load that would fill the server's disk is ended before nothing is left. */
class VolumeWatchTest {
  private static final long MEBIBYTE = 1 << 20;

  @Test
  void aLoadIsEndedWhileThereIsRoom(@TempDir Path folder) throws Exception {
    try (SmallDisk disk = SmallDisk.mount(folder.resolve("disk"), "160m");
        OwnServer server =
            OwnServer.start(folder.resolve("server"), PostgresServers.DEFAULT_MAJOR)) {
      TestDatabase database = server.database().withRoles();
      disk.makeTablespace("small", database);
      try (Connection admin = database.connect(PostgresServer.ADMIN, "postgres");
          Statement statement = admin.createStatement()) {
        StagingDatabase staging = new StagingDatabase(admin, database.name(), Progress.SILENT);
        statement.execute("CREATE DATABASE %s TABLESPACE small".formatted(staging.name()));
        try (VolumeWatch watch =
                new VolumeWatch(() -> usable(disk), () -> staging.endLoading(admin));
            Connection loading = database.connect(PostgresServer.ADMIN, staging.name())) {
          assertThatThrownBy(() -> fill(loading))
              .isInstanceOfSatisfying(
                  SQLException.class,
                  e -> assertThat(e.getSQLState()).as(e.toString()).isEqualTo("57P01"));
          assertThat(usable(disk).orElse(0)).isGreaterThan(8 * MEBIBYTE);
          assertThatThrownBy(watch::check)
              .isInstanceOfSatisfying(
                  Failure.class,
                  failure -> {
                    assertThat(failure.code()).isEqualTo(ExitCode.REFUSED);
                    assertThat(failure.text())
                        .contains("would fill the server's disk", "MiB are left");
                  });
        }
        staging.drop();
      }
    }
  }

  @Test
  void whereTheSpaceIsNotKnownNothingIsEnded() {
    try (VolumeWatch watch =
        new VolumeWatch(
            OptionalLong::empty,
            () -> {
              throw new IllegalStateException("ended");
            })) {
      watch.check();
    }
  }

  /** 5 MiB at a time, ten times a second. */
  private static void fill(Connection loading) throws SQLException {
    try (Statement statement = loading.createStatement()) {
      statement.execute("CREATE TABLE bomb (zeroes text)");
      for (int i = 0; i < 100; i++) {
        statement.execute(
            "INSERT INTO bomb SELECT repeat('0', 1000) FROM generate_series(1, 4500);"
                + " SELECT pg_sleep(0.1)");
      }
    } catch (SQLException e) {
      assertThat(
              SqlStates.diskFull(String.valueOf(e.getSQLState()), String.valueOf(e.getMessage())))
          .as("the disk was full before the load was ended")
          .isEmpty();
      throw e;
    }
  }

  private static OptionalLong usable(SmallDisk disk) {
    try {
      return OptionalLong.of(Files.getFileStore(disk.path()).getUsableSpace());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
