#include "shared/models/task.hpp"
#include "tests/support/literals.hpp"
#include "tests/support/personal.hpp"

namespace {

const std::string path = my_tasks + "/1";
constexpr const char* replacement = R"({"title":"new","description":"d","completed":true})";

Response get(Service& service, const std::string& target = path) {
    return service.send(service.with_token("GET", target));
}

std::string etag_of(Service& service) { return std::string{get(service).etag()}; }

Sent with_match(Sent sent, const std::string& if_match) {
    sent.if_match = if_match;
    return sent;
}

std::string title_of(Service& service) {
    return service.database().execute("SELECT title FROM tasks WHERE id = 1");
}

// A PUT, a PATCH and a DELETE that would succeed.
std::vector<Sent> writes(Service& service, const std::string& target = path) {
    return {service.with_token("PUT", target, replacement),
            service.with_token("PATCH", target, R"({"title":"new"})"),
            service.with_token("DELETE", target)};
}

constexpr const char* no_ids[] = {"0",
                                  "-1",
                                  "-9223372036854775808",
                                  "9223372036854775808",
                                  "99999999999999999999",
                                  "1.0",
                                  "1e0",
                                  "0x1",
                                  "%2B1",
                                  "+1",
                                  "1%20",
                                  "%201",
                                  "%D9%A1",
                                  "%EF%BC%91",
                                  "one",
                                  "1;DROP",
                                  "null",
                                  "0b8f1a52-6c1c-4f0e-9f57-3f2a44c0ffee"};

// Texts that are special in JSON, SQL or UTF-8.
constexpr const char* nasty_texts[] = {
    R"("quoted" 'single' \back\slash /slash/)",
    "control \x01\x02\b\t\n\x0b\f\r\x1f\x7f end",
    "x\xe2\x80\xa8line\xe2\x80\xa9paragraph x",
    "\xf0\x9f\x98\x80\xf0\x9f\x91\xa9\xe2\x80\x8d\xf0\x9f\x92\xbb",
    "e\xcc\x81 \xc3\xa9 \xc2\x80\xc2\x9f x",
    "\xf4\x8f\xbf\xbf\xef\xbf\xbf\xef\xbf\xbe\xed\x9f\xbf\xee\x80\x80",
    "<script>&amp;</script> \\u0041 %00",
};

// Tags and due dates whose JSON both SQL and C++ must write alike.
constexpr const char* nasty_due_dates[] = {
    "0001-01-01T00:00:00Z",        "9999-12-31T23:59:59.999999Z", "1969-12-31T23:59:59.999999Z",
    "1969-12-31T23:59:59.000001Z", "1970-01-01T00:00:00Z",        "1900-02-28T23:59:59.5Z",
    "2026-01-08T12:34:56.123456Z", "2026-01-08T12:34:56.1Z",      "2000-02-29T00:00:00.000010Z"};

// The row's folded texts must be those of a task with these texts, which a search then finds.
void expect_folded(Service& service, const std::string& title, const std::string& description,
                   const std::vector<std::string>& tags) {
    NewTask task;
    task.title = title;
    task.description = description;
    task.tags = tags;
    const auto texts = folded_texts(task);
    EXPECT_TEXT(service.database().execute(
                    "SELECT folded_title || '|' || folded_text FROM tasks WHERE id = 1"),
                *texts.folded_title + "|" + *texts.folded_title + "\x1e" +
                    *texts.folded_description + "\x1e" + *texts.folded_tags);
}

std::string folds(Service& service) {
    return service.database().execute("SELECT folds FROM tasks WHERE id = 1");
}

TaskRow full_row() {
    return {.due_date = a_moment, .priority = Priority::high, .tags = {"Home", "Stra\u00dfe"}};
}

// "due date priority tags" of a response.
std::string new_members(const Response& response) {
    const auto body = json_of(response);
    const auto& data = body["data"];
    return member(data, "due_date") + " " + member(data, "priority") + " " +
           json::canonical(data["tags"]);
}

}  // namespace

// --- GET

