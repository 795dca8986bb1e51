import java.nio.file.Path;
import liquibase.Scope;
import liquibase.command.CommandScope;
import liquibase.resource.DirectoryResourceAccessor;

/** Liquibase as its documentation shows it: JDBC address, user, folder with changelog.sql. */
class LiquibasePeer {
  static void main(String[] args) throws Exception {
    var folder = new DirectoryResourceAccessor(Path.of(args[2]));
    Scope.child(
        Scope.Attr.resourceAccessor,
        folder,
        () ->
            new CommandScope("update")
                .addArgumentValue("url", args[0])
                .addArgumentValue("username", args[1])
                .addArgumentValue("password", System.getenv("PGPASSWORD"))
                .addArgumentValue("changelogFile", "changelog.sql")
                .execute());
  }
}
