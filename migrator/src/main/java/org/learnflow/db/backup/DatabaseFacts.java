package org.learnflow.db.backup;

import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.List;
import org.learnflow.db.programs.PostgresPrograms;

/**
 * What a database reports about itself before it is dumped.
 *
 * @param server version
 * @param encoding of the database
 * @param bytes size
 */
public record DatabaseFacts(
    String database,
    String server,
    String encoding,
    long bytes,
    List<DatabaseSetting> settings,
    List<String> roles) {
  /** Reads them, as any role that can connect. */
  public static DatabaseFacts read(Connection connection) throws SQLException {
    String database = connection.getCatalog();
    try (Statement statement = connection.createStatement();
        ResultSet row =
            statement.executeQuery(
                """
                SELECT current_setting('server_version'), pg_database_size(current_database()),
                  ARRAY(
                    SELECT DISTINCT pg_get_userbyid(a.grantee)::text
                    FROM (
                      SELECT relacl AS acl FROM pg_class WHERE oid >= 16384
                      UNION ALL SELECT attacl FROM pg_attribute WHERE attrelid >= 16384
                      UNION ALL SELECT nspacl FROM pg_namespace
                        WHERE oid >= 16384 OR nspname = 'public'
                      UNION ALL SELECT proacl FROM pg_proc WHERE oid >= 16384
                      UNION ALL SELECT typacl FROM pg_type WHERE oid >= 16384
                      UNION ALL SELECT defaclacl FROM pg_default_acl) r,
                      aclexplode(r.acl) a
                    WHERE a.grantee >= 16384
                    UNION SELECT pg_get_userbyid(defaclrole)::text FROM pg_default_acl
                    ORDER BY 1),
                  current_setting('server_encoding')
                """)) {
      row.next();
      return new DatabaseFacts(
          database,
          PostgresPrograms.versionIn(row.getString(1)).orElse(row.getString(1)),
          row.getString(4),
          row.getLong(2),
          DatabaseSetting.of(connection, database),
          List.of((String[]) row.getArray(3).getArray()));
    }
  }
}