ON_BOTH_ENGINES(task, is_shown_to_its_owner) {
    add_task(service);
    const auto response = get(service);
    cr_assert_eq(response.status(), 200, "%s", shown(response.body()).c_str());
    const auto task = json::parse(data_of(response));
    EXPECT_TEXT(member(task, "title"), "Buy milk");
    EXPECT_TEXT(member(task, "description"), "two litres");
    EXPECT_TEXT(member(task, "user_id"), me);
    EXPECT_TEXT(member(task, "created_at"), "2026-01-08T12:34:56.123456Z");
    EXPECT_TEXT(member(task, "updated_at"), "2026-01-08T12:34:56.123456Z");
    cr_expect(task["id"].GetInt64() == 1 && task["completed"].IsFalse());
    EXPECT_TEXT(last_event(service), "task.created user:" + me + " /tasks/1 " + data_of(response));
    EXPECT_TEXT(response.header("Cache-Control"), "no-store, no-transform");
    cr_expect_eq(response.etag().size(), 66u);
}

ON_BOTH_ENGINES(task, is_not_modified_while_the_etag_matches) {
    add_task(service);
    const auto etag = etag_of(service);
    auto sent = service.with_token("GET", path);
    for (const auto& header : {etag, "W/" + etag, "\"x\", " + etag, std::string{"*"}}) {
        sent.if_none_match = header;
        const auto response = service.send(sent);
        cr_expect_eq(response.status(), 304, "%s", header.c_str());
        EXPECT_TEXT(response.body(), "");
        EXPECT_TEXT(response.etag(), etag);
    }
    for (const char* header : {"\"x\"", "x", "\"", "W/x"}) {
        sent.if_none_match = header;
        cr_expect_eq(service.send(sent).status(), 200, "%s", header);
    }
    sent.method = "HEAD";
    sent.if_none_match = etag;
    cr_expect_eq(service.send(sent).status(), 304);
}

ON_BOTH_ENGINES(task, is_not_found_where_there_is_none) {
    for (const char* id : {"1", "9223372036854775807"}) {
        const auto target = my_tasks + "/" + id;
        expect_error(get(service, target), Error::not_found);
        for (const auto& write : writes(service, target))
            expect_error(service.send(write), Error::not_found);
    }
}

ON_BOTH_ENGINES(task, of_another_is_not_found) {
    const auto id = add_task(service, {.user_id = other});
    const auto target = my_tasks + "/" + std::to_string(id);
    expect_error(get(service, target), Error::not_found);
    for (const auto& write : writes(service, target)) {
        expect_error(service.send(write), Error::not_found);
        expect_error(service.send(with_match(write, "*")), Error::not_found);
    }
    EXPECT_TEXT(title_of(service), "Buy milk");
}

// A path that names only the task, as long as there is one.
ON_BOTH_ENGINES(task, of_another_is_forbidden_at_a_path_without_a_user) {
    const auto id = add_task(service, {.user_id = other});
    const auto target = "/api/tasks/" + std::to_string(id);
    expect_error(get(service, target), Error::forbidden);
    for (const auto& write : writes(service, target)) {
        expect_error(service.send(write), Error::forbidden);
        expect_error(service.send(with_match(write, "*")), Error::forbidden);
    }
    expect_error(get(service, "/api/tasks/7777"), Error::not_found);
    for (const auto& write : writes(service, "/api/tasks/7777"))
        expect_error(service.send(write), Error::not_found);
    const auto named = "/api/" + me + "/tasks/" + std::to_string(id);
    expect_error(get(service, named), Error::not_found);
    EXPECT_TEXT(title_of(service), "Buy milk");

    const auto own = add_task(service);
    cr_expect_eq(get(service, "/api/tasks/" + std::to_string(own)).status(), 200);
}

// The ETag of another user's task does not help.
ON_BOTH_ENGINES(task, of_another_is_not_found_with_its_etag) {
    add_task(service, {.user_id = other});
    auto sent = service.with_token("GET", "/api/v1/other/tasks/1");
    sent.authorization = service.bearer(other);
    const std::string etag{service.send(sent).etag()};
    cr_assert_eq(etag.size(), 66u);
    for (const auto& write : writes(service))
        expect_error(service.send(with_match(write, etag)), Error::not_found);
    sent = service.with_token("GET", path);
    sent.if_none_match = etag;
    expect_error(service.send(sent), Error::not_found);
    EXPECT_TEXT(title_of(service), "Buy milk");
}

