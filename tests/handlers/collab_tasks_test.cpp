#include "shared/digest.hpp"
#include "tests/support/json_text.hpp"
#include "tests/support/once.hpp"
#include "tests/support/service.hpp"

namespace {

const std::string path = "/collab/tasks";

std::string of_length(std::size_t count, const std::string& unit) {
    std::string text;
    for (std::size_t i = 0; i < count; ++i) text += unit;
    return text;
}

}  // namespace

ON_BOTH_ENGINES(collab_tasks, creates_a_task) {
    const auto response = service.send(service.with_token(
        "POST", path, R"({"title":"  Buy milk\t","description":"From the corner shop"})"));
    cr_assert_eq(response.status(), 200, "%s", std::string{response.body()}.c_str());
    const auto body = json_of(response);
    EXPECT_TEXT(member(body, "title"), "Buy milk");
    EXPECT_TEXT(member(body, "description"), "From the corner shop");
    cr_assert_eq(body["version"].GetInt64(), 1);
    cr_assert(Uuid::parse(member(body, "id")).has_value());
    EXPECT_TEXT(member(body, "created_at"), member(body, "updated_at"));
    cr_assert_eq(member(body, "created_at").size(), 27);
    EXPECT_TEXT(std::string{response.header("Location")}, (path + "/" + member(body, "id")));
    EXPECT_TEXT(std::string{response.etag()}, entity_tag(response.body()));
    EXPECT_TEXT(std::string{response.header("Cache-Control")}, "no-store, no-transform");
    EXPECT_TEXT(service.database().execute("SELECT count(*) FROM collab_tasks"), "1");
}

ON_BOTH_ENGINES(collab_tasks, writes_an_event_and_a_revision_with_the_task) {
    auto& database = service.database();
    const auto revision = "SELECT sum(revision) FROM board_revisions";
    const auto before = std::stoll(database.execute(revision));
    const auto response =
        service.send(service.with_token("POST", path, R"({"title":"a\"\\\u0001é"})"));
    cr_assert_eq(response.status(), 200);
    EXPECT_TEXT(database.execute("SELECT type FROM events"), "task.created");
    EXPECT_TEXT(database.execute("SELECT audience FROM events"), "public");
    EXPECT_TEXT(database.execute("SELECT subject FROM events"),
                std::string{response.header("Location")});
    EXPECT_TEXT(database.execute("SELECT data FROM events"), std::string{response.body()});
    EXPECT_TEXT(database.execute(revision), std::to_string(before + 1));
}

ON_BOTH_ENGINES(collab_tasks, takes_the_longest_title_in_characters) {
    const auto title = of_length(255, "\xf0\x9f\x98\x80");
    const auto response =
        service.send(service.with_token("POST", path, json_text(R"({"title":$})", title)));
    cr_assert_eq(response.status(), 200);
    EXPECT_TEXT(member(json_of(response), "title"), title);
    const auto longer =
        service.send(service.with_token("POST", path, R"({"title":"x)" + title + R"("})"));
    expect_detail(longer, "body.title", "string_too_long");
}

ON_BOTH_ENGINES(collab_tasks, needs_a_token) {
    auto sent = service.with_token("POST", path, R"({"title":"x"})");
    sent.authorization.clear();
    auto response = service.send(sent);
    expect_error(response, Error::auth_required);
    EXPECT_TEXT(std::string{response.header("WWW-Authenticate")}, "Bearer");

    for (const char* authorization : {"Basic YTpi", "Bearer", "bearer", "Token x"}) {
        sent.authorization = authorization;
        expect_error(service.send(sent), Error::auth_required);
    }
    sent.authorization = service.bearer() + "x";
    response = service.send(sent);
    expect_error(response, Error::invalid_token);
    EXPECT_TEXT(std::string{response.header("WWW-Authenticate")},
                R"(Bearer error="invalid_token")");
    EXPECT_TEXT(service.database().execute("SELECT count(*) FROM collab_tasks"), "0");
}

