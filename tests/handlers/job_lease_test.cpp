#include <libpq-fe.h>

#include <atomic>
#include <set>
#include <thread>

#include "sql/jobs.hpp"
#include "tests/support/jobs.hpp"

namespace {

Response lease(Service& service, const std::string& more = "") {
    return service.send(with_key("POST", "/jobs/lease", R"({"worker":"w")" + more + "}"));
}

std::vector<std::string> paths_of(const Response& response) {
    cr_assert_eq(response.status(), 200, "%s", shown(response.body()).c_str());
    const auto body = json_of(response);
    std::vector<std::string> paths;
    for (const auto& job : body["jobs"].GetArray()) paths.push_back("/jobs/" + member(job, "id"));
    return paths;
}

std::vector<std::string> leased(Service& service, const std::string& more = "") {
    return paths_of(lease(service, more));
}

using Paths = std::vector<std::string>;

}  // namespace

ON_BOTH_ENGINES(job_lease, takes_a_job) {
    const auto path = add_job(service, {.payload = R"({"a":1})"});
    const auto response = lease(service, R"(,"lease_seconds":100)");
    const auto body = json_of(response);
    cr_assert_eq(body["jobs"].Size(), 1);
    const auto& job = body["jobs"][0];
    EXPECT_TEXT("/jobs/" + member(job, "id"), path);
    EXPECT_TEXT(member(job, "status"), "running");
    EXPECT_TEXT(json::canonical(job["payload"]), R"({"a":1})");
    cr_expect_eq(job["attempts"].GetInt(), 1);
    cr_expect_eq(job["version"].GetInt(), 2);
    cr_expect(member(job, "updated_at") > member(job, "created_at"));
    const auto length = Timestamp::parse(member(job, "lease_expires_at"))->microseconds -
                        Timestamp::parse(member(job, "updated_at"))->microseconds;
    cr_expect_eq(length, 100'000'000);
    EXPECT_TEXT(member(job, "lease_id"), job_cell(service, path, "lease_id"));
    EXPECT_TEXT(job_cell(service, path, "worker"), "w");
    EXPECT_TEXT(job_events(service), "job.created job.leased ");
    EXPECT_TEXT(
        service.database().execute("SELECT count(*) FROM events WHERE CAST(data AS text) LIKE '%" +
                                   member(job, "lease_id") + "%'"),
        "0");
    EXPECT_TEXT(lease(service).body(), R"({"jobs":[]})");
    // Each lease has an id of its own.
    add_job(service);
    cr_expect(member(json_of(lease(service))["jobs"][0], "lease_id") != member(job, "lease_id"));
}

ON_BOTH_ENGINES(job_lease, takes_the_oldest_first) {
    const auto third = add_job(service, {.run_in_s = -10, .created_in_s = -50});
    const auto first = add_job(service, {.run_in_s = -30, .created_in_s = -40});
    const auto second = add_job(service, {.run_in_s = -20});
    const auto oldest = add_running_job(service, {.run_in_s = -90, .expires_in_s = -1});
    add_running_job(service, {.run_in_s = -90, .expires_in_s = 60});
    for (const char* status : {"completed", "failed", "cancelled"})
        add_job(service, {.status = status, .run_in_s = -90});
    const auto later = add_job(service, {.run_in_s = 60});
    const auto last = add_running_job(service, {.run_in_s = -5, .expires_in_s = -1});
    cr_assert(leased(service) == Paths{oldest});
    cr_assert(leased(service, R"(,"limit":2)") == Paths({first, second}));
    cr_assert(leased(service, R"(,"limit":100)") == Paths({third, last}));
    cr_assert(leased(service, R"(,"limit":100)").empty());
    EXPECT_TEXT(job_cell(service, later, "status"), "pending");
}

ON_BOTH_ENGINES(job_lease, takes_over_what_expired) {
    const auto path = add_job(service, {.max_attempts = 2});
    const auto first = lease(service);
    cr_assert(leased(service).empty());
    expire_leases(service);
    const auto second = lease(service);
    cr_assert(paths_of(second) == Paths{path});
    const auto before = json_of(first), after = json_of(second);
    cr_expect_eq(after["jobs"][0]["attempts"].GetInt(), 2);
    cr_expect(member(after["jobs"][0], "lease_id") != member(before["jobs"][0], "lease_id"));
    // The job has no attempts left.
    expire_leases(service);
    cr_assert(leased(service).empty());
    EXPECT_TEXT(job_cell(service, path, "status"), "failed");
    EXPECT_TEXT(job_cell(service, path, "error"), "lease expired");
    EXPECT_TEXT(job_cell(service, path, "attempts"), "2");
    EXPECT_TEXT(job_cell(service, path, "lease_id"), "");
    EXPECT_TEXT(
        job_events(service),
        "job.created job.leased job.updated job.updated job.leased job.updated job.failed ");
}

ON_BOTH_ENGINES(job_lease, finds_work_behind_jobs_without_attempts) {
    for (int i = 0; i < 5; ++i)
        add_running_job(service,
                        {.attempts = 3, .max_attempts = 3, .run_in_s = -90, .expires_in_s = -1});
    const auto path = add_job(service);
    cr_assert(leased(service) == Paths{path});
    EXPECT_TEXT(service.database().execute("SELECT count(*) FROM jobs WHERE status = 'failed'"),
                "5");
}

