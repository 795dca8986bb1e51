package org.learnflow.db.drift;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class WholesTest {
  private static CatalogDifference added(String object, String definition) {
    return new CatalogDifference(object, null, definition);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "table public.a | column public.a.id | id integer | true",
        "table public.a | column public.ab.id | id integer | false",
        "table public.\"a.b c\" | column public.\"a.b c\".id | id integer | true",
        "table public.a | constraint public.a.a_pkey | PRIMARY KEY (id) | true",
        "view public.a | view column default public.a.id | 1 | true",
        "table public.a | grant column public.a.id to x | SELECT | true",
        "table public.a | comment on column public.a.id | text | true",
        "table public.a | comment on table public.a | text | true",
        "table public.\"a to b\" | grant table public.\"a to b\" to x | SELECT | true",
        "table public.a | grant table public.a to x | SELECT | true",
        "table public.a | grant table public.b to x | SELECT | false",
        "column public.a.id | grant column public.a.id to x | SELECT | true",
        "table public.a | index public.i | CREATE INDEX i ON public.a USING btree (id) | true",
        "table public.a | index public.i | CREATE INDEX i ON ONLY public.a USING btree (id) | true",
        "table public.\"a b\" | index public.i | CREATE INDEX i ON public.\"a b\" USING btree (id) | true",
        "table public.a | index public.i | CREATE INDEX i ON public.ab USING btree (id) | false",
        "sequence public.a | column public.a.id | id integer | false",
        "table public.a | table public.b | heap | false",
      })
  void aPartGoesWithItsWhole(String whole, String part, String definition, boolean expected) {
    CatalogDifference one = added(part, definition);
    assertThat(new Wholes(List.of(added(whole, ""))).havePart(one)).isEqualTo(expected);
    assertThat(new Wholes(List.of(one)).havePart(one)).isFalse();
    // What was removed has no part that was added, and what was changed has none.
    assertThat(new Wholes(List.of(new CatalogDifference(whole, "", null))).havePart(one)).isFalse();
    assertThat(new Wholes(List.of(new CatalogDifference(whole, "", ""))).havePart(one)).isFalse();
  }

  @Test
  @Timeout(10)
  void tensOfThousandsTakeNoTime() {
    List<CatalogDifference> all = new ArrayList<>();
    for (int i = 0; i < 20_000; i++) {
      String table = "public.t_" + i;
      all.add(added("table " + table, "heap"));
      all.add(added("column " + table + ".id", "id integer"));
      all.add(added("constraint " + table + ".t_pkey", "PRIMARY KEY (id)"));
      all.add(added("index public.i_" + i, "CREATE INDEX i ON " + table + " USING btree (id)"));
    }
    assertThat(CatalogDifference.wholes(all)).hasSize(20_000);
  }
}
