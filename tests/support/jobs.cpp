#include "tests/support/jobs.hpp"

#include <algorithm>

#include "shared/json/writer.hpp"
#include "shared/uuid.hpp"
#include "tests/support/literals.hpp"

namespace {

std::string seconds_from_now(Service& service, std::int64_t seconds) {
    return literal(service, {Timestamp::now().microseconds + seconds * 1'000'000});
}

std::string without_request_id(const Response& response) {
    std::string text{response.body()};
    const auto id = response.header("X-Request-ID");
    text.replace(text.find(id), id.size(), "");
    for (const auto& [name, value] : response.headers())
        if (name != "X-Request-ID") text.append("\n").append(name).append(": ").append(value);
    return std::to_string(response.status()) + " " + text;
}

void expect_is_refused(Service& service, Sent sent, const std::string& wanted) {
    const auto response = service.send(sent);
    expect_error(response, Error::invalid_api_key);
    EXPECT_TEXT(response.header("WWW-Authenticate"), "ApiKey");
    EXPECT_TEXT(response.header("RateLimit"), "");
    EXPECT_TEXT(without_request_id(response), wanted);
}

}  // namespace

std::string add_job(Service& service, const JobRow& row) {
    const auto id = Uuid::random().text();
    const bool is_running = row.status == "running";
    service.database().execute(
        "INSERT INTO jobs (id, title, payload, status, attempts, max_attempts, run_at, created_at, "
        "updated_at, worker, lease_id, lease_expires_at) VALUES (" +
        quoted(id) + ", " + quoted(row.title) + ", " + quoted(row.payload) + ", " +
        quoted(row.status) + ", " + std::to_string(row.attempts) + ", " +
        std::to_string(row.max_attempts) + ", " + seconds_from_now(service, row.run_in_s) + ", " +
        seconds_from_now(service, row.created_in_s) + ", " +
        seconds_from_now(service, row.created_in_s) + ", " +
        (is_running
             ? "'w', " + quoted(row.lease_id) + ", " + seconds_from_now(service, row.expires_in_s)
             : "NULL, NULL, NULL") +
        ")");
    return "/jobs/" + id;
}

std::string add_running_job(Service& service, JobRow row) {
    row.status = "running";
    row.attempts = std::max<std::int64_t>(row.attempts, 1);
    row.lease_id = a_lease;
    return add_job(service, row);
}

std::string job_cell(Service& service, const std::string& path, const std::string& column) {
    return service.database().execute("SELECT CAST(" + column +
                                      " AS text) FROM jobs WHERE id = " + quoted(path.substr(6)));
}

void expire_leases(Service& service) {
    service.database().execute("UPDATE jobs SET lease_expires_at = " +
                               seconds_from_now(service, -1) + " WHERE status = 'running'");
}

Sent with_key(std::string method, std::string target, std::string body) {
    return {.method = std::move(method),
            .target = std::move(target),
            .body = body,
            .content_type = body.empty() ? "" : "application/json",
            .api_key = api_key};
}

std::string lease_body(const std::string& more, const std::string& lease_id) {
    return R"({"lease_id":")" + lease_id + "\"" + more + "}";
}

std::string job_events(Service& service) {
    const std::string list = is_sqlite(service) ? "group_concat(type || ' ', '')"
                                                : "string_agg(type || ' ', '' ORDER BY id)";
    return service.database().execute(
        "SELECT " + list +
        " FROM (SELECT id, type FROM events WHERE audience = 'jobs' ORDER BY id) "
        "AS ordered");
}

void expect_job_event(Service& service, const std::string& type, const Response& response) {
    const auto body = json_of(response);
    std::string wanted;
    json::Writer writer{wanted};
    std::vector<std::string> names;
    for (const auto& [name, value] : body.GetObject()) names.emplace_back(json::text_of(name));
    std::sort(names.begin(), names.end());
    writer.begin_object();
    for (const auto& name : names) {
        if (name.starts_with("lease_")) continue;
        writer.key(name);
        writer.raw(json::canonical(body[name.c_str()]));
    }
    writer.end_object();
    const auto event = service.database().execute(
        "SELECT type || ' ' || audience || ' ' || subject || ' ' || CAST(data AS text) "
        "FROM events ORDER BY id DESC LIMIT 1");
    EXPECT_TEXT(event, type + " jobs /jobs/" + member(body, "id") + " " + wanted);
    EXPECT_TEXT(service.database().execute(
                    "SELECT count(*) FROM events WHERE CAST(data AS text) LIKE '%lease_%'"),
                "0");
}

