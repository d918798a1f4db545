// Nobody sees, changes or notices what belongs to somebody else: every operation that has a user in
// its path, with another user's token and another user's ids.
#include <rapidjson/document.h>

#include <algorithm>
#include <filesystem>
#include <set>

#include "shared/json/reader.hpp"
#include "shared/text.hpp"
#include "tests/support/stack/stack.hpp"

namespace {

// Each operation that has {user_id} in its path, with a body that would succeed. An endpoint that
// is not here fails the tests.
struct Covered {
    const char* path;
    const char* method;
    const char* body;
};
constexpr Covered covered[] = {
    {"/api/v1/{user_id}/tasks", "GET", ""},
    {"/api/v1/{user_id}/tasks", "POST", R"({"title":"intruder"})"},
    {"/api/v1/{user_id}/tasks/{id}", "GET", ""},
    {"/api/v1/{user_id}/tasks/{id}", "PUT",
     R"({"title":"intruder","description":"","completed":true})"},
    {"/api/v1/{user_id}/tasks/{id}", "PATCH", R"({"title":"intruder"})"},
    {"/api/v1/{user_id}/tasks/{id}", "DELETE", ""},
    {"/api/v1/{user_id}/tasks/{id}/complete", "PATCH", ""},
    {"/api/v1/{user_id}/conversations", "GET", ""},
    {"/api/v1/{user_id}/conversations", "POST", ""},
    {"/api/v1/{user_id}/conversations/{id}", "GET", ""},
    {"/api/v1/{user_id}/conversations/{id}", "DELETE", ""},
    {"/api/v1/{user_id}/conversations/{id}/messages", "GET", ""},
    {"/api/v1/{user_id}/conversations/{id}/messages", "POST",
     R"({"role":"user","content":"intruder"})"},
};

// Lists, with what each must answer only of the caller's own.
constexpr const char* lists[] = {
    "/tasks?limit=1",
    "/tasks?sort=title&order=asc&status=pending&limit=1",
    "/tasks?sort=updated_at&limit=1&offset=1",
    "/tasks",
    "/conversations?limit=1",
    "/conversations?sort=updated_at&order=asc",
};

struct Personal {
    std::string path;
    std::vector<std::string> mounts;  // `path` and where else nginx offers it
    std::vector<std::string> methods;
};

// Every handler with a user in its path, as its own executable describes it.
std::vector<Personal> personal_endpoints() {
    std::vector<Personal> found;
    for (const auto& name : all_handlers()) {
        const auto described =
            run_command({built("handlers/" + name), "--describe"}, base_variables());
        cr_assert_eq(described.status, 0, "%s: %s", name.c_str(), described.errors.c_str());
        const auto document = json::parse(described.output);
        Personal endpoint{std::string{json::text_of(document["path"])}, {}, {}};
        if (endpoint.path.find("{user_id}") == std::string::npos) continue;
        endpoint.mounts.push_back(endpoint.path);
        for (const auto& other : document["also_at"].GetArray())
            endpoint.mounts.emplace_back(json::text_of(other));
        for (const auto& operation : document["operations"].GetArray()) {
            EXPECT_TEXT(json::text_of(operation["auth"]), "owner");
            endpoint.methods.emplace_back(json::text_of(operation["method"]));
        }
        found.push_back(std::move(endpoint));
    }
    return found;
}

std::string replaced(std::string text, const std::string& from, const std::string& to) {
    if (const auto at = text.find(from); at != text.npos) text.replace(at, from.size(), to);
    return text;
}

// Two users with two of everything each, on one service.
class Neighbours {
public:
    explicit Neighbours(Engine engine)
        : engine_(engine), database_(engine), stack_(database_.url()), client_(stack_.port()) {}

    Reply send(const std::string& user, const std::string& method, const std::string& path,
               const std::string& body = "") {
        return client_.send({.method = method,
                             .path = path,
                             .body = body,
                             .headers = {stack_.authorization_of(user)}});
    }

    // The id of what a POST has made.
    std::string create(const std::string& user, const std::string& path,
                       const std::string& body = "") {
        const auto reply = send(user, "POST", "/api/v1/" + user + path, body);
        cr_assert_eq(reply.status, 201, "%s: %s", path.c_str(), reply.body.c_str());
        return json_member(reply.body, "data.id");
    }

    // Two tasks, and a conversation of two messages; the last ids of each.
    void furnish(const std::string& user) {
        for (const char* title : {"first", "second"})
            task_[user] = create(user, "/tasks", R"({"title":"of )" + user + " " + title + R"("})");
        conversation_[user] = create(user, "/conversations");
        for (const char* content : {"first", "second"})
            create(user, "/conversations/" + conversation_[user] + "/messages",
                   R"({"role":"user","content":"of )" + user + " " + content + R"("})");
    }