ON_BOTH_ENGINES(task, needs_a_positive_id) {
    add_task(service);
    for (const std::string id : no_ids) {
        const auto response = get(service, my_tasks + "/" + id);
        expect_error(response, Error::validation_error);
        cr_expect(response.body().find(R"("loc":["path","id"])") != std::string::npos, "%s",
                  id.c_str());
        for (const auto& write : writes(service, my_tasks + "/" + id))
            expect_error(service.send(write), Error::validation_error);
    }
    EXPECT_TEXT(title_of(service), "Buy milk");
}

ON_BOTH_ENGINES(task, is_its_owners_alone) {
    add_task(service);
    auto all = writes(service);
    all.push_back(service.with_token("GET", path));
    for (auto sent : all) {
        expect_owner_only(service, sent);
        sent.authorization = service.bearer(other);
        sent.target = "/api/v1/other/tasks/1";
        expect_error(service.send(sent), Error::not_found);
    }
    EXPECT_TEXT(title_of(service), "Buy milk");
}

Test(task, lists_its_methods) {
    Service service{endpoint(), Engine::sqlite};
    const auto response = service.send(service.with_token("POST", path, "{}"));
    expect_error(response, Error::method_not_allowed);
    EXPECT_TEXT(response.header("Allow"), "GET, HEAD, PUT, PATCH, DELETE, OPTIONS");
}

// --- PUT

ON_BOTH_ENGINES(task, put_replaces_everything) {
    add_task(service);
    const auto response = service.send(service.with_token("PUT", path, replacement));
    cr_assert_eq(response.status(), 200, "%s", shown(response.body()).c_str());
    const auto body = json_of(response);
    const auto& data = body["data"];
    EXPECT_TEXT(member(data, "title"), "new");
    EXPECT_TEXT(member(data, "description"), "d");
    EXPECT_TEXT(member(data, "created_at"), "2026-01-08T12:34:56.123456Z");
    cr_expect(data["id"].GetInt64() == 1 && data["completed"].IsTrue());
    cr_expect(member(data, "updated_at") > member(data, "created_at"));
    EXPECT_TEXT(response.etag(), etag_of(service));
    EXPECT_TEXT(last_event(service),
                "task.updated user:" + me + " /tasks/1 " + data_of(response, "Task updated"));
}

ON_BOTH_ENGINES(task, put_takes_null_as_no_description) {
    add_task(service);
    const auto response = service.send(
        service.with_token("PUT", path, R"({"title":"x","description":null,"completed":true})"));
    cr_assert_eq(response.status(), 200, "%s", shown(response.body()).c_str());
    EXPECT_TEXT(member(json_of(response)["data"], "description"), "");
}

// Clients of before do not know these members.
ON_BOTH_ENGINES(task, put_keeps_new_members_that_it_does_not_name) {
    add_task(service, full_row());
    const std::string kept = "2026-01-08T12:34:56.123456Z high [\"Home\",\"Stra\u00dfe\"]";
    auto response = service.send(service.with_token("PUT", path, replacement));
    EXPECT_TEXT(new_members(response), kept);
    EXPECT_TEXT(last_event(service),
                "task.updated user:" + me + " /tasks/1 " + data_of(response, "Task updated"));
    expect_folded(service, "new", "d", {"Home", "Stra\u00dfe"});
    const std::string beginning = R"({"title":"new","description":"d","completed":true,)";
    static constexpr const char* cases[][2] = {
        {R"("due_date":null})", "<null> high [\"Home\",\"Stra\u00dfe\"]"},
        {R"("priority":"normal"})", "<null> medium [\"Home\",\"Stra\u00dfe\"]"},
        {R"("tags":["x"," X ","y"]})", "<null> medium [\"x\",\"y\"]"},
        {R"("due_date":"2026-01-09T17:00:00Z"})",
         "2026-01-09T17:00:00.000000Z medium [\"x\",\"y\"]"},
        {R"("tags":[],"priority":"none","due_date":null})", "<null> none []"},
    };
    for (const auto& [rest, members] : cases) {
        response = service.send(service.with_token("PUT", path, beginning + rest));
        EXPECT_TEXT(new_members(response), members);
        EXPECT_TEXT(response.etag(), etag_of(service));
        EXPECT_TEXT(last_event(service),
                    "task.updated user:" + me + " /tasks/1 " + data_of(response, "Task updated"));
    }
    expect_folded(service, "new", "d", {});
}

