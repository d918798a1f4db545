// One round trip to the database per request, counted on the wire, however far away it is.
#include "tests/support/proxy.hpp"
#include "tests/support/stack.hpp"

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
        // Every handler has opened its connection and prepared its statements after this.
        for (int i = 0; i < 2; ++i) {
            for (const char* path : {"/health", "/healthz", board}) stack_.send({.path = path});
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

    // Sends a request, and expects this status after so many round trips.
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
    counted.expect(Counted::account("/auth/login", "dev@example.org"), 200, 1);
    counted.expect(Counted::account("/api/auth/signup", "new@example.org"), 201, 1);
    counted.expect(Counted::account("/api/auth/signup", "new@example.org"), 409, 1);
    counted.expect(Counted::account("/api/auth/signin", "new@example.org"), 200, 1);
}

}  // namespace

Test(latency, each_request_takes_one_round_trip) { expect_one_round_trip_each("auto"); }

Test(latency, each_request_takes_one_round_trip_through_a_pooler) {
    expect_one_round_trip_each("off");
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
}
