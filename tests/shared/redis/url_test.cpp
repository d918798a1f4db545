#include "shared/redis/url.hpp"

#include "tests/support/expect.hpp"

Test(redis_url, is_read) {
    static constexpr struct {
        const char* text;
        const char* place;
        const char* user;
        const char* password;
        int database;
    } cases[] = {
        {"redis://localhost", "localhost:6379", "", "", 0},
        {"redis://localhost/", "localhost:6379", "", "", 0},
        {"redis://10.0.0.1:7000/12", "10.0.0.1:7000", "", "", 12},
        {"redis://[::1]", "[::1]:6379", "", "", 0},
        {"redis://[fd00::1]:65535/1", "[fd00::1]:65535", "", "", 1},
        {"redis://:secret@cache_1.example.org", "cache_1.example.org:6379", "", "secret", 0},
        {"redis://ann:s%40%2F%3a@h:1/2", "h:1", "ann", "s@/:", 2},
        {"redis://ann:a@b:c@h", "h:6379", "ann", "a@b:c", 0},
    };
    for (const auto& [text, place, user, password, database] : cases) {
        const auto url = parse_redis_url(text);
        cr_assert(url.has_value(), "%s", text);
        EXPECT_TEXT(url->place(), place);
        EXPECT_TEXT(url->user, user);
        EXPECT_TEXT(url->password, password);
        cr_expect_eq(url->database, database, "%s", text);
    }
}

Test(redis_url, is_refused) {
    for (const char* text : {"",
                             "redis",
                             "redis:",
                             "redis://",
                             "redis:///1",
                             "rediss://h",
                             "REDIS://h",
                             "http://h",
                             "redis://h:",
                             "redis://h:0",
                             "redis://h:65536",
                             "redis://h:+1",
                             "redis://h:1:2",
                             "redis://::1",
                             "redis://[::1",
                             "redis://[h]",
                             "redis://[::1]x",
                             "redis://a b",
                             "redis://h/x",
                             "redis://h/-1",
                             "redis://h/1000001",
                             "redis://h/1/",
                             "redis://h?db=1",
                             "redis://h#1",
                             "redis://ann@h",
                             "redis://ann:@h",
                             "redis://:s%zz@h",
                             "redis://:s%00@h",
                             "redis://:s@",
                             "redis://ann:a/b@h",
                             "redis://h\n"})
        cr_expect_not(parse_redis_url(text).has_value(), "%s", text);
}
