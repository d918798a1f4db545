#include "shared/digest.hpp"
#include "tests/support/json_text.hpp"
#include "tests/support/literals.hpp"

namespace {

constexpr const char* id = "0b8f1a52-6c1c-4f0e-9f57-3f2a44c0ffee";
constexpr const char* other_id = "0b8f1a52-6c1c-4f0e-9f57-3f2a44c0fff0";
const std::string path = std::string{"/collab/tasks/"} + id;

void add_task(Service& service, const std::string& title = "Buy milk",
              const std::string& description = "'two litres'") {
    const auto moment = literal(service, {1'767'875'696'123'456});
    service.database().execute(
        "INSERT INTO collab_tasks (id, title, description, created_at, "
        "updated_at) VALUES ('" +
        std::string{id} + "', '" + title + "', " + description + ", " + moment + ", " + moment +
        ")");
}

std::string etag_of(Service& service) { return std::string{service.send({.target = path}).etag()}; }

Sent with_match(Sent sent, const std::string& if_match) {
    sent.if_match = if_match;
    return sent;
}

}  // namespace

ON_BOTH_ENGINES(collab_task, is_public_and_tagged) {
    add_task(service);
    const auto response = service.send({.target = path});
    cr_assert_eq(response.status(), 200, "%s", std::string{response.body()}.c_str());
    EXPECT_TEXT(std::string{response.body()},
                R"({"created_at":"2026-01-08T12:34:56.123456Z","description":"two litres",)"
                R"("id":"0b8f1a52-6c1c-4f0e-9f57-3f2a44c0ffee","title":"Buy milk",)"
                R"("updated_at":"2026-01-08T12:34:56.123456Z","version":1})");
    EXPECT_TEXT(std::string{response.etag()}, entity_tag(response.body()));
    EXPECT_TEXT(std::string{response.header("Cache-Control")}, "no-cache, no-transform");
}

// As long as the board is public, nobody looks at tokens.
ON_BOTH_ENGINES(collab_task, is_public_whatever_the_token_is) {
    add_task(service);
    for (const char* authorization : {"Bearer x", "Basic eDp5"})
        cr_expect_eq(service.send({.target = path, .authorization = authorization}).status(), 200);
}

ON_BOTH_ENGINES(collab_task, needs_a_token_if_the_board_is_not_public) {
    service.config().board_public = false;
    add_task(service);
    for (const auto& target : {path, std::string{"/collab/tasks/"} + other_id}) {
        expect_error(service.send({.target = target}), Error::auth_required);
        expect_error(service.send({.target = target, .api_key = api_key}), Error::auth_required);
        expect_error(service.send({.target = target, .if_none_match = "*"}), Error::auth_required);
        expect_error(service.send({.target = target, .authorization = "Bearer x"}),
                     Error::invalid_token);
    }
    cr_expect_eq(service.send({.method = "HEAD", .target = path}).status(), 401);
    const Sent sent{.target = path, .authorization = service.bearer("ann")};
    const auto response = service.send(sent);
    cr_assert_eq(response.status(), 200);
    EXPECT_TEXT(std::string{response.header("Cache-Control")}, "private, no-cache, no-transform");
    service.database().execute("DELETE FROM users");
    expect_error(service.send(sent), Error::invalid_token);
}

ON_BOTH_ENGINES(collab_task, is_not_modified_while_the_etag_matches) {
    add_task(service);
    const auto etag = etag_of(service);
    for (const auto& header : {etag, "W/" + etag, "\"x\", " + etag, std::string{"*"}}) {
        const auto response = service.send({.target = path, .if_none_match = header});
        cr_assert_eq(response.status(), 304, "%s", header.c_str());
        cr_assert(response.body().empty());
        EXPECT_TEXT(std::string{response.etag()}, etag);
    }
    for (const char* header : {"\"x\"", "x", "\"", "W/x"})
        cr_assert_eq(service.send({.target = path, .if_none_match = header}).status(), 200);
    cr_assert_eq(service.send({.method = "HEAD", .target = path, .if_none_match = etag}).status(),
                 304);
}

ON_BOTH_ENGINES(collab_task, is_not_found_where_there_is_none) {
    expect_error(service.send({.target = path}), Error::not_found);
}

ON_BOTH_ENGINES(collab_task, needs_a_uuid) {
    for (const char* bad :
         {"1", "0b8f1a52-6c1c-4f0e-9f57-3f2a44c0ffe", "0b8f1a526c1c4f0e9f573f2a44c0ffee",
          "gb8f1a52-6c1c-4f0e-9f57-3f2a44c0ffee", "%7B%7D", "a'%20OR%201=1"})
        expect_detail(service.send({.target = std::string{"/collab/tasks/"} + bad}), "path.id",
                      "uuid_parsing");
    for (const char* bad : {"%00", "a%2Fb", "..", "%2e%2e", "%0a", "%ff", "%zz"})
        expect_error(service.send({.target = std::string{"/collab/tasks/"} + bad}),
                     Error::not_found);
    add_task(service);
    cr_assert_eq(
        service.send({.target = "/collab/tasks/0B8F1A52-6C1C-4F0E-9F57-3F2A44C0FFEE"}).status(),
        200);
}

ON_BOTH_ENGINES(collab_task, needs_a_uuid_to_change_or_delete) {
    for (const char* bad : {"1", "0b8f1a526c1c4f0e9f573f2a44c0ffee", "%7B%7D"}) {
        const auto target = std::string{"/collab/tasks/"} + bad;
        for (const char* if_match : {"*", ""}) {
            const auto patch = service.with_token("PATCH", target, R"({"title":"x"})");
            expect_detail(service.send(with_match(patch, if_match)), "path.id", "uuid_parsing");
            const auto remove = service.with_token("DELETE", target);
            expect_detail(service.send(with_match(remove, if_match)), "path.id", "uuid_parsing");
        }
    }
}

ON_BOTH_ENGINES(collab_task, needs_a_token_to_change_or_delete) {
    add_task(service);
    for (auto sent : {service.with_token("PATCH", path, R"({"title":"x"})"),
                      service.with_token("DELETE", path)}) {
        sent.if_match = "*";
        sent.authorization.clear();
        expect_error(service.send(sent), Error::auth_required);
        sent.authorization = "Bearer x";
        expect_error(service.send(sent), Error::invalid_token);
    }
    cr_assert_eq(json_of(service.send({.target = path}))["version"].GetInt64(), 1);
}

ON_BOTH_ENGINES(collab_task, patch_changes_what_it_names) {
    add_task(service);
    auto response = service.send(with_match(
        service.with_token("PATCH", path, R"({"title":" Buy bread "})"), etag_of(service)));
    cr_assert_eq(response.status(), 200, "%s", std::string{response.body()}.c_str());
    auto body = json_of(response);
    EXPECT_TEXT(member(body, "title"), "Buy bread");
    EXPECT_TEXT(member(body, "description"), "two litres");
    cr_assert_eq(body["version"].GetInt64(), 2);
    cr_assert(member(body, "updated_at") > member(body, "created_at"));
    EXPECT_TEXT(std::string{response.etag()}, etag_of(service));

    response = service.send(with_match(service.with_token("PATCH", path, R"({"description":null})"),
                                       std::string{response.etag()}));
    cr_assert_eq(response.status(), 200);
    body = json_of(response);
    EXPECT_TEXT(member(body, "title"), "Buy bread");
    EXPECT_TEXT(member(body, "description"), "<null>");
    cr_assert_eq(body["version"].GetInt64(), 3);
    EXPECT_TEXT(service.database().execute("SELECT type FROM events ORDER BY id DESC LIMIT 1"),
                "task.updated");
}

ON_BOTH_ENGINES(collab_task, patch_takes_lists_of_tags_and_any) {
    add_task(service);
    const auto patch = service.with_token("PATCH", path, R"({"title":"x"})");
    cr_assert_eq(service.send(with_match(patch, "\"a\", " + etag_of(service))).status(), 200);
    cr_assert_eq(service.send(with_match(patch, "*")).status(), 200);
}

// C++ computes the tag for a response and SQL for a write. They must agree on every text.
ON_BOTH_ENGINES(collab_task, computes_one_etag_in_code_and_in_sql) {
    const char* texts[] = {"plain",
                           R"(quote \" backslash \\ slash /)",
                           R"(\u0001\u0002\b\t\n\u000b\f\r\u001f\u007f)",
                           "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\xef\xac\xb3",
                           R"(\u2028\u2029 <script>&amp;</script>)",
                           "\xef\xbf\xbe\xef\xbf\xbf\xf4\x8f\xbf\xbf"};
    add_task(service);
    for (const char* text : texts) {
        const std::string json =
            "{\"title\":\"x" + std::string{text} + "x\",\"description\":\"" + text + "\"}";
        auto response =
            service.send(with_match(service.with_token("PATCH", path, json), etag_of(service)));
        cr_assert_eq(response.status(), 200, "%s: %s", text, std::string{response.body()}.c_str());
    }
    cr_assert_eq(
        service.send(with_match(service.with_token("DELETE", path), etag_of(service))).status(),
        204);
}

ON_BOTH_ENGINES(collab_task, patch_needs_a_current_etag) {
    add_task(service);
    const auto stale = etag_of(service);
    const auto patch = service.with_token("PATCH", path, R"({"title":"x"})");
    expect_error(service.send(patch), Error::precondition_required);
    cr_assert_eq(service.send(with_match(patch, stale)).status(), 200);
    for (const auto& header : {stale, std::string{"nonsense"}, std::string{"\""},
                               std::string{"\"\""}, std::string{"1"}, etag_of(service) + "x"})
        expect_error(service.send(with_match(patch, header)), Error::precondition_failed);
    expect_error(service.send(with_match(patch, "W/" + etag_of(service))), Error::weak_etag);
    cr_assert_eq(json_of(service.send({.target = path}))["version"].GetInt64(), 2);
}

ON_BOTH_ENGINES(collab_task, a_failed_precondition_never_hides_another_error) {
    add_task(service);
    auto patch = with_match(service.with_token("PATCH", path, R"({"title":""})"), "\"stale\"");
    expect_detail(service.send(patch), "body.title", "string_too_short");
    patch.body = R"({"title":"x"})";
    patch.target = std::string{"/collab/tasks/"} + other_id;
    expect_error(service.send(patch), Error::not_found);
    patch.if_match.clear();
    expect_error(service.send(patch), Error::not_found);
    patch.authorization.clear();
    expect_error(service.send(patch), Error::auth_required);
    auto gone = with_match(service.with_token("DELETE", patch.target), "*");
    expect_error(service.send(gone), Error::not_found);
}

ON_BOTH_ENGINES(collab_task, patch_refuses_bad_bodies) {
    add_task(service);
    const struct {
        const char* body;
        const char* location;
        const char* type;
    } cases[] = {
        {R"({})", "body", "value_error"},
        {R"({"title":null})", "body.title", "string_type"},
        {R"({"version":7})", "body.version", "extra_forbidden"},
        {R"({"id":"x"})", "body.id", "extra_forbidden"},
    };
    for (const auto& [body, location, type] : cases)
        expect_detail(service.send(with_match(service.with_token("PATCH", path, body), "*")),
                      location, type);
    auto sent = with_match(service.with_token("PATCH", path, std::string(65'537, ' ')), "*");
    expect_error(service.send(sent), Error::payload_too_large);
    sent.body = R"({"title":"x"})";
    sent.content_type = "text/plain";
    expect_error(service.send(sent), Error::unsupported_media_type);
    cr_assert_eq(json_of(service.send({.target = path}))["version"].GetInt64(), 1);
}

ON_BOTH_ENGINES(collab_task, delete_needs_a_current_etag) {
    add_task(service);
    const auto remove = service.with_token("DELETE", path);
    expect_error(service.send(remove), Error::precondition_required);
    expect_error(service.send(with_match(remove, "\"stale\"")), Error::precondition_failed);
    const auto response = service.send(with_match(remove, etag_of(service)));
    cr_assert_eq(response.status(), 204);
    cr_assert(response.body().empty());
    expect_error(service.send({.target = path}), Error::not_found);
    expect_error(service.send(with_match(remove, "*")), Error::not_found);
    EXPECT_TEXT(service.database().execute("SELECT type FROM events ORDER BY id DESC LIMIT 1"),
                "task.deleted");
}

ON_BOTH_ENGINES(collab_task, writes_honour_if_none_match) {
    add_task(service);
    for (auto write : {service.with_token("PATCH", path, R"({"title":"x"})"),
                       service.with_token("DELETE", path)}) {
        const auto current = etag_of(service);
        for (const auto& header : {std::string{"*"}, current, "W/" + current, std::string{"x"}}) {
            write.if_none_match = header;
            for (const auto& if_match : {std::string{"*"}, current})
                expect_error(service.send(with_match(write, if_match)), Error::precondition_failed);
            expect_error(service.send(write), Error::precondition_required);
        }
        EXPECT_TEXT(etag_of(service), current);
        write.if_none_match = "\"x\"";
        cr_expect_lt(service.send(with_match(write, current)).status(), 300, "%s",
                     write.method.c_str());
    }
    expect_error(service.send({.target = path}), Error::not_found);
}

ON_BOTH_ENGINES(collab_task, of_two_racing_patches_one_wins) {
    add_task(service);
    const auto etag = etag_of(service);
    std::vector<Sent> sent;
    for (int i = 0; i < 8; ++i)
        sent.push_back(with_match(
            service.with_token("PATCH", path, json_text(R"({"title":$})", std::to_string(i))),
            etag));
    int won = 0;
    for (const auto& response : service.send_all(sent))
        if (response.status() == 200)
            ++won;
        else
            expect_error(response, Error::precondition_failed);
    cr_assert_eq(won, 1);
    cr_assert_eq(json_of(service.send({.target = path}))["version"].GetInt64(), 2);
}

ON_BOTH_ENGINES(collab_task, lists_its_methods) {
    const auto response = service.send({.method = "POST", .target = path});
    expect_error(response, Error::method_not_allowed);
    EXPECT_TEXT(std::string{response.header("Allow")}, "GET, HEAD, PATCH, DELETE, OPTIONS");
}

ON_BOTH_ENGINES(collab_task, limits_writes) {
    add_task(service);
    expect_limits_writes(service, service.with_token("PATCH", path, R"({"title":"new"})"));
}

ON_BOTH_ENGINES(collab_task, above_the_quota_stays_changeable) {
    service.config().max_board_tasks = 1;
    add_task(service);
    service.database().execute(
        "INSERT INTO collab_tasks (id, title, created_at, updated_at) SELECT '" +
        std::string{other_id} + "', title, created_at, updated_at FROM collab_tasks");
    const auto change = service.with_token("PATCH", path, R"({"title":"x"})");
    cr_expect_eq(service.send(with_match(change, etag_of(service))).status(), 200);
    cr_expect_eq(
        service.send(with_match(service.with_token("DELETE", path), etag_of(service))).status(),
        204);
}