// Each worker has a process and connections of its own.
ON_BOTH_ENGINES(job_lease, gives_no_job_to_two_workers) {
    constexpr std::size_t job_count = 300;
    constexpr std::size_t worker_count = 8;
    std::set<std::string> wanted;
    for (std::size_t i = 0; i < job_count; ++i) wanted.insert(add_job(service));
    std::vector<Paths> taken(worker_count);
    std::vector<std::thread> workers;
    const auto url = service.config().database_url.text;
    std::atomic<std::size_t> total = 0;
    for (std::size_t i = 0; i < worker_count; ++i)
        workers.emplace_back([&, i] {
            Service own{endpoint(), url};
            own.config().db_deadline_ms = 60'000;
            while (total < job_count) {
                const auto paths = leased(own, i % 2 == 0 ? "" : R"(,"limit":7)");
                total += paths.size();
                taken[i].insert(taken[i].end(), paths.begin(), paths.end());
            }
        });
    for (auto& worker : workers) worker.join();
    std::set<std::string> got;
    std::size_t count = 0;
    for (const auto& paths : taken) {
        got.insert(paths.begin(), paths.end());
        count += paths.size();
    }
    cr_expect_eq(count, job_count);
    cr_expect(got == wanted);
    EXPECT_TEXT(service.database().execute("SELECT sum(attempts) FROM jobs"),
                std::to_string(job_count));
    EXPECT_TEXT(service.database().execute("SELECT count(*) FROM events WHERE type = 'job.leased'"),
                std::to_string(job_count));
}

// A lease whose transaction has already written an event skips jobs that were created later. In the
// feed, which is ordered by transaction, their job.leased would precede their job.created.
Test(job_lease, comes_behind_the_events_before_it) {
    Service service{endpoint(), Engine::postgres};
    const auto expired = add_running_job(service, {.expires_in_s = -1});
    const PgConnection worker{PQconnectdb(service.config().database_url.text.c_str())};
    const auto run = [&](const char* sql, const std::vector<const char*>& parameters) {
        const std::unique_ptr<PGresult, decltype(&PQclear)> result{
            PQexecParams(worker.get(), sql, static_cast<int>(parameters.size()), nullptr,
                         parameters.data(), nullptr, nullptr, 0),
            &PQclear};
        Paths ids;
        for (int i = 0; i < PQntuples(result.get()); ++i)
            ids.push_back(std::string{"/jobs/"} + PQgetvalue(result.get(), i, 0));
        EXPECT_TEXT(PQresultErrorMessage(result.get()), "");
        return ids;
    };
    run("BEGIN", {});
    run(sql::release_expired_jobs.postgres, {"9"});
    const auto later = add_job(service);
    cr_expect(run(sql::lease_jobs.postgres, {"9", "w", a_lease.c_str(), "30"}) == Paths{expired});
    run("COMMIT", {});
    cr_expect(leased(service, R"(,"limit":9)") == Paths{later});
    EXPECT_TEXT(service.database().execute(
                    "SELECT string_agg(type, ' ' ORDER BY transaction_id, id) FROM events "
                    "WHERE subject = '" +
                    later + "'"),
                "job.created job.leased");
}

ON_BOTH_ENGINES(job_lease, refuses_what_is_not_valid) {
    static constexpr struct {
        const char* body;
        const char* where;
        const char* type;
    } cases[] = {
        {R"({})", "body.worker", "missing"},
        {R"({"worker":" "})", "body.worker", "string_too_short"},
        {R"({"worker":7})", "body.worker", "string_type"},
        {R"({"worker":"w","limit":0})", "body.limit", "greater_than_equal"},
        {R"({"worker":"w","limit":101})", "body.limit", "less_than_equal"},
        {R"({"worker":"w","limit":1e3})", "body.limit", "less_than_equal"},
        {R"({"worker":"w","limit":1.5})", "body.limit", "int_type"},
        {R"({"worker":"w","lease_seconds":0})", "body.lease_seconds", "greater_than_equal"},
        {R"({"worker":"w","lease_seconds":3601})", "body.lease_seconds", "less_than_equal"},
        {R"({"worker":"w","lease_seconds":"1"})", "body.lease_seconds", "int_type"},
    };
    add_job(service);
    for (const auto& [body, where, type] : cases)
        expect_detail(service.send(with_key("POST", "/jobs/lease", body)), where, type);
    expect_detail(lease(service, R"(,"worker":"w")"), "body.worker", "value_error");
    expect_refuses_bad_bodies(service, "/jobs/lease", R"({"worker":"w"})");
    EXPECT_TEXT(job_events(service), "job.created ");
    expect_error(service.send(with_key("GET", "/jobs/lease")), Error::method_not_allowed);
}

ON_BOTH_ENGINES(job_lease, needs_an_api_key) {
    expect_needs_key(service, with_key("POST", "/jobs/lease", R"({"worker":"w"})"));
}

ON_BOTH_ENGINES(job_lease, is_limited) {
    expect_is_limited(service, with_key("POST", "/jobs/lease", R"({"worker":"w"})"));
}
