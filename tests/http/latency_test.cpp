// One database round trip per request, counted on the wire and at any distance.
#include "tests/support/proxy.hpp"
#include "tests/support/stack/stack.hpp"

namespace {

constexpr const char* board = "/collab/state/tasks";

class Counted {
public:
    explicit Counted(const char* prepare)
        : proxy_(port_of(database_.url())),
          stack_(with_port(database_.url(), proxy_.port()), {{"DB_POOL_SIZE", "1"},
                                                             {"DB_PREPARE", prepare},
                                                             {"WORKERS_AUTH_LOGIN", "1"},
                                                             {"WORKERS_AUTH_SIGNIN", "1"},
                                                             {"WORKERS_AUTH_SIGNUP", "1"}}),
          authorization_(stack_.authorization()) {
        // After these requests every handler has connected and prepared its statements.
        for (int i = 0; i < 2; ++i) {
            for (const char* path : {"/health", "/healthz", board, "/events?types=task.*"})
                stack_.send({.path = path});
            for (const char* path : {"/api/auth/signin", "/api/auth/signup"})
                stack_.send(account(path, "warm@example.org"));
            std::string etag;
            const auto task = stack_.create_task("warm", &etag);
            stack_.send({.path = task});
            stack_.send(change(task, etag));
            stack_.send(with_token("DELETE", task));
        }
    }

    const Stack& stack() const { return stack_; }
    std::string execute(const std::string& sql) const { return database_.execute(sql); }

    Call with_token(const std::string& method, const std::string& path,
                    const std::string& body = "") const {
        return {.method = method,
                .path = path,
                .body = body,
                .headers = {authorization_, "If-Match: *"}};
    }

    static Call account(const std::string& path, const std::string& email) {
        return {.method = "POST",
                .path = path,
                .body = R"({"email":")" + email + R"(","password":"correct horse battery"})"};
    }

    Call change(const std::string& path, const std::string& etag) const {
        return {.method = "PATCH",
                .path = path,
                .body = R"({"title":"changed"})",
                .headers = {authorization_, "If-Match: " + etag}};
    }

