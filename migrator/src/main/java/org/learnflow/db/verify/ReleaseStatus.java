package org.learnflow.db.verify;

import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.learnflow.db.kubernetes.KubernetesTarget;
import org.learnflow.db.kubernetes.ReleaseState;

/**
 * What there is to know of a release at a glance.
 *
 * @param pods the database's; none for an external one
 * @param storage data volumes
 * @param published objects as they are found, of those that should be there
 * @param problem why {@code status} is missing, or what else is wrong with the release, else empty
 * @param status of the database
 */
public record ReleaseStatus(
    Map<String, String> release,
    List<ReleaseState.Pod> pods,
    List<ReleaseState.Storage> storage,
    List<KubernetesTarget.Found> published,
    String problem,
    @Nullable DatabaseStatus status) {}