Test(task, put_needs_everything) {
    Service service{endpoint(), Engine::sqlite};
    add_task(service);
    static constexpr struct {
        const char* body;
        const char* location;
        const char* type;
    } cases[] = {
        {R"({"description":"","completed":true})", "body.title", "missing"},
        {R"({"title":"x","completed":true})", "body.description", "missing"},
        {R"({"title":"x","description":""})", "body.completed", "missing"},
        {R"({"title":" ","description":"","completed":true})", "body.title", "string_too_short"},
        {R"({"title":"x","description":1,"completed":true})", "body.description", "string_type"},
        {R"({"title":"x","description":"","completed":"on"})", "body.completed", "bool_type"},
        {R"({"title":"x","description":"","completed":true,"id":1})", "body.id", "extra_forbidden"},
        {R"({"title":"x","description":"","completed":true,"due_date":1})", "body.due_date",
         "datetime_parsing"},
        {R"({"title":"x","description":"","completed":true,"priority":null})", "body.priority",
         "string_type"},
        {R"({"title":"x","description":"","completed":true,"tags":null})", "body.tags",
         "list_type"},
        {"null", "body", "model_attributes_type"},
        {"", "body", "missing"},
    };
    for (const auto& [body, location, type] : cases)
        expect_detail(service.send(service.with_token("PUT", path, body)), location, type);
    EXPECT_TEXT(title_of(service), "Buy milk");
}

// --- PATCH

ON_BOTH_ENGINES(task, patch_changes_what_it_names) {
    add_task(service);
    static constexpr struct {
        const char* body;
        const char* title;
        const char* description;
        bool completed;
    } cases[] = {
        {R"({"title":" t "})", "t", "two litres", false},
        {R"({"completed":true})", "t", "two litres", true},
        {R"({"description":""})", "t", "", true},
        {R"({"completed":false,"description":" d "})", "t", " d ", false},
        {R"({"description":null})", "t", "", false},
    };
    for (const auto& [sent, title, description, completed] : cases) {
        const auto response = service.send(service.with_token("PATCH", path, sent));
        cr_assert_eq(response.status(), 200, "%s", shown(response.body()).c_str());
        const auto body = json_of(response);
        EXPECT_TEXT(member(body["data"], "title"), title);
        EXPECT_TEXT(member(body["data"], "description"), description);
        cr_expect_eq(body["data"]["completed"].GetBool(), completed);
        EXPECT_TEXT(last_event(service),
                    "task.updated user:" + me + " /tasks/1 " + data_of(response, "Task updated"));
    }
}

ON_BOTH_ENGINES(task, patch_changes_each_new_member_alone) {
    add_task(service, full_row());
    static constexpr const char* cases[][2] = {
        {R"({"priority":"Urgent"})",
         "2026-01-08T12:34:56.123456Z urgent [\"Home\",\"Stra\u00dfe\"]"},
        {R"({"due_date":null})", "<null> urgent [\"Home\",\"Stra\u00dfe\"]"},
        {R"({"due_date":null})", "<null> urgent [\"Home\",\"Stra\u00dfe\"]"},
        {R"({"tags":["b"," a","B"]})", "<null> urgent [\"b\",\"a\"]"},
        {R"({"title":"t"})", "<null> urgent [\"b\",\"a\"]"},
        {R"({"due_date":"1969-07-20T20:17:40.25Z"})",
         "1969-07-20T20:17:40.250000Z urgent [\"b\",\"a\"]"},
        {R"({"completed":true})", "1969-07-20T20:17:40.250000Z urgent [\"b\",\"a\"]"},
        {R"({"tags":[]})", "1969-07-20T20:17:40.250000Z urgent []"},
        {R"({"priority":"none","due_date":"2026-01-09T17:00:00+02:00"})",
         "2026-01-09T15:00:00.000000Z none []"},
    };
    for (const auto& [sent, members] : cases) {
        const auto response =
            service.send(with_match(service.with_token("PATCH", path, sent), etag_of(service)));
        cr_assert_eq(response.status(), 200, "%s", shown(response.body()).c_str());
        EXPECT_TEXT(new_members(response), members);
        EXPECT_TEXT(response.etag(), etag_of(service));
        EXPECT_TEXT(last_event(service),
                    "task.updated user:" + me + " /tasks/1 " + data_of(response, "Task updated"));
    }
}

