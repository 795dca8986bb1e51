package org.learnflow.db.chart;

import static org.assertj.core.api.Assertions.assertThat;

import com.knuddels.jtokkit.Encodings;
import com.knuddels.jtokkit.api.EncodingType;
import org.junit.jupiter.api.Test;

/** SKILL.md is for programs that read it again and again, and pay by the token. */
class SkillTest {
  private static final String SKILL = Repository.read(Repository.ROOT.resolve("SKILL.md"));

  @Test
  void itHasAtMost140Tokens() {
    assertThat(
            Encodings.newDefaultEncodingRegistry()
                .getEncoding(EncodingType.O200K_BASE)
                .countTokens(SKILL))
        .isLessThanOrEqualTo(140);
    assertThat(
            Encodings.newDefaultEncodingRegistry()
                .getEncoding(EncodingType.CL100K_BASE)
                .countTokens(SKILL))
        .isLessThanOrEqualTo(140);
  }

  @Test
  void itHasANameAndADescription() {
    var frontMatter = Repository.yaml(SKILL.split("(?m)^---$")[1]).getFirst();
    assertThat(frontMatter.path("name").asText()).isEqualTo("learnflow-db");
    assertThat(frontMatter.path("description").asText()).isNotEmpty();
  }
}