    // Sends a request and expects this status after this many round trips.
    Reply expect(const Call& call, long status, int round_trips) {
        const int before = proxy_.round_trips();
        const int connections = proxy_.connections();
        auto reply = stack_.send(call);
        const int took = proxy_.round_trips() - before;
        cr_expect(reply.status == status, "%s %s: %ld %s", call.method.c_str(), call.path.c_str(),
                  reply.status, reply.body.c_str());
        cr_expect(took == round_trips, "%s %s took %d round trips", call.method.c_str(),
                  call.path.c_str(), took);
        cr_expect_eq(proxy_.connections(), connections, "another connection was opened");
        return reply;
    }

private:
    TestDatabase database_{Engine::postgres};
    Proxy proxy_;
    Stack stack_;
    std::string authorization_;
};

void expect_one_round_trip_each(const char* prepare) {
    Counted counted{prepare};
    for (const char* path : {"/healthz", "/health"}) counted.expect({.path = path}, 200, 1);
    const auto created = counted.expect(
        counted.with_token("POST", "/collab/tasks", R"({"title":"counted"})"), 200, 1);
    const auto task = created.header("location");

    counted.expect({.path = board}, 200, 1);  // changed since it was last read
    const auto unchanged = counted.expect({.path = board}, 200, 1);
    counted.expect({.path = board, .headers = {"If-None-Match: " + unchanged.header("etag")}}, 304,
                   1);
    counted.expect({.path = task}, 200, 1);
    counted.expect({.method = "HEAD", .path = task}, 200, 1);
    counted.expect({.path = task, .headers = {"If-None-Match: " + created.header("etag")}}, 304, 1);
    counted.expect(counted.change(task, created.header("etag")), 200, 1);
    counted.expect(counted.change(task, created.header("etag")), 412, 1);
    counted.expect(counted.with_token("DELETE", task), 204, 1);
    counted.expect(counted.with_token("DELETE", task), 404, 1);
    counted.expect({.path = task}, 404, 1);
    counted.expect({.path = "/events"}, 200, 1);
    // The second one reads the events that the filter accepts.
    counted.expect({.path = "/events?types=none"}, 200, 1);
    counted.expect({.path = "/events?types=task.*"}, 200, 2);
    counted.expect(Counted::account("/auth/login", "dev@example.org"), 200, 1);
    counted.expect(Counted::account("/api/auth/signup", "new@example.org"), 201, 1);
    counted.expect(Counted::account("/api/auth/signup", "new@example.org"), 409, 1);
    counted.expect(Counted::account("/api/auth/signin", "new@example.org"), 200, 1);
}

// Uses the whole personal API as a user would: calls send(call, status) for each operation.
template <class Send>
void use_everything(const std::string& user, const std::string& authorization, Send send) {
    const auto own = "/api/v1/" + user;
    const auto call = [&](const char* method, const std::string& path, const std::string& body = "",
                          const std::string& header = "X-Nothing: 1") {
        return Call{method, path, body, {authorization, header}};
    };
    const auto made = send(call("POST", own + "/tasks", R"({"title":"x"})"), 201);
    const auto task = made.header("location");
    const auto etag = made.header("etag");
    send(call("GET", own + "/tasks"), 200);
    const auto page = send(call("GET", own + "/tasks?sort=title&status=pending&limit=1"), 200);
    send(call("HEAD", own + "/tasks?sort=updated_at&order=asc&offset=1"), 200);
    send(call("GET", own + "/tasks?sort=title&status=pending&limit=1", "",
              "If-None-Match: " + page.header("etag")),
         304);
    send(call("GET", task), 200);
    send(call("GET", task, "", "If-None-Match: " + etag), 304);
    send(call("PATCH", task, R"({"completed":true})", "If-Match: " + etag), 200);
    send(call("PATCH", task, R"({"completed":true})", "If-Match: " + etag), 412);
    send(call("PUT", task, R"({"title":"y","description":"","completed":false})"), 200);
    send(call("PATCH", task + "/complete"), 200);
    send(call("PATCH", task + "/complete", R"({"completed":false})"), 200);
    send(call("PATCH", task + "/complete", "", "If-Match: " + etag), 412);
    send(call("DELETE", task, "", "If-Match: " + etag), 412);
    send(call("POST", own + "/tasks/batch",
              R"({"operations":[{"op":"create","title":"x"},{"op":"update","id":)" +
                  task.substr(task.rfind('/') + 1) + R"(,"title":"z"}]})"),
         200);
    send(call("DELETE", task), 204);
    send(call("GET", task), 404);

    const auto conversation = send(call("POST", own + "/conversations"), 201).header("location");
    send(call("GET", own + "/conversations"), 200);
    send(call("GET", own + "/conversations?sort=updated_at&limit=1"), 200);
    send(call("GET", conversation), 200);
    const auto messages = conversation + "/messages";
    send(call("POST", messages, R"({"role":"user","content":"x"})"), 201);
    send(call("GET", messages), 200);
    send(call("GET", messages + "?last=1"), 200);
    send(call("DELETE", conversation), 204);
    send(call("GET", messages), 404);
    send(call("POST", messages, R"({"role":"user","content":"x"})"), 404);
}

// The service does not know any of these users before their first request.
void expect_one_round_trip_for_strangers(Counted& counted) {
    static constexpr struct {
        const char* method;
        const char* path;
        const char* body;
        long status;
    } cases[] = {
        {"GET", "/tasks", "", 200},
        {"POST", "/tasks", R"({"title":"x"})", 201},
        {"POST", "/tasks/batch", R"({"operations":[{"op":"create","title":"x"}]})", 200},
        {"GET", "/tasks/999", "", 404},
        {"PUT", "/tasks/999", R"({"title":"y","description":"","completed":false})", 404},
        {"PATCH", "/tasks/999", R"({"title":"x"})", 404},
        {"DELETE", "/tasks/999", "", 404},
        {"PATCH", "/tasks/999/complete", "", 404},
        {"GET", "/conversations", "", 200},
        {"POST", "/conversations", "", 201},
        {"GET", "/conversations/999", "", 404},
        {"DELETE", "/conversations/999", "", 404},
        {"GET", "/conversations/999/messages", "", 404},
        {"POST", "/conversations/999/messages", R"({"role":"user","content":"x"})", 404},
    };
    int number = 0;
    for (const auto& [method, path, body, status] : cases) {
        const auto user = "stranger" + std::to_string(++number);
        counted.expect({.method = method,
                        .path = "/api/v1/" + user + path,
                        .body = body,
                        .headers = {counted.stack().authorization_of(user, user + "@example.org")}},
                       status, 1);
    }
    EXPECT_TEXT(counted.execute("SELECT count(email) FROM users WHERE id LIKE 'stranger%'"),
                std::to_string(number));
}

void expect_one_round_trip_for_each_user(const char* prepare) {
    Counted counted{prepare};
    const auto& stack = counted.stack();
    // The handlers connect and prepare their statements, including those for unknown users.
    for (const char* user : {"warm", "up"})
        use_everything(user, stack.authorization_of(user), [&](const Call& call, long status) {
            auto reply = stack.send(call);
            cr_expect_eq(reply.status, status, "%s %s: %s", call.method.c_str(), call.path.c_str(),
                         reply.body.c_str());
            return reply;
        });
    use_everything("somebody", stack.authorization_of("somebody"),
                   [&](const Call& call, long status) { return counted.expect(call, status, 1); });
    expect_one_round_trip_for_strangers(counted);
}

// Uses the whole jobs API as programs would: calls send(call, status) for each operation.
template <class Send>
void use_all_of_jobs(const std::string& idempotency_key, Send send) {
    const auto call = [&](const char* method, const std::string& path, const std::string& body = "",
                          const std::string& header = "X-Nothing: 1") {
        return Call{method, path, body, {std::string{"X-API-Key: "} + api_key, header}};
    };
    const auto key = "Idempotency-Key: " + idempotency_key;
    send(call("POST", "/jobs", R"({"title":"x"})", key), 200);
    send(call("POST", "/jobs", R"({"title":"x"})", key), 200);
    send(call("POST", "/jobs", R"({"title":"y"})", key), 422);
    for (const char* end : {"complete", "fail", "cancel"}) {
        send(call("POST", "/jobs", R"({"title":"x"})"), 200);
        const auto leased = send(call("POST", "/jobs/lease", R"({"worker":"w"})"), 200).body;
        const auto path = "/jobs/" + json_member(leased, "jobs.0.id");
        const auto lease = R"({"lease_id":")" + json_member(leased, "jobs.0.lease_id") + "\"";
        send(call("POST", path + "/heartbeat", lease + "}"), 200);
        const auto body = lease + (end == std::string{"fail"} ? R"(,"error":"x"})" : "}");
        send(call("POST", path + "/" + end, body), 200);
        send(call("POST", path + "/heartbeat", lease + "}"), 409);
        const auto etag = send(call("GET", path), 200).header("etag");
        send(call("GET", path, "", "If-None-Match: " + etag), 304);
    }
    send(call("GET", "/jobs?limit=1"), 200);
    send(call("GET", "/jobs?status=completed"), 200);
    send(call("GET", "/jobs/00112233-4455-6677-8899-aabbccddeeff"), 404);
}