// Each change keeps what a search and the order by title compare.
ON_BOTH_ENGINES(task, patch_folds_what_it_changes) {
    add_task(
        service,
        {.title = "\u00c4pfel", .description = "Caf\u00e9", .tags = {"\u00d6l", "Stra\u00dfe"}});
    const auto patch = [&](const char* body) {
        const auto response = service.send(service.with_token("PATCH", path, body));
        cr_assert_eq(response.status(), 200, "%s", shown(response.body()).c_str());
    };
    const std::vector<std::string> tags{"\u00d6l", "Stra\u00dfe"};
    expect_folded(service, "\u00c4pfel", "Caf\u00e9", tags);
    EXPECT_TEXT(folds(service), "1");
    patch(R"({"title":"G\u00fcrteltier\u001e\u001f"})");
    expect_folded(service, "G\u00fcrteltier\x1e\x1f", "Caf\u00e9", tags);
    EXPECT_TEXT(folds(service), "2");
    patch(R"({"description":"na\u00efve\u001e\u001etext"})");
    expect_folded(service, "G\u00fcrteltier\x1e\x1f", "na\u00efve\x1e\x1etext", tags);
    patch(R"({"tags":["a\u001eb","\u001f"]})");
    expect_folded(service, "G\u00fcrteltier\x1e\x1f", "na\u00efve\x1e\x1etext",
                  {"a\x1e"
                   "b",
                   "\x1f"});
    patch(R"({"completed":true,"priority":"low","due_date":null})");
    expect_folded(service, "G\u00fcrteltier\x1e\x1f", "na\u00efve\x1e\x1etext",
                  {"a\x1e"
                   "b",
                   "\x1f"});
    patch(R"({"title":"t","description":null,"tags":[]})");
    expect_folded(service, "t", "", {});
    patch(R"({"tags":["X"]})");
    expect_folded(service, "t", "", {"X"});
    EXPECT_TEXT(folds(service), "7");
    // Characters that stand for many others: what is folded is cut for the index.
    std::string title;
    for (int i = 0; i < 200; ++i) title += "\ufdfa";
    patch((R"({"title":")" + title + R"("})").c_str());
    expect_folded(service, title, "", {"X"});
    cr_expect_leq(folded_title(title).size(), 1000u);
}

// Another program has changed the task. Until it is folded, each text is in lower case, also after
// a change by the service, which does not know the other texts.
ON_BOTH_ENGINES(task, of_another_program_stays_to_be_folded) {
    add_task(service, {.title = "\u00c4", .description = "", .tags = {"Home"}});
    service.database().execute("UPDATE tasks SET title = 'Plain BREAD'");
    EXPECT_TEXT(folds(service), "0");
    const auto columns = [&] {
        return service.database().execute("SELECT folded_title || '|' || folded_text FROM tasks");
    };
    EXPECT_TEXT(columns(), "plain bread|plain bread\x1e\x1e[\"home\"]");
    const auto events = count(service, "events");
    service.send(service.with_token("PATCH", path, R"({"description":"SEEDS"})"));
    EXPECT_TEXT(folds(service), "0");
    EXPECT_TEXT(columns(), "plain bread|plain bread\x1eseeds\x1e[\"home\"]");
    service.send(service.with_token("PATCH", path, R"({"completed":true})"));
    EXPECT_TEXT(folds(service), "0");
    EXPECT_TEXT(columns(), "plain bread|plain bread\x1eseeds\x1e[\"home\"]");
    service.send(service.with_token("PUT", path, replacement));
    EXPECT_TEXT(folds(service), "0");
    EXPECT_TEXT(columns(),
                "new|new\x1e"
                "d\x1e[\"home\"]");
    cr_expect_eq(count(service, "events"), events + 3);
}

