package org.learnflow.db.cli;

import org.learnflow.db.kubernetes.Release;

/** The roles whose passwords a release has. */
enum RotatedRole {
  /** The services'. */
  APP {
    @Override
    String name(Release release) {
      return release.appUser();
    }

    @Override
    String key(Release release) {
      return release.credentialsSecret().app();
    }
  },
  /** The migrator's. */
  OWNER {
    @Override
    String name(Release release) {
      return release.owner().user();
    }

    @Override
    String key(Release release) {
      return release.credentialsSecret().owner();
    }
  },
  /** The superuser. */
  ADMIN {
    @Override
    String name(Release release) {
      return release.adminUser().orElseThrow();
    }

    @Override
    String key(Release release) {
      return release.credentialsSecret().admin();
    }
  };

  /** Its name in the database. */
  abstract String name(Release release);

  /** Its key in the Secret with the passwords. */
  abstract String key(Release release);
}
