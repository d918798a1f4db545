// No user can see, change or notice another user's data. The test calls every operation with a user
// in its path with another user's token and another user's ids. It finds the operations in the
// OpenAPI document, which is generated from the declarations, so it covers a new endpoint
// automatically.
#include <rapidjson/document.h>

#include <map>
#include <memory>
#include <set>
#include <vector>

#include "shared/http/target.hpp"
#include "shared/json/reader.hpp"
#include "shared/text.hpp"
#include "tests/support/stack/examples.hpp"
#include "tests/support/stack/stack.hpp"

namespace {

// An operation with a user in its path, at one of its paths.
struct PersonalOperation {
    std::string method;
    std::string path;  // a template
    const rapidjson::Value* declared;
};

std::string replaced(std::string text, const std::string& from, const std::string& to) {
    if (const auto at = text.find(from); at != text.npos) text.replace(at, from.size(), to);
    return text;
}

// Returns "listTasks" for the operation "listTasksOfUser", which is the same one at another path.
std::string_view name_of(const rapidjson::Value& operation) {
    const auto id = json::text_of(operation["operationId"]);
    return id.substr(0, id.rfind("OfUser"));
}

// Returns the operations with {user_id} in their path, and the same ones without it ("/api/tasks").
std::vector<PersonalOperation> personal_operations(const Contract& contract) {
    std::vector<PersonalOperation> all;
    std::set<std::string_view> personal;
    for (const auto& [path, item] : contract.paths())
        for (const auto& [method, operation] : item->GetObject()) {
            all.push_back({std::string{json::text_of(method)}, path, &operation});
            if (all.back().path.find("{user_id}") != std::string::npos)
                personal.insert(name_of(operation));
        }
    std::erase_if(all, [&](const auto& one) { return !personal.contains(name_of(*one.declared)); });
    return all;
}

// Returns the queries to send to a list: none, one row per page, and each choice of each parameter.
std::vector<std::string> queries_of(const rapidjson::Value& operation) {
    std::vector<std::string> queries{"", "?limit=1"};
    for (const auto& parameter : operation["parameters"].GetArray()) {
        if (!parameter.HasMember("in") || json::text_of(parameter["in"]) != "query") continue;
        const auto* const choices = json::find(parameter["schema"], "enum");
        if (!choices) continue;
        for (const auto& choice : choices->GetArray())
            queries.push_back("?" + std::string{json::text_of(parameter["name"])} + "=" +
                              std::string{json::text_of(choice)} + "&limit=1");
    }
    return queries;
}

// Several users on one service.
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

    // The document's calls with a user's token. The first use gives the user a row and a task.
    Examples& examples(const std::string& user) {
        auto& own = examples_[user];
        if (!own) own = std::make_unique<Examples>(stack_, user);
        return *own;
    }

    // Returns every row of every table.
    std::string contents() const {
        std::string text;
        const auto tables = database_.execute(table_names());
        for (const auto table : split(tables, ' '))
            text += database_.execute(rows_of(std::string{table})) + "\n";
        return text;
    }

    // Returns the responses to every GET of a user, with body and ETag.
    std::string lists_of(const std::string& user) {
        std::string all;
        database_.wait_for_feed();  // lists have settled ETags then
        for (const auto& [method, path, declared] :
             personal_operations(examples(user).contract())) {
            if (method != "get") continue;
            for (const auto& query : queries_of(*declared)) {
                const auto reply = send(user, "GET", own_path(user, path) + query);
                cr_assert_eq(reply.status, 200, "%s: %s", path.c_str(), reply.body.c_str());
                all += path + query + " " + reply.header("etag") + " " + reply.body + "\n";
            }
        }
        return all;
    }

private:
    // Returns a path of the user's own resource. The first use creates the resource and something
    // in it.
    const std::string& own_path(const std::string& user, const std::string& path) {
        auto& own = own_paths_[user + " " + path];
        if (!own.empty()) return own;
        own = examples(user).filled(path);
        if (Contract::of("/api/v1").operation("POST", own))
            cr_assert_eq(examples(user).send(examples(user).call("post", own)).status, 201);
        return own;
    }

    // Selects the names of all tables, separated by spaces.
    const char* table_names() const {
        return engine_ == Engine::postgres
                   ? "SELECT string_agg(tablename, ' ' ORDER BY tablename) FROM pg_tables "
                     "WHERE schemaname = 'public'"
                   : "SELECT group_concat(name, ' ') FROM (SELECT name FROM sqlite_master "
                     "WHERE type = 'table' AND name NOT LIKE 'sqlite%' ORDER BY name)";
    }

    std::string rows_of(const std::string& table) const {
        if (engine_ == Engine::postgres)
            return "SELECT string_agg(line, ' ') FROM (SELECT t::text AS line FROM " + table +
                   " AS t ORDER BY 1) AS lines";
        const auto columns = database_.execute(
            "SELECT group_concat('quote(\"' || name || '\")', ' || ') FROM pragma_table_info('" +
            table + "')");
        return "SELECT group_concat(line, ' ') FROM (SELECT " + columns + " AS line FROM " + table +
               " ORDER BY 1)";
    }

    Engine engine_;
    TestDatabase database_;
    Stack stack_;
    Client client_;
    std::map<std::string, std::unique_ptr<Examples>> examples_;
    std::map<std::string, std::string> own_paths_;
};