// An earlier release writes so while it still runs on the new schema.
ON_BOTH_ENGINES(task, of_an_earlier_release_keeps_new_members) {
    add_task(service, full_row());
    const auto events = count(service, "events");
    service.database().execute(
        "UPDATE tasks SET title = coalesce('Eggs', title), description = coalesce(NULL, "
        "description), completed = coalesce(NULL, completed), updated_at = " +
        literal(service, {a_moment + 1}) + " WHERE user_id = '" + me + "' AND id = 1");
    cr_expect_eq(count(service, "events"), events + 1);
    const auto response = get(service);
    EXPECT_TEXT(new_members(response),
                "2026-01-08T12:34:56.123456Z high [\"Home\",\"Stra\u00dfe\"]");
    EXPECT_TEXT(last_event(service), "task.updated user:" + me + " /tasks/1 " + data_of(response));
    EXPECT_TEXT(folds(service), "0");
}

Test(task, patch_refuses_bad_bodies) {
    Service service{endpoint(), Engine::sqlite};
    add_task(service);
    static constexpr struct {
        const char* body;
        const char* location;
        const char* type;
    } cases[] = {
        {"{}", "body", "value_error"},
        {R"({"title":null})", "body.title", "string_type"},
        {R"({"title":"\u3000"})", "body.title", "string_too_short"},
        {R"({"description":1})", "body.description", "string_type"},
        {R"({"completed":null})", "body.completed", "bool_type"},
        {R"({"completed":0})", "body.completed", "bool_type"},
        {R"({"due_date":""})", "body.due_date", "datetime_parsing"},
        {R"({"due_date":false})", "body.due_date", "datetime_parsing"},
        {R"({"due_date":"2026-13-01T00:00:00Z"})", "body.due_date", "datetime_parsing"},
        {R"({"priority":null})", "body.priority", "string_type"},
        {R"({"priority":"asap"})", "body.priority", "enum"},
        {R"({"tags":null})", "body.tags", "list_type"},
        {R"({"tags":["a",2]})", "body.tags.1", "string_type"},
        {R"({"tags":["a","b"," "]})", "body.tags.2", "string_too_short"},
        {R"({"tags":["123456789012345678901234567890123"]})", "body.tags.0", "string_too_long"},
        {R"({"tags":["","","","","","","","","","","","","","","","",""]})", "body.tags",
         "too_long"},
        {R"({"user_id":"other"})", "body.user_id", "extra_forbidden"},
        {R"({"title":"x","updated_at":null})", "body.updated_at", "extra_forbidden"},
        {"[]", "body", "model_attributes_type"},
        {"", "body", "missing"},
    };
    for (const auto& [body, location, type] : cases)
        expect_detail(service.send(service.with_token("PATCH", path, body)), location, type);
    EXPECT_TEXT(title_of(service), "Buy milk");
}

