package org.learnflow.db.credentials;

import java.util.Arrays;
import java.util.Collection;
import java.util.EnumSet;
import java.util.Set;
import java.util.stream.Collectors;
import org.learnflow.db.kubernetes.Release;

/** The roles whose passwords a release manages. */
public enum CredentialsRole {
  /** The service role. */
  APP,
  /** The owner, which the migrator connects as. */
  OWNER,
  /** The superuser. */
  ADMIN;

  /** Its name in the database. */
  public String name(Release release) {
    return switch (this) {
      case APP -> release.appUser();
      case OWNER -> release.owner().user();
      case ADMIN -> release.adminUser().orElseThrow();
    };
  }

  /** Its key in the Secret with the passwords. */
  String key(Release release) {
    Release.SecretKeys keys = release.credentialsSecret();
    return switch (this) {
      case APP -> keys.app();
      case OWNER -> keys.owner();
      case ADMIN -> keys.admin();
    };
  }

  /** Those whose keys are among {@code keys}. */
  static Set<CredentialsRole> withKeys(Collection<String> keys, Release release) {
    return Arrays.stream(values())
        .filter(role -> keys.contains(role.key(release)))
        .collect(Collectors.toCollection(() -> EnumSet.noneOf(CredentialsRole.class)));
  }

  /** Their names, for people. */
  static String names(Set<CredentialsRole> roles, Release release) {
    return roles.stream().map(role -> role.name(release)).collect(Collectors.joining(", "));
  }
}