ON_BOTH_ENGINES(collab_tasks, refuses_bad_bodies_and_stores_nothing) {
    const struct {
        const char* body;
        const char* location;
        const char* type;
    } cases[] = {
        {R"({"title":""})", "body.title", "string_too_short"},
        {R"({"title":" \u00a0\u2003 "})", "body.title", "string_too_short"},
        {R"({"title":null})", "body.title", "string_type"},
        {R"({"title":1})", "body.title", "string_type"},
        {R"({})", "body.title", "missing"},
        {R"({"title":"x","description":[]})", "body.description", "string_type"},
        {R"({"title":"x","titel":"y"})", "body.titel", "extra_forbidden"},
        {R"({"title":"x","title":"y"})", "body.title", "value_error"},
        {R"({"title":"a\u0000b"})", "body.title", "json_invalid"},
        {R"({"title":"\udc00"})", "body.title", "json_invalid"},
        {R"(["title"])", "body", "model_attributes_type"},
        {R"("x")", "body", "model_attributes_type"},
        {R"(null)", "body", "model_attributes_type"},
        {R"({"title":"x")", "body.12", "json_invalid"},
        {R"({"title":"x"}})", "body.13", "json_invalid"},
        {"{\"title\":\"\xff\"}", "body.10", "json_invalid"},
    };
    for (const auto& [body, location, type] : cases)
        expect_detail(service.send(service.with_token("POST", path, body)), location, type);
    auto sent = service.with_token("POST", path);
    expect_detail(service.send(sent), "body", "missing");
    sent.body = std::string(60'000, '[');
    sent.content_type = "application/json";
    expect_error(service.send(sent), Error::validation_error);
    sent.body = std::string(65'537, ' ');
    expect_error(service.send(sent), Error::payload_too_large);
    sent.body = R"({"title":"x"})";
    sent.content_type = "text/plain";
    expect_error(service.send(sent), Error::unsupported_media_type);
    sent.content_type = "";
    expect_error(service.send(sent), Error::unsupported_media_type);
    EXPECT_TEXT(service.database().execute("SELECT count(*) FROM collab_tasks"), "0");
    sent.content_type = "Application/JSON; charset=utf-8";
    cr_assert_eq(service.send(sent).status(), 200);
}

ON_BOTH_ENGINES(collab_tasks, refuses_a_too_long_description) {
    const auto longest = of_length(1024, "é");
    cr_assert_eq(service
                     .send(service.with_token(
                         "POST", path, json_text(R"({"title":"x","description":$})", longest)))
                     .status(),
                 200);
    expect_detail(service.send(service.with_token(
                      "POST", path, R"({"title":"x","description":")" + longest + R"(!"})")),
                  "body.description", "string_too_long");
}

ON_BOTH_ENGINES(collab_tasks, says_which_methods_it_answers) {
    for (const char* method : {"GET", "HEAD", "PUT", "DELETE", "PATCH", "TRACE", "get", "LOCK"}) {
        const auto response = service.send({.method = method, .target = path});
        if (std::string_view{method} == "HEAD") {
            cr_assert_eq(response.status(), 405);
            cr_assert(response.body().empty());
        } else {
            expect_error(response, Error::method_not_allowed);
        }
        EXPECT_TEXT(std::string{response.header("Allow")}, "POST, OPTIONS");
    }
}

ON_BOTH_ENGINES(collab_tasks, does_not_know_other_paths) {
    for (const char* target : {"/collab/tasks//", "/collab//tasks", "/collab/tasks%2f",
                               "/collab/./tasks", "/collab/tasks%00", "/", "", "collab/tasks", "*"})
        expect_error(service.send({.method = "POST", .target = target}), Error::not_found);
    cr_assert_eq(service.send({.method = "OPTIONS", .target = "/coll%61b/tasks?x=1"}).status(),
                 204);
}

ON_BOTH_ENGINES(collab_tasks, answers_a_preflight_for_known_origins_only) {
    auto response = service.send({.method = "OPTIONS",
                                  .target = path,
                                  .origin = "http://localhost:3001",
                                  .access_control_request_method = "POST"});
    cr_assert_eq(response.status(), 204);
    EXPECT_TEXT(std::string{response.header("Access-Control-Allow-Origin")},
                "http://localhost:3001");
    EXPECT_TEXT(std::string{response.header("Access-Control-Allow-Methods")}, "POST, OPTIONS");
    EXPECT_TEXT(std::string{response.header("Access-Control-Allow-Credentials")}, "true");
    EXPECT_TEXT(std::string{response.header("Access-Control-Max-Age")}, "600");
    for (const char* origin :
         {"http://evil.example", "null", "http://localhost:3001.evil.example"}) {
        response = service.send({.method = "OPTIONS",
                                 .target = path,
                                 .origin = origin,
                                 .access_control_request_method = "POST"});
        cr_assert_eq(response.status(), 204);
        cr_assert(response.header("Access-Control-Allow-Origin").empty());
        EXPECT_TEXT(std::string{response.header("Vary")}, "Origin");
    }
}

ON_BOTH_ENGINES(collab_tasks, exposes_its_headers_to_known_origins) {
    auto sent = service.with_token("POST", path, R"({"title":"x"})");
    sent.origin = "http://localhost:3001";
    const auto response = service.send(sent);
    EXPECT_TEXT(std::string{response.header("Access-Control-Allow-Origin")},
                "http://localhost:3001");
    EXPECT_TEXT(std::string{response.header("Access-Control-Expose-Headers")},
                "ETag, Location, Retry-After, X-Request-ID, RateLimit, RateLimit-Policy, "
                "X-RateLimit-Limit, X-RateLimit-Remaining, X-RateLimit-Reset");
}

ON_BOTH_ENGINES(collab_tasks, echoes_only_harmless_request_ids) {
    Sent sent{.method = "POST", .target = path, .request_id = "abc.DEF_1-2"};
    EXPECT_TEXT(std::string{service.send(sent).header("X-Request-ID")}, "abc.DEF_1-2");
    for (const std::string& id : {std::string{"a b"}, std::string{"a\r\nSet-Cookie: x"},
                                  std::string(65, 'a'), std::string{"é"}, std::string{}}) {
        sent.request_id = id;
        const auto response = service.send(sent);
        const std::string made{response.header("X-Request-ID")};
        cr_assert(made != id);
        cr_assert(Uuid::parse(made).has_value());
    }
}

ON_BOTH_ENGINES(collab_tasks, gives_problem_details_to_whoever_asks) {
    const auto response = service.send(
        {.method = "POST", .target = path, .accept = "application/problem+json, */*;q=0.1"});
    cr_assert_eq(response.status(), 422);
    EXPECT_TEXT(std::string{response.header("Content-Type")}, "application/problem+json");
    const auto body = json_of(response);
    EXPECT_TEXT(member(body, "code"), "VALIDATION_ERROR");
    EXPECT_TEXT(member(body, "type"), "about:blank");
    EXPECT_TEXT(member(body, "title"), "Unprocessable Content");
    EXPECT_TEXT(member(body, "instance"), std::string{response.header("X-Request-ID")});
    cr_assert_eq(body["status"].GetInt(), 422);
    cr_assert_eq(body["details"].Size(), 1);
}

ON_BOTH_ENGINES(collab_tasks, stores_what_was_sent) {
    const char* titles[] = {R"(Robert'); DROP TABLE collab_tasks;--)", "$1 %s ${PORT} \\\\n",
                            "\xed\x9f\xbf \xee\x80\x80 \xf4\x8f\xbf\xbf",
                            "a\\u0001\\u001f\\u007f\\nz"};
    for (const char* title : titles) {
        const auto response = service.send(
            service.with_token("POST", path, std::string{R"({"title":")"} + title + R"("})"));
        cr_assert_eq(response.status(), 200, "%s", title);
        rapidjson::Document sent;
        sent.Parse((std::string{R"({"title":")"} + title + R"("})").c_str());
        EXPECT_TEXT(member(json_of(response), "title"), sent["title"].GetString());
    }
}

ON_BOTH_ENGINES(collab_tasks, limits_writes) {
    expect_limits_writes(service, service.with_token("POST", path, R"({"title":"x"})"));
}

ON_BOTH_ENGINES(collab_tasks, keeps_to_the_quota) {
    service.config().max_board_tasks = 12;
    const auto sent = service.with_token("POST", path, R"({"title":"x"})");
    for (const auto& response : service.send_all(std::vector<Sent>(11, sent)))
        cr_expect_eq(response.status(), 200);
    cr_expect_eq(service.send(sent).status(), 200);
    auto& database = service.database();
    const auto revision = "SELECT sum(revision) FROM board_revisions";
    const auto before = database.execute(revision);
    expect_error(service.send(sent), Error::quota_exceeded);
    EXPECT_TEXT(database.execute(revision), before);
    EXPECT_TEXT(database.execute("SELECT count(*) FROM collab_tasks"), "12");
    EXPECT_TEXT(database.execute("SELECT sum(total) FROM board_counts"), "12");
    database.execute("UPDATE collab_tasks SET title = 'y'");
    EXPECT_TEXT(database.execute("SELECT sum(total) FROM board_counts"), "12");
    database.execute(
        "DELETE FROM collab_tasks WHERE id = (SELECT id FROM collab_tasks ORDER BY id LIMIT 1)");
    cr_expect_eq(service.send(sent).status(), 200);
    expect_error(service.send(sent), Error::quota_exceeded);
    service.config().max_board_tasks.reset();
    cr_expect_eq(service.send(sent).status(), 200);
}

ON_BOTH_ENGINES(collab_tasks, are_created_once_for_a_key) {
    expect_created_once(
        service, service.with_token("POST", path, R"({"title":"x","description":null})"),
        R"({"title":"x","description":""})", "collab_tasks",
        "UPDATE collab_tasks SET title = 'changed', version = 2", "DELETE FROM collab_tasks");
}
