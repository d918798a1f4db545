#include <algorithm>
#include <set>

#include "shared/digest.hpp"
#include "tests/support/jobs.hpp"
#include "tests/support/whole_numbers.hpp"

namespace {

Response create(Service& service, const std::string& body) {
    return service.send(with_key("POST", "/jobs", body));
}

Sent create_with(const std::string& idempotency_key, const std::string& body) {
    auto sent = with_key("POST", "/jobs", body);
    sent.idempotency_key = idempotency_key;
    return sent;
}

Response list(Service& service, const std::string& query = "") {
    return service.send(with_key("GET", "/jobs" + query));
}

std::string number_of(Service& service, const std::string& table = "jobs") {
    return service.database().execute("SELECT count(*) FROM " + table);
}

std::vector<std::string> paths_of(const Response& response) {
    cr_assert_eq(response.status(), 200, "%s", shown(response.body()).c_str());
    const auto body = json_of(response);
    std::vector<std::string> paths;
    for (const auto& job : body["jobs"].GetArray()) paths.push_back("/jobs/" + member(job, "id"));
    return paths;
}

// Follows the cursors through every page of a list.
std::vector<std::string> walk(Service& service, const std::string& query) {
    std::vector<std::string> all;
    std::string cursor;
    do {
        const auto response = list(service, query + cursor);
        const auto paths = paths_of(response);
        cr_assert(!paths.empty());
        all.insert(all.end(), paths.begin(), paths.end());
        cursor = member(json_of(response), "next_cursor");
        if (cursor == "<null>") return all;
        cursor.insert(0, "&cursor=");
    } while (all.size() < 1000);
    return {};
}

}  // namespace

// To a worker 409 means that it has lost its lease. An unexpected duplicate, as in a database that
// was copied without its sequences, must not mean the same.
ON_BOTH_ENGINES(jobs, a_duplicate_that_nobody_expects_is_no_conflict) {
    const auto& database = service.database();
    cr_assert_eq(create(service, R"({"title":"one"})").status(), 200);
    database.execute("CREATE UNIQUE INDEX one_of_each ON jobs (title)");
    cr_expect_eq(create(service, R"({"title":"one"})").status(), 500);
    database.execute("DROP INDEX one_of_each");
    cr_expect_eq(create(service, R"({"title":"one"})").status(), 200);
}

ON_BOTH_ENGINES(jobs, creates_a_job) {
    const auto created = create(service, R"({"title":" Send the report "})");
    cr_assert_eq(created.status(), 200, "%s", shown(created.body()).c_str());
    const auto job = json_of(created);
    EXPECT_TEXT(member(job, "title"), "Send the report");
    EXPECT_TEXT(member(job, "status"), "pending");
    EXPECT_TEXT(member(job, "run_at"), member(job, "created_at"));
    EXPECT_TEXT(member(job, "updated_at"), member(job, "created_at"));
    EXPECT_TEXT(member(job, "error"), "<null>");
    cr_expect(job["payload"].IsNull() && job["result"].IsNull());
    cr_expect_eq(job["attempts"].GetInt(), 0);
    cr_expect_eq(job["max_attempts"].GetInt(), 3);
    cr_expect_eq(job["version"].GetInt(), 1);
    cr_expect_eq(job.MemberCount(), 12);
    EXPECT_TEXT(created.header("Location"), "/jobs/" + member(job, "id"));
    EXPECT_TEXT(created.etag(), entity_tag(created.body()));
    EXPECT_TEXT(created.header("Cache-Control"), "no-store, no-transform");
    EXPECT_TEXT(json::canonical(job), std::string{created.body()});
    expect_job_event(service, "job.created", created);
}