Test(task, writes_take_json_of_64_kib) {
    Service service{endpoint(), Engine::sqlite};
    add_task(service);
    for (auto sent : writes(service)) {
        if (sent.method == "DELETE") continue;
        sent.content_type = "text/plain";
        expect_error(service.send(sent), Error::unsupported_media_type);
        sent.content_type = "application/json";
        sent.body.resize(65'537, ' ');
        expect_error(service.send(sent), Error::payload_too_large);
        sent.body.pop_back();
        cr_expect_eq(service.send(sent).status(), 200);
    }
}

// A clock that was set back must not make a change look older than the one before it.
ON_BOTH_ENGINES(task, updated_at_never_goes_back) {
    const auto in_2030 = std::int64_t{1'893'456'000'000'000};
    add_task(service, {.updated_at = in_2030});
    const auto response = service.send(service.with_token("PATCH", path, R"({"completed":true})"));
    EXPECT_TEXT(member(json_of(response)["data"], "updated_at"), "2030-01-01T00:00:00.000000Z");
}

ON_BOTH_ENGINES(task, keeps_created_at) {
    add_task(service);
    for (const char* method : {"PUT", "PATCH"})
        EXPECT_TEXT(
            member(json_of(service.send(service.with_token(method, path, replacement)))["data"],
                   "created_at"),
            "2026-01-08T12:34:56.123456Z");
}

// --- DELETE

ON_BOTH_ENGINES(task, is_deleted_once) {
    add_task(service);
    const auto data = data_of(get(service));
    const auto response = service.send(service.with_token("DELETE", path));
    cr_assert_eq(response.status(), 204);
    EXPECT_TEXT(response.body(), "");
    EXPECT_TEXT(response.etag(), "");
    EXPECT_TEXT(last_event(service), "task.deleted user:" + me + " /tasks/1 " + data);
    expect_error(service.send(service.with_token("DELETE", path)), Error::not_found);
    expect_error(get(service), Error::not_found);
}

ON_BOTH_ENGINES(task, an_id_is_never_used_again) {
    add_task(service);
    service.send(service.with_token("DELETE", path));
    cr_assert_eq(add_task(service), 2);
}

// --- If-Match

ON_BOTH_ENGINES(task, writes_honour_if_match) {
    add_task(service);
    for (const auto& write : writes(service)) {
        const auto stale = etag_of(service);
        service.database().execute("UPDATE tasks SET completed = NOT completed");
        const auto etag = etag_of(service);
        const auto upper = [&] {
            auto text = etag;
            for (char& c : text)
                if (c >= 'a') c = static_cast<char>(c - 32);
            return text;
        }();
        for (const auto& header :
             {stale, etag.substr(1), etag.substr(0, 65), etag + "x", upper, etag.substr(1, 64),
              "\"" + etag + "\"", stale + ", W/" + etag, etag + " " + etag, std::string{"\"\""},
              std::string{"\""}, std::string{","}, std::string{" "}, std::string{"**"},
              std::string{"*, "} + etag, std::string{"null"}, etag + ", x"}) {
            const auto response = service.send(with_match(write, header));
            cr_expect(response.status() == 412, "%s with %s: %d", write.method.c_str(),
                      shown(header).c_str(), response.status());
            expect_error(response, Error::precondition_failed);
        }
        expect_error(service.send(with_match(write, "W/" + etag)), Error::weak_etag);
        EXPECT_TEXT(etag_of(service), etag);
        const auto done = service.send(with_match(write, stale + ",\t" + etag + " ,"));
        cr_expect(done.status() < 300, "%s: %d", write.method.c_str(), done.status());
    }
    cr_assert_eq(count(service, "tasks"), 0);
}

ON_BOTH_ENGINES(task, writes_honour_if_none_match) {
    add_task(service);
    const auto stale = etag_of(service);
    service.database().execute("UPDATE tasks SET title = 'newer'");
    for (auto write : writes(service)) {
        const auto current = etag_of(service);
        for (const auto& header :
             {std::string{"*"}, current, "W/" + current, stale + ", " + current, std::string{"x"},
              current + " " + current}) {
            write.if_none_match = header;
            for (const auto& if_match : {std::string{}, std::string{"*"}, current}) {
                const auto response = service.send(with_match(write, if_match));
                cr_expect(response.status() == 412, "%s with %s: %d", write.method.c_str(),
                          header.c_str(), response.status());
                expect_error(response, Error::precondition_failed);
            }
        }
        EXPECT_TEXT(etag_of(service), current);
        write.if_none_match = "\"x\", W/" + stale;
        const auto done = service.send(write);
        cr_expect(done.status() < 300, "%s: %d", write.method.c_str(), done.status());
    }
    for (auto write : writes(service)) {
        write.if_none_match = "*";
        expect_error(service.send(write), Error::not_found);
    }
}

ON_BOTH_ENGINES(task, any_state_will_do_for_a_star) {
    add_task(service);
    for (const auto& write : writes(service))
        cr_expect(service.send(with_match(write, "*")).status() < 300, "%s", write.method.c_str());
    for (const auto& write : writes(service))
        expect_error(service.send(with_match(write, "*")), Error::not_found);
}

// C++ computes the tag for a response and SQL for a write. They must agree on every text.
ON_BOTH_ENGINES(task, computes_one_etag_in_code_and_in_sql) {
    add_task(service);
    std::size_t number = 0;
    for (const std::string text : nasty_texts) {
        const auto json = json::write(text);
        const auto tag = std::string{trimmed(std::string_view{text}.substr(0, 25))};
        const auto tags = is_utf8(tag) ? json::write(std::vector{tag, std::string{"x"}}) : "[]";
        const auto* const due_date = nasty_due_dates[++number % std::size(nasty_due_dates)];
        const auto response = service.send(with_match(
            service.with_token("PATCH", path,
                               R"({"title":)" + json + R"(,"description":)" + json + R"(,"tags":)" +
                                   tags + R"(,"due_date":")" + due_date + R"("})"),
            etag_of(service)));
        cr_assert_eq(response.status(), 200, "%s: %s", shown(text).c_str(),
                     shown(response.body()).c_str());
        EXPECT_TEXT(member(json_of(response)["data"], "title"), text);
        EXPECT_TEXT(response.etag(), etag_of(service));
    }
    cr_assert_eq(
        service.send(with_match(service.with_token("DELETE", path), etag_of(service))).status(),
        204);
}

ON_BOTH_ENGINES(task, computes_one_etag_for_every_due_date_and_priority) {
    add_task(service);
    for (const std::string due_date : nasty_due_dates)
        for (const auto priority : priority_names) {
            const auto response = service.send(
                with_match(service.with_token("PATCH", path,
                                              R"({"due_date":")" + due_date + R"(","priority":")" +
                                                  std::string{priority} + R"("})"),
                           etag_of(service)));
            cr_assert_eq(response.status(), 200, "%s: %s", due_date.c_str(),
                         shown(response.body()).c_str());
            EXPECT_TEXT(response.etag(), etag_of(service));
            EXPECT_TEXT(last_event(service), "task.updated user:" + me + " /tasks/1 " +
                                                 data_of(response, "Task updated"));
        }
}