    // A path with the id of a user's own task or conversation in the place of {id}.
    std::string with_id_of(const std::string& user, const std::string& path) {
        const bool is_task = path.find("/tasks/") != path.npos;
        return replaced(path, "{id}", is_task ? task_[user] : conversation_[user]);
    }

    // All rows of a user, and all events about them.
    std::string rows_of(const std::string& user) const {
        static constexpr struct {
            const char* row;
            const char* from;
        } tables[] = {
            {"id || coalesce(email, '') || created_at", "users WHERE id = '"},
            {"id || '|' || title || description || completed || created_at || updated_at",
             "tasks WHERE user_id = '"},
            {"id || '|' || created_at || updated_at", "conversations WHERE user_id = '"},
            {"id || '|' || conversation_id || role || content || created_at",
             "messages WHERE user_id = '"},
            {"id || '|' || type || subject || CAST(data AS text)",
             "events WHERE audience = 'user:"},
        };
        const std::string together = engine_ == Engine::postgres ? "string_agg" : "group_concat";
        std::string rows;
        for (const auto& [row, from] : tables)
            rows += database_.execute("SELECT " + together + "(line, ' ') FROM (SELECT " + row +
                                      " AS line FROM " + from + user + "' ORDER BY id) AS lines") +
                    "\n";
        return rows;
    }

    // What every list answers to a user, body and ETag.
    std::string lists_of(const std::string& user) {
        std::string all;
        auto paths = std::vector<std::string>(std::begin(lists), std::end(lists));
        for (const char* query : {"?limit=1", "?last=1", ""})
            paths.push_back("/conversations/" + conversation_[user] + "/messages" + query);
        for (const auto& path : paths) {
            const auto reply = send(user, "GET", "/api/v1/" + user + path);
            cr_assert_eq(reply.status, 200, "%s: %s", path.c_str(), reply.body.c_str());
            all += path + " " + reply.header("etag") + " " + reply.body + "\n";
        }
        return all;
    }

private:
    Engine engine_;
    TestDatabase database_;
    Stack stack_;
    Client client_;
    std::map<std::string, std::string> task_;
    std::map<std::string, std::string> conversation_;
};

}  // namespace

// Fails the test unless the reply is this error, whole, in the shape of the surface /api, and says
// nothing of anybody.
static void expect_refused(const Reply& reply, Error error, const std::string& what) {
    const auto& row = entry(error);
    cr_expect(reply.failure.empty() && reply.status == row.status, "%s: %ld instead of %d: %s%s",
              what.c_str(), reply.status, row.status, reply.body.c_str(), reply.failure.c_str());
    EXPECT_TEXT(reply.body, R"({"error":{"code":")" + std::string{row.code} + R"(","message":")" +
                                std::string{row.message} + R"(","request_id":")" +
                                reply.header("x-request-id") + R"("},"success":false})");
    EXPECT_TEXT(reply.header("etag"), "");
}

Test(isolation, covers_every_endpoint_with_a_user) {
    std::set<std::string> declared;
    for (const auto& endpoint : personal_endpoints())
        for (const auto& method : endpoint.methods) declared.insert(method + " " + endpoint.path);
    std::set<std::string> tested;
    for (const auto& [path, method, body] : covered)
        tested.insert(std::string{method} + " " + path);
    for (const auto& operation : declared)
        cr_expect(tested.contains(operation), "nothing tests %s", operation.c_str());
    for (const auto& operation : tested)
        cr_expect(declared.contains(operation), "nobody serves %s", operation.c_str());
}

// One start of the service for each engine: the steps build on one another.
ON_BOTH(isolation, holds_for_every_operation, Neighbours, neighbours) {
    neighbours.furnish("mallory");
    const auto alone = neighbours.lists_of("mallory");
    neighbours.furnish("alice");
    EXPECT_TEXT(neighbours.lists_of("mallory"), alone);
    const auto rows = neighbours.rows_of("alice");
    cr_assert(rows.find("of alice second") != rows.npos, "%s", rows.c_str());

    for (const auto& endpoint : personal_endpoints())
        for (const auto& [path, method, body] : covered) {
            if (endpoint.path != path) continue;
            for (const auto& mount : endpoint.mounts) {
                const auto theirs =
                    replaced(neighbours.with_id_of("alice", mount), "{user_id}", "alice");
                if (theirs.find("alice") != theirs.npos)
                    expect_refused(neighbours.send("mallory", method, theirs, body),
                                   Error::forbidden, method + (" " + theirs));
                if (mount.find("{id}") == mount.npos) continue;
                const auto mine =
                    replaced(neighbours.with_id_of("alice", mount), "{user_id}", "mallory");
                expect_refused(neighbours.send("mallory", method, mine, body), Error::not_found,
                               method + (" " + mine));
            }
        }
    EXPECT_TEXT(neighbours.rows_of("alice"), rows);

    // The same requests succeed for their owner: nothing above was refused for another reason.
    for (const auto& [path, method, body] : covered) {
        const auto own = replaced(neighbours.with_id_of("alice", path), "{user_id}", "alice");
        if (std::string_view{method} != "DELETE")
            cr_expect(neighbours.send("alice", method, own, body).status < 300, "%s %s", method,
                      own.c_str());
    }
    EXPECT_TEXT(neighbours.lists_of("mallory"), alone);
}

