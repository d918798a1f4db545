#include "shared/net/postgres_url.hpp"

#include <string>

#include "tests/support/expect.hpp"

using namespace std::chrono_literals;

namespace {

PostgresUrl parsed(const std::string& url) { return parse_postgres_url(url).value(); }

}  // namespace

Test(postgres_url, tells_several_hosts_from_several_addresses) {
    cr_expect_not(parsed("postgresql://two.test/db").names_several_hosts());
    cr_expect_not(parsed("postgresql:///db").names_several_hosts());
    cr_expect(parsed("postgresql://one.test,none.test/db").names_several_hosts());
    cr_expect(parsed("postgresql:///db?hostaddr=127.0.0.1,127.0.0.2").names_several_hosts());
}

Test(postgres_url, knows_how_long_an_attempt_may_take) {
    cr_expect(parsed("postgresql://127.0.0.1/db?connect_timeout=7").timeout == 7s);
    for (const char* url :
         {"postgresql://127.0.0.1/db", "postgresql://127.0.0.1/db?connect_timeout=0",
          "postgresql://127.0.0.1/db?connect_timeout=-1"})
        cr_expect_not(parsed(url).timeout.has_value(), "%s", url);
}

Test(postgres_url, keeps_what_messages_name) {
    const auto url = parsed("postgres://ann:secret@one.test:1,two.test:2/tasks?sslmode=require");
    EXPECT_TEXT(url.host_names, "one.test,two.test");
    EXPECT_TEXT(url.database, "tasks");
    EXPECT_TEXT(parsed("postgresql://").host_names + parsed("postgresql://").database, "");
}

// A message would show the rest of the password as a host, a port or a database.
Test(postgres_url, takes_no_password_with_special_characters) {
    for (const char* url :
         {"postgresql://app:pw@sekret@127.0.0.1/app", "postgresql://app:pw@sekret@db.internal/app",
          "postgresql://app:pa/sekret@db.internal/app", "postgresql://app:12/sekret@h/app",
          "postgresql://app:p@se/kret@h/app"})
        cr_expect_not(parse_postgres_url(url).has_value(), "%s", url);
    for (const char* url :
         {"postgresql://app:pw%40sekret%2F@h:1/app", "postgresql://%2Ftmp%2Fsockets/app",
          "postgresql:///app?host=/tmp/sockets", "postgresql:///app?host=@abstract",
          "postgresql://[::1]:5433/app", "postgresql://a:1,b:2/app"})
        cr_expect(parse_postgres_url(url).has_value(), "%s", url);
}

Test(postgres_url, takes_what_libpq_takes) {
    for (const char* url : {"postgresql://u:hunter2%@h/d", "postgresql://h/d?unknown=x",
                            "postgresql://[::1/d", "postgres://h/d?sslmode"})
        cr_expect_not(parse_postgres_url(url).has_value(), "%s", url);
}