ON_BOTH_ENGINES(task, computes_one_etag_for_every_user_id) {
    for (const std::string user : nasty_texts) {
        if (has_control_bytes(user) || user.find("\xc2\x80") != user.npos) continue;
        const auto id = add_task(service, {.user_id = user});
        auto sent = service.with_token("GET", "/api/tasks/" + std::to_string(id));
        sent.authorization = service.bearer(user);
        const std::string etag{service.send(sent).etag()};
        cr_assert_eq(etag.size(), 66u);
        sent.method = "DELETE";
        sent.if_match = etag;
        cr_expect_eq(service.send(sent).status(), 204, "%s", shown(user).c_str());
    }
}

ON_BOTH_ENGINES(task, a_failed_precondition_never_hides_another_error) {
    add_task(service);
    expect_detail(
        service.send(with_match(service.with_token("PATCH", path, R"({"title":""})"), "\"stale\"")),
        "body.title", "string_too_short");
    for (auto write : writes(service)) {
        write.if_match = "\"stale\"";
        auto sent = write;
        sent.target = my_tasks + "/2";
        expect_error(service.send(sent), Error::not_found);
        sent.target = my_tasks + "/x";
        expect_error(service.send(sent), Error::validation_error);
        sent = write;
        sent.authorization = service.bearer(other);
        expect_error(service.send(sent), Error::forbidden);
        sent.authorization.clear();
        expect_error(service.send(sent), Error::auth_required);
    }
    cr_assert_eq(count(service, "tasks"), 1);
}

ON_BOTH_ENGINES(task, of_racing_writes_with_one_etag_one_wins) {
    add_task(service);
    const auto etag = etag_of(service);
    std::vector<Sent> sent;
    for (int i = 0; i < 8; ++i)
        sent.push_back(with_match(
            service.with_token("PATCH", path, R"({"title":")" + std::to_string(i) + R"("})"),
            etag));
    int won = 0;
    for (const auto& response : service.send_all(sent))
        if (response.status() == 200)
            ++won;
        else
            expect_error(response, Error::precondition_failed);
    cr_assert_eq(won, 1);
}

ON_BOTH_ENGINES(task, the_last_of_racing_writes_wins) {
    add_task(service);
    std::vector<Sent> sent;
    for (int i = 0; i < 8; ++i)
        sent.push_back(
            service.with_token("PATCH", path, R"({"title":")" + std::to_string(i) + R"("})"));
    for (const auto& response : service.send_all(sent)) cr_expect_eq(response.status(), 200);
    cr_assert_eq(count(service, "events WHERE type = 'task.updated'"), 8);
}

ON_BOTH_ENGINES(task, limits_writes) {
    const auto target = "/api/tasks/" + std::to_string(add_task(service));
    expect_limits_writes(service, service.with_token("PATCH", target, R"({"title":"new"})"));
}

ON_BOTH_ENGINES(task, above_the_quota_stays_changeable) {
    service.config().max_tasks_per_user = 1;
    add_task(service);
    add_task(service);
    for (const auto& sent : writes(service)) cr_expect_lt(service.send(sent).status(), 300);
}