// Fails the test unless the reply is exactly this error in an envelope and reveals nothing about
// any user.
void expect_refused(const Reply& reply, Error error, const std::string& what) {
    const auto& row = entry(error);
    cr_expect(reply.failure.empty() && reply.status == row.status, "%s: %ld instead of %d: %s%s",
              what.c_str(), reply.status, row.status, reply.body.c_str(), reply.failure.c_str());
    EXPECT_TEXT(reply.body, R"({"error":{"code":")" + std::string{row.code} + R"(","message":")" +
                                std::string{row.message} + R"(","request_id":")" +
                                reply.header("x-request-id") + R"("},"success":false})");
    EXPECT_TEXT(reply.header("etag"), "");
}

}  // namespace

// The service is started once per engine. The steps build on one another.
ON_BOTH(isolation, holds_for_every_operation, Neighbours, neighbours) {
    auto& alice = neighbours.examples("alice");
    neighbours.examples("mallory");
    neighbours.lists_of("mallory");  // creates what each path needs
    const auto alone = neighbours.lists_of("mallory");
    const auto operations = personal_operations(alice.contract());
    cr_expect_geq(operations.size(), 37u);
    for (const auto& [method, path, declared] : operations) {
        const auto at_alice = alice.filled(path);
        const auto call = alice.call(method, at_alice);
        const auto before = neighbours.contents();
        if (path.find("{user_id}") != path.npos)
            expect_refused(neighbours.send("mallory", call.method, at_alice, call.body),
                           Error::forbidden, call.method + " " + at_alice);
        if (path.find("{id}") != path.npos) {
            const auto mine = replaced(at_alice, "/alice/", "/mallory/");
            const auto refusal =
                path.starts_with("/api/tasks/{id}") ? Error::forbidden : Error::not_found;
            expect_refused(neighbours.send("mallory", call.method, mine, call.body), refusal,
                           call.method + " " + mine);
        }
        cr_expect(neighbours.contents() == before, "%s %s changed something", call.method.c_str(),
                  at_alice.c_str());
        // The same request succeeds for the owner, so nothing else was wrong with it.
        const auto own = alice.send(call);
        cr_expect(own.status < 300, "%s %s: %ld %s", call.method.c_str(), at_alice.c_str(),
                  own.status, own.body.c_str());
        EXPECT_TEXT(neighbours.lists_of("mallory"), alone);
    }
}

// Ids that are unusual in a path, that occur in other paths, or that have a meaning for a program
// that reads the path. A path cannot contain a slash or a dot segment as an id: such users reach
// what they own at the paths without one.
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
        const bool is_segment = is_path_segment(user);
        const auto id = json_member(made.body, "data.id");
        EXPECT_TEXT(made.header("location"),
                    (is_segment ? tasks_of(user) : "/api/tasks") + "/" + id);
        cr_expect_eq(neighbours.send(user, "GET", made.header("location")).status, 200);
        const auto conversation = neighbours.send(user, "POST", "/api/conversations", "{}");
        cr_assert_eq(conversation.status, 201, "%s", conversation.body.c_str());
        const auto place = conversation.header("location");
        cr_expect_eq(place.starts_with("/api/conversations/"), !is_segment, "%s", place.c_str());
        cr_expect_eq(
            neighbours.send(user, "POST", place + "/messages", R"({"role":"user","content":"x"})")
                .status,
            201);
        cr_expect_eq(neighbours.send(user, "GET", place).status, 200);
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
                if (path == tasks_of(named)) {
                    const long wanted = !is_path_segment(named) ? 404 : named == user ? 200 : 403;
                    cr_expect(reply.status == wanted, "%s at %s: %ld %s", user.c_str(),
                              path.c_str(), reply.status, reply.body.c_str());
                }
            }
}

// At the paths that only nginx defines, a path without a user must mean the token's user and nobody
// else.
ON_BOTH(isolation, holds_at_every_mount, Neighbours, neighbours) {
    neighbours.examples("alice");
    neighbours.examples("mallory");
    neighbours.lists_of("mallory");
    const auto mine = neighbours.send("mallory", "GET", "/api/v1/mallory/tasks");
    for (const char* path :
         {"/api/mallory/tasks", "/api/tasks", "/api/tasks?", "/api/v1/mallory/tasks/"}) {
        const auto reply = neighbours.send("mallory", "GET", path);
        EXPECT_TEXT(reply.body, mine.body);
        EXPECT_TEXT(reply.header("etag"), mine.header("etag"));
    }
    // This is the same path (RFC 3986, section 6.2.2.2).
    EXPECT_TEXT(neighbours.send("mallory", "GET", "/api/%74asks").body, mine.body);
    for (const char* path :
         {"/api/v1//tasks", "/api//tasks", "/api/v1//tasks/1", "/api/v1/%20/../tasks",
          "/api/v1/x/../tasks", "/api/v1/./tasks", "/api/v1/../tasks", "/api/v1/alice%2F/tasks",
          "/api/v1/%2F/tasks", "/api/v1/mallory/../alice/tasks",
          "/api/v1/mallory%2F..%2Falice/tasks", "/api/v1/mallory/tasks/../../alice/tasks",
          "/api/tasks/..", "/api/v1/alice%00/tasks", "/api/v1/mallory/tasks//",
          "/api/v1/mallory;/tasks;x"}) {
        const auto reply = neighbours.send("mallory", "GET", path);
        cr_expect(reply.status == 404 || reply.status == 400, "%s: %ld %s", path, reply.status,
                  reply.body.c_str());
    }
    // Only the path and the token determine the user.
    for (const char* query : {"?user_id=alice", "?user_id=alice&user=alice", "?path_user_id=alice"})
        EXPECT_TEXT(neighbours.send("mallory", "GET", std::string{"/api/tasks"} + query).body,
                    mine.body);
}