ON_BOTH_ENGINES(jobs, keeps_what_was_sent) {
    // The payload is canonical, and its texts contain characters that are special in JSON, SQL and
    // HTML.
    const std::string payload =
        R"({"":[],"1e":[1e+21,-0.5,9007199254740991,1e-7],"a":{"b":[null,true,false,{}]},)"
        "\"z\xc3\xa4\xf0\x9f\x98\x80\":\"\\\"\\\\ ' $1 \\u0001\\n</script> \xe2\x80\xa8 \x7f\"}";
    const auto created = create(service, R"({"title":"\"x\" 'y' \\ ä","payload":)" + payload +
                                             R"(,"run_at":"0001-01-01T00:00:00.000001Z",)"
                                             R"("max_attempts":100})");
    cr_assert_eq(created.status(), 200, "%s", shown(created.body()).c_str());
    const auto job = json_of(created);
    EXPECT_TEXT(json::canonical(job["payload"]), payload);
    EXPECT_TEXT(member(job, "title"), "\"x\" 'y' \\ \xc3\xa4");
    EXPECT_TEXT(member(job, "run_at"), "0001-01-01T00:00:00.000001Z");
    cr_expect_eq(job["max_attempts"].GetInt(), 100);
    expect_job_event(service, "job.created", created);
    const auto other =
        create(service, R"({"title":"x","payload":1.0,"run_at":"9999-12-31T23:59:59-00:00"})");
    EXPECT_TEXT(json::canonical(json_of(other)["payload"]), "1");
    EXPECT_TEXT(member(json_of(other), "run_at"), "9999-12-31T23:59:59.000000Z");
    expect_job_event(service, "job.created", other);
    const auto zoned = create(service, R"({"title":"x","run_at":"2026-01-08T00:30:00.5+01:30"})");
    EXPECT_TEXT(member(json_of(zoned), "run_at"), "2026-01-07T23:00:00.500000Z");
}

ON_BOTH_ENGINES(jobs, keeps_whole_numbers_or_refuses_them) {
    const auto send = [&](const std::string& payload) {
        return create(service, R"({"title":"x","payload":)" + payload + "}");
    };
    expect_refuses_inexact_integers("body.payload", send);
    EXPECT_TEXT(service.database().execute("SELECT count(*) FROM jobs"), "0");
    for (const auto& [sent, kept] : kept_numbers) {
        const auto created = send(sent);
        cr_assert_eq(created.status(), 200, "%s: %s", sent, shown(created.body()).c_str());
        cr_expect(
            created.body().find(R"("payload":)" + std::string{kept} + ",") != created.body().npos,
            "%s became %s", sent, shown(created.body()).c_str());
    }
}

ON_BOTH_ENGINES(jobs, refuses_what_is_not_valid) {
    static constexpr struct {
        const char* body;
        const char* where;
        const char* type;
    } cases[] = {
        {R"({"title":""})", "body.title", "string_too_short"},
        {R"({"title":"  "})", "body.title", "string_too_short"},
        {R"({"title":7})", "body.title", "string_type"},
        {R"({"payload":1})", "body.title", "missing"},
        {R"({"title":"x","max_attempts":0})", "body.max_attempts", "greater_than_equal"},
        {R"({"title":"x","max_attempts":101})", "body.max_attempts", "less_than_equal"},
        {R"({"title":"x","max_attempts":1.5})", "body.max_attempts", "int_type"},
        {R"({"title":"x","max_attempts":99999999999999999999})", "body.max_attempts",
         "less_than_equal"},
        {R"({"title":"x","max_attempts":-99999999999999999999})", "body.max_attempts",
         "greater_than_equal"},
        {R"({"title":"x","max_attempts":null})", "body.max_attempts", "int_type"},
        {R"({"title":"x","run_at":0})", "body.run_at", "datetime_parsing"},
        {R"({"title":"x","run_at":"tomorrow"})", "body.run_at", "datetime_parsing"},
        {R"({"title":"x","run_at":"2026-01-08T12:34:56"})", "body.run_at", "datetime_parsing"},
        {R"({"title":"x","run_at":"2026-02-29T12:34:56Z"})", "body.run_at", "datetime_parsing"},
    };
    for (const auto& [body, where, type] : cases) expect_detail(create(service, body), where, type);
    expect_detail(create(service, R"({"title":")" + std::string(256, 'x') + "\"}"), "body.title",
                  "string_too_long");
    const std::string just_fits(32 * 1024 - 2, 'x');
    cr_expect_eq(create(service, R"({"title":"x","payload":")" + just_fits + "\"}").status(), 200);
    expect_detail(create(service, R"({"title":"x","payload":"x)" + just_fits + "\"}"),
                  "body.payload", "too_long");
    std::string deep = R"({"title":"x","payload":)" + std::string(32, '[') + std::string(32, ']');
    expect_error(create(service, deep + "}"), Error::validation_error);
    EXPECT_TEXT(number_of(service), "1");
    expect_refuses_bad_bodies(service, "/jobs", R"({"title":"x"})");
    EXPECT_TEXT(number_of(service), "1");
}