// Ids that are no good in a path, that other paths are made of, or that mean something to whoever
// reads the path. A slash or a dot segment cannot be written into a path at all: such users have
// their tasks at /api/tasks alone.
ON_BOTH(isolation, holds_for_every_user_id, Neighbours, neighbours) {
    const std::string users[] = {"a b",
                                 "a",
                                 "A",
                                 "b",
                                 "\xc3\xa9",
                                 "e\xcc\x81",
                                 "a/b",
                                 "a%2Fb",
                                 "a%252Fb",
                                 "..",
                                 ".",
                                 "../b",
                                 "tasks",
                                 "v1",
                                 "conversations",
                                 "{user_id}",
                                 "a?b=1",
                                 "a#b",
                                 "a'; --",
                                 "$path_user_id",
                                 "a\\b",
                                 std::string(255, 'x'),
                                 std::string(254, 'x')};
    const auto tasks_of = [](const std::string& user) {
        return "/api/v1/" + percent_encode(user) + "/tasks";
    };
    std::map<std::string, std::string> own;
    for (const auto& user : users) {
        const auto made = neighbours.send(user, "POST", "/api/tasks", R"({"title":"mine"})");
        cr_assert_eq(made.status, 201, "%s: %s", user.c_str(), made.body.c_str());
        EXPECT_TEXT(json_member(made.body, "data.user_id"), user);
        EXPECT_TEXT(made.header("location"),
                    tasks_of(user) + "/" + json_member(made.body, "data.id"));
        const auto list = neighbours.send(user, "GET", "/api/tasks");
        EXPECT_TEXT(json_member(list.body, "pagination.total"), "1");
        own[user] = list.body;
    }
    for (const auto& user : users)
        for (const auto& named : users)
            for (const auto& path : {tasks_of(named), "/api/" + percent_encode(named) + "/tasks",
                                     "/api/v1/" + named + "/tasks", "/api/" + named + "/tasks"}) {
                if (path.find_first_of(" #?") != path.npos) continue;
                const auto reply = neighbours.send(user, "GET", path);
                cr_expect(reply.status != 200 || reply.body == own[user], "%s at %s: %ld %s",
                          user.c_str(), path.c_str(), reply.status, reply.body.c_str());
                const bool is_no_segment =
                    named.find('/') != named.npos || named == "." || named == "..";
                if (path == tasks_of(named)) {
                    const long wanted = is_no_segment ? 404 : named == user ? 200 : 403;
                    cr_expect(reply.status == wanted, "%s at %s: %ld %s", user.c_str(),
                              path.c_str(), reply.status, reply.body.c_str());
                }
            }
}

// Where nginx alone offers the tasks: what a path without a user means, and what it cannot mean.
ON_BOTH(isolation, holds_at_every_mount, Neighbours, neighbours) {
    neighbours.furnish("alice");
    neighbours.furnish("mallory");
    const auto mine = neighbours.send("mallory", "GET", "/api/v1/mallory/tasks");
    for (const char* path : {"/api/mallory/tasks", "/api/tasks", "/api/tasks?"}) {
        const auto reply = neighbours.send("mallory", "GET", path);
        EXPECT_TEXT(reply.body, mine.body);
        EXPECT_TEXT(reply.header("etag"), mine.header("etag"));
    }
    // The empty user is nginx's to write: no client gets it past the routes.
    for (const char* path :
         {"/api/v1//tasks", "/api//tasks", "/api/v1//tasks/1", "/api/v1/%20/../tasks",
          "/api/v1/x/../tasks", "/api/v1/./tasks", "/api/v1/../tasks", "/api/v1/alice%2F/tasks",
          "/api/v1/%2F/tasks", "/api/v1/mallory/../alice/tasks",
          "/api/v1/mallory%2F..%2Falice/tasks", "/api/v1/mallory/tasks/../../alice/tasks",
          "/api/tasks/..", "/api/%74asks", "/api/v1/alice%00/tasks", "/api/v1/mallory/tasks/",
          "/api/v1/mallory;/tasks;x"}) {
        const auto reply = neighbours.send("mallory", "GET", path);
        cr_expect(reply.status == 404 || reply.status == 400, "%s: %ld %s", path, reply.status,
                  reply.body.c_str());
    }
    // A user is taken from the path and the token, and from nothing else.
    for (const char* query : {"?user_id=alice", "?user_id=alice&user=alice", "?path_user_id=alice"})
        EXPECT_TEXT(neighbours.send("mallory", "GET", std::string{"/api/tasks"} + query).body,
                    mine.body);
}