void expect_needs_key(Service& service, const Sent& sent) {
    auto absent = sent;
    absent.api_key.clear();
    const auto refused = service.send(absent);
    expect_error(refused, Error::invalid_api_key);
    const auto wanted = without_request_id(refused);
    auto wrong = sent;
    for (const auto& key : {std::string{"a"}, std::string{api_key} + "x", std::string{api_key, 5},
                            std::string{api_key} + "," + other_api_key, std::string(5000, 'x')}) {
        wrong.api_key = key;
        expect_is_refused(service, wrong, wanted);
    }
    auto elsewhere = absent;
    elsewhere.target += std::string{"?X-API-Key="} + api_key + "&api_key=" + api_key;
    elsewhere.authorization = std::string{"Bearer "} + api_key;
    expect_is_refused(service, elsewhere, wanted);
    elsewhere.authorization = service.foreign_bearer("somebody");
    expect_is_refused(service, elsewhere, wanted);
    // DEMO_MODE does not replace an API key.
    service.config().demo_mode = true;
    expect_is_refused(service, absent, wanted);

    Service without_keys{service.served(), service.config().database_url.text};
    without_keys.config().api_keys.clear();
    expect_is_refused(without_keys, sent, wanted);
    expect_is_refused(without_keys, absent, wanted);
    EXPECT_TEXT(service.database().execute("SELECT count(*) FROM users"), "0");
}

void expect_is_limited(Service& service, const Sent& sent) {
    service.config().rate_limit = {3, std::chrono::hours{1}};
    for (const char* remaining : {"2", "1"}) {
        const auto response = service.send(sent);
        cr_expect_neq(response.status(), 429);
        EXPECT_TEXT(response.header("X-RateLimit-Limit"), "3");
        EXPECT_TEXT(response.header("X-RateLimit-Remaining"), remaining);
        EXPECT_TEXT(response.header("RateLimit-Policy"), R"("default";q=3;w=3600)");
        cr_expect(!response.header("RateLimit").empty());
        cr_expect(!response.header("X-RateLimit-Reset").empty());
    }
    auto bad = sent;
    bad.content_type = "text/plain";
    bad.target += "?unknown=1";
    bad.body = std::string(70'000, 'x');
    const auto refused = service.send(bad);
    expect_error(refused, Error::payload_too_large);
    EXPECT_TEXT(refused.header("X-RateLimit-Remaining"), "0");
    const auto limited = service.send(sent);
    expect_error(limited, Error::rate_limited);
    cr_expect_gt(std::stoi(std::string{limited.header("Retry-After")}), 1000);
    EXPECT_TEXT(limited.header("X-RateLimit-Remaining"), "0");
    // Each API key has a limit of its own. A wrong key is not counted.
    auto other = sent;
    other.api_key = other_api_key;
    cr_expect_neq(service.send(other).status(), 429);
    other.api_key = "wrong";
    expect_error(service.send(other), Error::invalid_api_key);
}

void expect_refuses_bad_bodies(Service& service, const std::string& target,
                               const std::string& good) {
    const auto post = [&](const std::string& body) {
        return service.send(with_key("POST", target, body));
    };
    std::string deep(5000, '[');
    for (const auto& body : {
             std::string{"{"},
             std::string{"[]"},
             std::string{"null"},
             std::string{"{}"},
             deep,
             good.substr(0, good.size() - 1) + R"(,"unknown":1})",
             good.substr(0, good.size() - 1) + R"(,"bad":"\ud800"})",
             good.substr(0, good.size() - 1) + ",\"bad\":\"\xff\"}",
             good.substr(0, good.size() - 1) + R"(,"bad":1e999})",
             good + good,
             "\xef\xbb\xbf" + good,
         })
        expect_error(post(body), Error::validation_error);
    expect_error(post(std::string(70'000, ' ')), Error::payload_too_large);
    auto text = with_key("POST", target, good);
    text.content_type = "text/plain";
    expect_error(service.send(text), Error::unsupported_media_type);
    auto nothing = with_key("POST", target);
    expect_error(service.send(nothing), Error::validation_error);
}

void expect_refuses_lost_leases(Service& service, const std::string& verb,
                                const std::string& more) {
    const auto refuse = [&](const std::string& path, const std::string& lease) {
        expect_error(service.send(with_key("POST", path + verb, lease_body(more, lease))),
                     Error::conflict);
    };
    const auto path = add_running_job(service);
    refuse(path, another_lease);
    for (const char* status : {"pending", "completed", "failed", "cancelled"})
        refuse(add_job(service, {.status = status}), a_lease);
    // An expired lease is lost even while no other worker has taken the job.
    expire_leases(service);
    const auto events = job_events(service);
    refuse(path, a_lease);
    service.database().execute("UPDATE jobs SET lease_id = '" + another_lease +
                               "' WHERE status = 'running'");
    refuse(path, a_lease);
    EXPECT_TEXT(job_cell(service, path, "status"), "running");
    EXPECT_TEXT(job_events(service), events + "job.leased ");
}

void expect_knows_its_jobs(Service& service, const std::string& verb, const std::string& body) {
    expect_error(service.send(with_key("POST", unknown_job + verb, body)), Error::not_found);
    expect_detail(service.send(with_key("POST", "/jobs/7" + verb, body)), "path.id",
                  "uuid_parsing");
    const auto get = service.send(with_key("GET", unknown_job + verb));
    expect_error(get, Error::method_not_allowed);
    EXPECT_TEXT(get.header("Allow"), "POST, OPTIONS");
}
