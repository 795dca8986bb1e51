package org.learnflow.db.schema;

import java.io.Reader;
import java.io.StringReader;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.Arrays;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import java.util.stream.Collectors;
import javax.sql.DataSource;
import org.flywaydb.core.Flyway;
import org.flywaydb.core.api.ClassProvider;
import org.flywaydb.core.api.ResourceProvider;
import org.flywaydb.core.api.callback.Callback;
import org.flywaydb.core.api.callback.Context;
import org.flywaydb.core.api.callback.Event;
import org.flywaydb.core.api.configuration.Configuration;
import org.flywaydb.core.api.configuration.FluentConfiguration;
import org.flywaydb.core.api.migration.JavaMigration;
import org.flywaydb.core.api.resource.LoadableResource;
import org.flywaydb.database.postgresql.PostgreSQLConfigurationExtension;
import org.jspecify.annotations.Nullable;
import org.learnflow.db.connect.SessionSettings;
import org.learnflow.db.postgres.Sql;

/**
 * One call of Flyway for some pending migrations.
 *
 * <p>Flyway sees these files only, because it walks through all the files that it knows after every
 * migration; the applied ones were compared before. It works in one session ({@code
 * transactionalLock} off): with two, {@code CREATE INDEX CONCURRENTLY} would wait forever for the
 * transaction of the other.
 */
public final class FlywayRun {
  /** The times in the history have no zone; pgjdbc would use the one of this machine. */
  private static final String UTC = "SET TimeZone = 'UTC'";

  private final DataSource source;
  private final List<MigrationFile> files;
  private final MigrationListener listener;

  public FlywayRun(DataSource source, List<MigrationFile> files, MigrationListener listener) {
    this.source = source;
    this.files = files;
    this.listener = listener;
  }

  /** Called for each migration, by the session that applies it and inside its transaction. */
  public interface MigrationListener {
    /** A migration starts. */
    void begin(MigrationFile file, Connection connection) throws SQLException;

    /** Its statements are done; its history row comes next. */
    void end(MigrationFile file, Connection connection) throws SQLException;
  }

  /** Applies the files in a session of its own, each in one transaction. */
  public void migrate() {
    FluentConfiguration configuration =
        Flyway.configure(FlywayRun.class.getClassLoader())
            .dataSource(source)
            .resourceProvider(new Files(files))
            .javaMigrationClassProvider(new NoJavaMigrations())
            .callbacks(new Events(byName(), listener))
            .skipDefaultCallbacks(true)
            .defaultSchema("public")
            .createSchemas(false)
            .placeholderReplacement(false)
            .validateOnMigrate(false)
            .initSql(UTC)
            .loggers("slf4j");
    PostgreSQLConfigurationExtension postgresql =
        configuration.getPluginRegister().getExact(PostgreSQLConfigurationExtension.class);
    postgresql.setTransactionalLock(false);
    configuration.load().migrate();
  }

  /** Whether Flyway is run by this program, which holds Flyway's lock itself. */
  static boolean isRunBy(Configuration configuration) {
    return Arrays.stream(configuration.getCallbacks()).anyMatch(Events.class::isInstance);
  }

  private Map<String, MigrationFile> byName() {
    return files.stream().collect(Collectors.toMap(MigrationFile::name, Function.identity()));
  }

  /** Migration files as Flyway's resources. */
  private record Files(List<MigrationFile> files) implements ResourceProvider {
    @Override
    public @Nullable LoadableResource getResource(String name) {
      return files.stream()
          .filter(file -> ScriptConfiguration.name(file.name()).equals(name))
          .findFirst()
          .flatMap(file ->
              ScriptConfiguration.of(file).map(it -> new ConfigurationResource(file, it.text())))
          .orElse(null);
    }

    @Override
    public Collection<LoadableResource> getResources(String prefix, String[] suffixes) {
      return prefix.equals("V")
          ? files.stream().<LoadableResource>map(SqlResource::new).toList()
          : List.of();
    }
  }

  /** A file as Flyway's resource. */
  private abstract static class FileResource extends LoadableResource {
    private final MigrationFile file;

    FileResource(MigrationFile file) {
      this.file = file;
    }

    MigrationFile file() {
      return file;
    }

    @Override
    public String getAbsolutePath() {
      return file.path().toString();
    }

    @Override
    public String getAbsolutePathOnDisk() {
      return file.path().toAbsolutePath().toString();
    }

    @Override
    public String getFilename() {
      return file.name();
    }

    @Override
    public String getRelativePath() {
      return file.name();
    }
  }

  private static final class ConfigurationResource extends FileResource {
    private final String text;

    ConfigurationResource(MigrationFile file, String text) {
      super(file);
      this.text = text;
    }

    @Override
    public Reader read() {
      return new StringReader(text);
    }
  }

  private static final class SqlResource extends FileResource {
    SqlResource(MigrationFile file) {
      super(file);
    }

    @Override
    public Reader read() {
      return new StringReader(file().tried().orElseGet(() -> MigrationText.read(file().path())));
    }
  }

  private static final class NoJavaMigrations implements ClassProvider<JavaMigration> {
    @Override
    public Collection<Class<? extends JavaMigration>> getClasses() {
      return List.of();
    }
  }

  private record Events(Map<String, MigrationFile> files, MigrationListener listener)
      implements Callback {

    @Override
    public boolean supports(Event event, Context context) {
      return event == Event.BEFORE_EACH_MIGRATE || event == Event.AFTER_EACH_MIGRATE;
    }

    @Override
    public boolean canHandleInTransaction(Event event, Context context) {
      return true;
    }

    @Override
    public void handle(Event event, Context context) {
      try {
        switch (event) {
          case BEFORE_EACH_MIGRATE -> listener.begin(file(context), context.getConnection());
          case AFTER_EACH_MIGRATE -> {
            if (!context.getConnection().getAutoCommit()) {
              // What the file deferred runs with the settings that it made.
              Sql.execute(context.getConnection(), "SET CONSTRAINTS ALL IMMEDIATE");
            }
            SessionSettings.reset(context.getConnection());
            Sql.execute(context.getConnection(), UTC);
            listener.end(file(context), context.getConnection());
          }
          default -> throw new IllegalStateException("not asked for: " + event);
        }
      } catch (SQLException e) {
        throw new CallbackFailedException(e);
      }
    }

    private MigrationFile file(Context context) {
      MigrationFile file = files.get(context.getMigrationInfo().getScript());
      if (file == null) {
        throw new IllegalStateException("Flyway applies a file that it was not given");
      }
      return file;
    }

    @Override
    public String getCallbackName() {
      return "learnflow-db";
    }
  }

  /** Carries an SQLException through Flyway. */
  private static final class CallbackFailedException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    CallbackFailedException(SQLException cause) {
      super(cause);
    }
  }
}