void expect_one_round_trip_of_jobs(const char* prepare) {
    Counted counted{prepare};
    // The handlers connect.
    use_all_of_jobs("warm", [&](const Call& call, long status) {
        auto reply = counted.stack().send(call);
        cr_expect_eq(reply.status, status, "%s %s: %s", call.method.c_str(), call.path.c_str(),
                     reply.body.c_str());
        return reply;
    });
    use_all_of_jobs("counted",
                    [&](const Call& call, long status) { return counted.expect(call, status, 1); });
}

}  // namespace

Test(latency, each_request_about_jobs_takes_one_round_trip) {
    expect_one_round_trip_of_jobs("auto");
}

Test(latency, each_request_about_jobs_takes_one_round_trip_through_a_pooler) {
    expect_one_round_trip_of_jobs("off");
}

Test(latency, each_personal_request_takes_one_round_trip) {
    expect_one_round_trip_for_each_user("auto");
}

Test(latency, each_personal_request_takes_one_round_trip_through_a_pooler) {
    expect_one_round_trip_for_each_user("off");
}

Test(latency, each_request_takes_one_round_trip) { expect_one_round_trip_each("auto"); }

Test(latency, each_request_takes_one_round_trip_through_a_pooler) {
    expect_one_round_trip_each("off");
}

// On the wire the server's first results may pass the last of the operations, which the count would
// take for a second round trip, so these are short.
Test(latency, a_batch_of_a_thousand_operations_takes_one_round_trip) {
    Counted counted{"auto"};
    const auto batch = [&](const std::string& operations) {
        return counted.with_token("POST", "/api/tasks/batch",
                                  R"({"operations":[)" + operations + "]}");
    };
    const auto repeated = [](int first, int last, const std::string& before,
                             const std::string& after) {
        std::string operations;
        for (int id = first; id <= last; ++id)
            operations.append(operations.empty() ? "" : ",")
                .append(before)
                .append(std::to_string(id))
                .append(after);
        return operations;
    };
    const auto create = [&](int count) {
        return repeated(1, count, R"({"op":"create","title":")", "\"}");
    };
    const auto mixed = [&](int first) {
        return create(250) + "," +
               repeated(first, first + 249, R"({"op":"update","title":"x","id":)", "}") + "," +
               repeated(first, first + 249, R"({"op":"complete","id":)", "}") + "," +
               repeated(first, first + 249, R"({"op":"delete","id":)", "}");
    };
    for (int i = 0; i < 2; ++i) cr_assert_eq(counted.stack().send(batch(create(500))).status, 200);
    cr_assert_eq(counted.stack().send(batch(mixed(1))).status, 200);
    counted.expect(batch(mixed(251)), 200, 1);
    EXPECT_TEXT(counted.execute("SELECT count(*) FROM tasks"), "1000");
}

Test(latency, what_is_refused_takes_none) {
    Counted counted{"auto"};
    counted.expect({.path = "/"}, 200, 0);
    counted.expect({.path = "/livez"}, 200, 0);
    counted.expect({.method = "POST", .path = "/collab/tasks", .body = "{}"}, 401, 0);
    counted.expect(counted.with_token("POST", "/collab/tasks", "{}"), 422, 0);
    counted.expect({.path = "/collab/tasks/x"}, 422, 0);
    counted.expect({.method = "PUT", .path = board}, 405, 0);
    counted.expect({.method = "OPTIONS", .path = board}, 204, 0);
    counted.expect({.method = "POST", .path = "/auth/login", .body = "{}"}, 422, 0);
    counted.expect({.path = "/jobs"}, 401, 0);
    counted.expect({.method = "POST",
                    .path = "/jobs",
                    .body = "{}",
                    .headers = {std::string{"X-API-Key: "} + api_key}},
                   422, 0);
}
