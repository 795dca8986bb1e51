package org.learnflow.db.credentials;

import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;
import org.learnflow.db.Password;
import org.learnflow.db.connect.Service;
import org.learnflow.db.connect.ServiceRole;
import org.learnflow.db.kubernetes.CredentialsSecret;
import org.learnflow.db.kubernetes.Release;

/**
 * A password that a release manages, and who has it in the database.
 *
 * @param key of the password in the release's Secret
 * @param current the role that has it
 * @param next the role that gets the next one: the same role or, for a service with roles of its
 *     own, its other one, so that the current one goes on
 * @param service that has roles of its own
 * @param isPublished whether services read it
 */
public record CredentialsRole(
    String key, String current, String next, Optional<Service> service, boolean isPublished) {
  /** The roles that every release has. */
  public enum Kind {
    /** The role of all services. */
    APP,
    /** The owner, which the migrator connects as. */
    OWNER,
    /** The superuser. */
    ADMIN;

    /** Key of its password in the release's Secret; of no password there, if it is foreign. */
    public String key(Release release) {
      Release.SecretKeys keys = release.credentialsSecret();
      return switch (this) {
        case APP -> keys.app();
        case OWNER -> keys.owner();
        case ADMIN -> keys.isAdminForeign() ? CredentialsSecret.ADMIN_KEY : keys.admin();
      };
    }

    /** Whether the release manages its password. */
    private boolean isIn(Release release) {
      return switch (this) {
        case APP -> !release.appUser().equals(ServiceRole.NONE);
        case OWNER -> true;
        case ADMIN -> !release.credentialsSecret().isAdminForeign();
      };
    }

    private CredentialsRole of(Release release) {
      String role =
          switch (this) {
            case APP -> release.appUser();
            case OWNER -> release.owner().user();
            case ADMIN -> release.adminUser().orElseThrow();
          };
      return new CredentialsRole(key(release), role, role, Optional.empty(), this == APP);
    }
  }

  /** The admin's. */
  static CredentialsRole admin(Release release) {
    return Kind.ADMIN.of(release);
  }

  /**
   * Those that have one of some keys.
   *
   * @param values what the Secret contains
   */
  static List<CredentialsRole> withKeys(
      Collection<String> keys, Release release, Map<String, Password> values) {
    List<CredentialsRole> all = new ArrayList<>();
    for (Kind kind : Kind.values()) {
      if (kind.isIn(release)) {
        all.add(kind.of(release));
      }
    }
    for (Service service : release.services()) {
      String current =
          Optional.ofNullable(values.get(service.userKey()))
              .map(Password::value)
              .orElse(service.role());
      all.add(
          new CredentialsRole(
              service.passwordKey(), current, service.other(current), Optional.of(service), true));
    }
    return all.stream().filter(role -> keys.contains(role.key())).toList();
  }

  /** For people: the role or, if it is a service's, the service. */
  String title() {
    return service.map(owner -> "service " + owner.name()).orElse(current);
  }

  /** Their names, for people. */
  static String names(Collection<CredentialsRole> roles) {
    return roles.stream().map(CredentialsRole::title).collect(Collectors.joining(", "));
  }

  static List<String> keys(Collection<CredentialsRole> roles) {
    return roles.stream().map(CredentialsRole::key).toList();
  }
}