ON_BOTH_ENGINES(jobs, answers_the_same_again_to_the_same_key) {
    const auto wanted = create_with("order-7", R"({"title":"x","payload":{"b":1,"a":2}})");
    const auto first = service.send(wanted);
    cr_assert_eq(first.status(), 200, "%s", shown(first.body()).c_str());
    expect_job_event(service, "job.created", first);
    // The response is the same even after the job has changed, and for any spelling of the same
    // body.
    service.database().execute(
        "UPDATE jobs SET status = 'failed', attempts = 2, error = 'no', version = 9, result = '1', "
        "run_at = updated_at, updated_at = created_at");
    for (const char* body : {R"({"title":"x","payload":{"b":1,"a":2}})",
                             R"({"payload" : {"a":2.0,"b":1},"title":"x"})"}) {
        const auto again = service.send(create_with("order-7", body));
        cr_assert_eq(again.status(), 200);
        EXPECT_TEXT(again.body(), std::string{first.body()});
        EXPECT_TEXT(again.etag(), first.etag());
        EXPECT_TEXT(again.header("Location"), std::string{first.header("Location")});
    }
    EXPECT_TEXT(number_of(service), "1");
    EXPECT_TEXT(number_of(service, "events WHERE type = 'job.created'"), "1");
}

ON_BOTH_ENGINES(jobs, refuses_another_body_with_the_same_key) {
    cr_assert_eq(service.send(create_with("k", R"({"title":"x"})")).status(), 200);
    for (const char* body :
         {R"({"title":"y"})", R"({"title":"x","payload":1})", R"({"title":"x","max_attempts":4})",
          R"({"title":"x","run_at":"2026-01-08T00:30:00Z"})"})
        expect_detail(service.send(create_with("k", body)), "header.Idempotency-Key",
                      "value_error");
    // Each API key has idempotency keys of its own.
    auto other = create_with("k", R"({"title":"y"})");
    other.api_key = other_api_key;
    cr_assert_eq(service.send(other).status(), 200);
    cr_assert_eq(service.send(create_with("K", R"({"title":"z"})")).status(), 200);
    EXPECT_TEXT(number_of(service), "3");
}

ON_BOTH_ENGINES(jobs, refuses_malformed_idempotency_keys) {
    for (const auto& key : {std::string(256, 'x'), std::string{"a b"}, std::string{"\xc3\xa4"},
                            std::string{"a\tb"}, std::string{"a\x7f"}})
        expect_detail(service.send(create_with(key, R"({"title":"x"})")), "header.Idempotency-Key",
                      "value_error");
    cr_expect_eq(service.send(create_with(std::string(255, '~'), R"({"title":"x"})")).status(),
                 200);
    EXPECT_TEXT(number_of(service), "1");
}

