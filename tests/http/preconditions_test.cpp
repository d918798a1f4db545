// If-Match and If-None-Match (RFC 9110, section 13) on every resource with an ETag. The test finds
// them in the OpenAPI document, so it covers a new endpoint automatically.
#include "shared/json/reader.hpp"
#include "tests/support/stack/examples.hpp"
#include "tests/support/stack/stack.hpp"

namespace {

// One service per engine.
struct Tried {
    explicit Tried(Engine engine) : stack(engine), examples(stack) {}

    Stack stack;
    Examples examples;
};

// Returns whether a success of an operation has an ETag.
bool has_etag(const rapidjson::Value& operation) {
    for (const auto& [status, response] : operation["responses"].GetObject()) {
        const auto* const headers = json::find(response, "headers");
        if (json::text_of(status).starts_with('2') && headers && json::find(*headers, "ETag"))
            return true;
    }
    return false;
}

bool is_read(const std::string& method) { return method == "get" || method == "head"; }

Reply send(Tried& tried, Call call, const std::vector<std::string>& conditions) {
    call.headers.insert(call.headers.end(), conditions.begin(), conditions.end());
    return tried.examples.send(call);
}

// Tests an operation. `path` is filled in, and `read_path` is the path whose GET returns the ETag.
void try_operation(Tried& tried, const std::string& method, const std::string& path,
                   const std::string& read_path) {
    const auto read = tried.examples.call("get", read_path);
    const auto before = tried.examples.send(read);
    cr_assert_eq(before.status, 200, "%s: %s", read_path.c_str(), before.body.c_str());
    const auto etag = before.header("etag");
    cr_assert(etag.starts_with('"'), "%s: %s", read_path.c_str(), etag.c_str());

    auto call = tried.examples.call(method == "head" ? "get" : method, path);
    if (method == "head") call.method = "HEAD";
    const auto status = [&](const std::vector<std::string>& conditions) {
        return send(tried, call, conditions).status;
    };
    const auto expect = [&](const std::vector<std::string>& conditions, long expected) {
        const auto got = status(conditions);
        cr_expect(got == expected, "%s %s with %s: %ld instead of %ld", call.method.c_str(),
                  path.c_str(), conditions.back().c_str(), got, expected);
    };
    for (const std::string tags : {"\"0\"", "\"0\", W/\"1\"", "malformed"})
        expect({"If-Match: " + tags}, 412);
    expect({"If-Match: W/" + etag}, 412);
    const long when_known = is_read(method) ? 304 : 412;
    for (const auto& tags : {std::string{"*"}, etag, "W/" + etag, "\"0\", " + etag}) {
        expect({"If-Match: *", "If-None-Match: " + tags}, when_known);
        expect({"If-Match: " + etag, "If-None-Match: " + tags}, when_known);
    }
    expect({"If-Match: \"0\"", "If-None-Match: \"0\""}, 412);
    // The tag is still good, even if the resource has got another one meanwhile, as a list does.
    cr_expect_eq(send(tried, read, {"If-None-Match: " + etag}).status, 304);
    // A fulfilled condition lets the request through.
    const auto done = status({"If-Match: \"0\", " + etag, "If-None-Match: \"0\""});
    cr_expect(done / 100 == 2, "%s %s: %ld", call.method.c_str(), path.c_str(), done);
}

}  // namespace

ON_BOTH(preconditions, are_evaluated_wherever_there_is_an_etag, Tried, tried) {
    int count = 0;
    for (const auto& [path, operations] : tried.examples.contract().paths()) {
        const auto& item = *operations;
        // nginx answers these with a weak comparison of its own.
        if (path == "/openapi.json" || path.starts_with("/docs")) continue;
        const auto* const get = json::find(item, "get");
        for (const auto& [key, operation] : item.GetObject()) {
            const std::string method{json::text_of(key)};
            if (method == "post" || !(has_etag(operation) || (get && has_etag(*get)))) continue;
            cr_expect(operation["responses"].HasMember("412"), "%s", path.c_str());
            const auto filled = tried.examples.filled(path);
            // An operation without a GET of its own changes the resource above it.
            const auto read = get ? filled : filled.substr(0, filled.rfind('/'));
            try_operation(tried, method, filled, read);
            if (method == "get") try_operation(tried, "head", filled, read);
            ++count;
        }
    }
    cr_expect_geq(count, 28, "%d", count);
}

// A POST changes another resource than that of its path (RFC 9110, section 13.2.1).
ON_BOTH(preconditions, are_not_evaluated_for_a_post, Tried, tried) {
    for (const std::string path : {"/collab/tasks", "/api/tasks", "/jobs"})
        for (const auto* condition : {"If-Match: \"0\"", "If-None-Match: *"}) {
            const auto reply = send(tried, tried.examples.call("post", path), {condition});
            cr_expect(reply.status / 100 == 2, "%s %s: %ld", path.c_str(), condition, reply.status);
        }
}
