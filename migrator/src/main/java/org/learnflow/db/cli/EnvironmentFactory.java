package org.learnflow.db.cli;

import java.util.Map;
import picocli.CommandLine;
import picocli.CommandLine.IFactory;

/** Gives {@link Environment} to what takes it in their constructor. */
final class EnvironmentFactory implements IFactory {
  private final IFactory defaults = CommandLine.defaultFactory();
  private final Environment environment;

  EnvironmentFactory(Map<String, String> variables) {
    this.environment = new Environment(variables);
  }

  @Override
  public <K> K create(Class<K> type) throws Exception {
    if (type == ClusterOptions.class) {
      return type.cast(new ClusterOptions(environment));
    }
    if (type == DatabaseOptions.class) {
      return type.cast(new DatabaseOptions(environment));
    }
    if (type == OffsiteOptions.class) {
      return type.cast(new OffsiteOptions(environment));
    }
    if (type == PublishOptions.class) {
      return type.cast(new PublishOptions(environment));
    }
    if (type == StatusCommand.class) {
      return type.cast(new StatusCommand(environment));
    }
    return defaults.create(type);
  }
}
