package org.learnflow.db.verify;

import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.learnflow.db.kubernetes.KubernetesTarget;
import org.learnflow.db.kubernetes.ReleaseState;

/**
 * The state of a release at a glance.
 *
 * @param pods the database's; none for an external one
 * @param storage data volumes
 * @param published the expected objects, as they were found
 * @param problem why {@code status} is missing, or what else is wrong with the release, otherwise
 *     empty
 * @param status of the database
 */
public record ReleaseStatus(
    Map<String, String> release,
    List<ReleaseState.Pod> pods,
    List<ReleaseState.Storage> storage,
    List<KubernetesTarget.Found> published,
    String problem,
    @Nullable DatabaseStatus status) {}
