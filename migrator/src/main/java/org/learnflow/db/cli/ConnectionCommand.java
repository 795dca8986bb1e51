package org.learnflow.db.cli;

import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.learnflow.db.ExitCode;
import org.learnflow.db.Password;
import org.learnflow.db.publish.PublishedConnection;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Shows the connection that services use. */
@Command(
    name = "connection",
    description = "Shows how services connect; --output json has all keys of the service binding.")
final class ConnectionCommand extends BaseCommand {
  @Mixin
  @SuppressWarnings("NullAway.Init")
  private DatabaseOptions database;

  @Option(names = "--show-password", description = "Show the password instead of a mask.")
  private boolean showPassword;

  @Option(
      names = "--service",
      paramLabel = "NAME",
      description = "A service with roles of its own (default: the connection of all services).")
  private @Nullable String service;

  @Override
  ExitCode execute(ConsoleProgress progress) {
    PublishedConnection connection =
        PublishedConnection.of(
            database.target(cluster(), false, progress), Optional.ofNullable(service));
    String text =
        """
        Host: %s
        Port: %d
        Database: %s
        User: %s
        Password: %s
        Connection String: %s\
        """
            .formatted(
                connection.published().host(),
                connection.published().port(),
                connection.address().database(),
                connection.address().user(),
                showPassword ? connection.password().value() : Password.MASK,
                showPassword ? connection.uri() : connection.maskedUri());
    print(text, showPassword ? connection.binding() : connection.maskedBinding());
    return ExitCode.OK;
  }
}