ON_BOTH_ENGINES(jobs, makes_one_job_of_requests_that_race) {
    for (int round = 0; round < 10; ++round) {
        const auto key = "race-" + std::to_string(round);
        const std::vector<Sent> all(12, create_with(key, R"({"title":"x"})"));
        std::set<std::string> bodies;
        for (const auto& response : service.send_all(all)) {
            cr_assert_eq(response.status(), 200, "%s", shown(response.body()).c_str());
            bodies.emplace(response.body());
        }
        cr_expect_eq(bodies.size(), 1);
        EXPECT_TEXT(number_of(service), std::to_string(round + 1));
    }
}

ON_BOTH_ENGINES(jobs, lists_the_newest_first) {
    EXPECT_TEXT(list(service).body(), R"({"jobs":[],"next_cursor":null})");
    const auto old = add_job(service, {.created_in_s = -30});
    const auto middle = add_running_job(service, {.created_in_s = -20});
    const auto young = create(service, R"({"title":"x","payload":[1]})");
    const auto response = list(service);
    cr_assert(paths_of(response) ==
              std::vector<std::string>({std::string{young.header("Location")}, middle, old}));
    EXPECT_TEXT(json::canonical(json_of(response)["jobs"][0]), std::string{young.body()});
    EXPECT_TEXT(response.etag(), entity_tag(response.body()));
    cr_assert(paths_of(list(service, "?status=running")) == std::vector{middle});
    cr_assert(paths_of(list(service, "?status=completed")).empty());
    auto known = with_key("GET", "/jobs");
    known.if_none_match = response.etag();
    const auto same = service.send(known);
    cr_expect_eq(same.status(), 304);
    cr_expect(!same.header("RateLimit").empty());
}

ON_BOTH_ENGINES(jobs, walks_through_pages) {
    std::vector<std::string> paths;
    for (int i = 0; i < 9; ++i) paths.push_back(add_job(service));
    // Jobs that were created at the same moment are ordered by id.
    service.database().execute("UPDATE jobs SET created_at = (SELECT max(created_at) FROM jobs)");
    std::sort(paths.rbegin(), paths.rend());
    for (const char* limit : {"?limit=1", "?limit=2", "?limit=4", "?limit=9", "?limit=100"})
        for (const char* status : {"", "&status=pending"})
            cr_expect(walk(service, std::string{limit} + status) == paths, "%s%s", limit, status);
}

ON_BOTH_ENGINES(jobs, refuses_what_is_no_list) {
    for (int i = 0; i < 3; ++i) add_job(service);
    const auto cursor = member(json_of(list(service, "?limit=1")), "next_cursor");
    expect_detail(list(service, "?status=pending&cursor=" + cursor), "query.cursor", "value_error");
    for (const auto& bad : {std::string{"x"}, cursor.substr(1), cursor + "00",
                            write_cursor("jobs ", Position{.key = "no uuid", .id = 0}),
                            write_cursor("jobs ", Position{.key = a_lease, .id = INT64_MAX})})
        expect_detail(list(service, "?cursor=" + bad), "query.cursor", "value_error");
    expect_detail(list(service, "?limit=0"), "query.limit", "greater_than_equal");
    expect_detail(list(service, "?limit=101"), "query.limit", "less_than_equal");
    expect_detail(list(service, "?limit=x"), "query.limit", "int_parsing");
    expect_detail(list(service, "?status=done"), "query.status", "enum");
}

ON_BOTH_ENGINES(jobs, needs_an_api_key) {
    expect_needs_key(service, with_key("GET", "/jobs"));
    expect_needs_key(service, with_key("POST", "/jobs", R"({"title":"x"})"));
    EXPECT_TEXT(number_of(service), "0");
}

ON_BOTH_ENGINES(jobs, is_limited) {
    expect_is_limited(service, with_key("POST", "/jobs", R"({"title":"x"})"));
}

ON_BOTH_ENGINES(jobs, limits_lists) { expect_is_limited(service, with_key("GET", "/jobs")); }
