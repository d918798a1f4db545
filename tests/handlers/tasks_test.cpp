#include <libpq-fe.h>
#include <utf8proc.h>

#include <algorithm>
#include <random>
#include <set>

#include "shared/http/page.hpp"

#include "tests/support/literals.hpp"
#include "tests/support/once.hpp"
#include "tests/support/personal.hpp"
#include "tests/support/task_model.hpp"

namespace {

Response create(Service& service, const std::string& body) {
    return service.send(service.with_token("POST", my_tasks, body));
}

Response list(Service& service, const std::string& query = "") {
    return service.send(service.with_token("GET", my_tasks + query));
}

std::string repeated(const std::string& text, std::size_t count) {
    std::string all;
    while (count-- > 0) all += text;
    return all;
}

// --- pages

struct Page {
    std::vector<std::int64_t> ids;
    std::int64_t total = 0;
    bool has_more = false;
    std::string next_cursor;  // "<null>" for none
    std::string etag;
};

Page page_of(const Response& response) {
    cr_assert_eq(response.status(), 200, "%s", shown(response.body()).c_str());
    data_of(response);
    const auto body = json_of(response);
    Page page;
    for (const auto& task : body["data"].GetArray()) page.ids.push_back(task["id"].GetInt64());
    page.total = body["pagination"]["total"].GetInt64();
    page.has_more = body["pagination"]["has_more"].GetBool();
    page.next_cursor = member(body["pagination"], "next_cursor");
    page.etag = response.etag();
    cr_expect_eq(page.has_more, page.next_cursor != "<null>");
    return page;
}

std::string shown_ids(const std::vector<std::int64_t>& ids) {
    std::string text;
    for (const auto id : ids) text += std::to_string(id) + " ";
    return text;
}

// Follows the cursors through every page. Calls `between` after each page but the last, with the
// ids seen so far.
template <class Between>
std::vector<std::int64_t> walk(Service& service, const std::string& query, int limit,
                               Between between) {
    std::vector<std::int64_t> ids;
    std::string cursor;
    for (;;) {
        const auto page =
            page_of(list(service, query + "&limit=" + std::to_string(limit) + cursor));
        ids.insert(ids.end(), page.ids.begin(), page.ids.end());
        cr_assert_leq(page.ids.size(), static_cast<std::size_t>(limit));
        if (!page.has_more) return ids;
        cr_assert_eq(page.ids.size(), static_cast<std::size_t>(limit));
        cursor = "&cursor=" + page.next_cursor;
        between(ids);
    }
}

std::vector<std::int64_t> walk(Service& service, const std::string& query, int limit) {
    return walk(service, query, limit, [](const auto&) {});
}

// --- tasks with ties in every order

struct Sample {
    const char* title;
    bool completed;
    int created;
    int updated;
    int due;  // 0 for never
    Priority priority;
};
// Without regard to case and accents the titles are "a" (five times) "a b" "ab" U+FFFD U+10000
// U+10FFFF. UTF-16 or the collation of a language would order them differently.
constexpr Sample samples[] = {
    {"a", false, 5, 5, 3, Priority::high},   {"\xf4\x8f\xbf\xbf", true, 5, 9, 0, Priority::none},
    {"a", true, 5, 7, 0, Priority::urgent},  {"\xef\xbf\xbd", false, 3, 7, -1, Priority::none},
    {"A", false, 7, 7, 3, Priority::medium}, {"\xc3\xa4", true, 5, 5, 3, Priority::low},
    {"ab", true, 1, 9, 9, Priority::high},   {"\xf0\x90\x80\x80", false, 1, 1, 0, Priority::none},
    {"a b", false, 1, 9, 9, Priority::high},
};

Task task_of(const Sample& sample, std::int64_t id) {
    Task task;
    task.id = id;
    task.title = sample.title;
    task.completed = sample.completed;
    if (sample.due != 0) task.due_date = Timestamp{a_moment + sample.due};
    task.priority = sample.priority;
    task.created_at = {a_moment + sample.created};
    task.updated_at = {a_moment + sample.updated};
    return task;
}

void add(Service& service, const Task& task) {
    TaskRow row{.title = task.title,
                .description = task.description,
                .completed = task.completed,
                .created_at = task.created_at.microseconds,
                .updated_at = task.updated_at.microseconds,
                .priority = task.priority,
                .tags = task.tags};
    if (task.due_date) row.due_date = task.due_date->microseconds;
    cr_assert_eq(add_task(service, row), task.id);
}

std::vector<Task> sample_tasks() {
    std::vector<Task> tasks;
    for (const auto& sample : samples) tasks.push_back(task_of(sample, std::ssize(tasks) + 1));
    return tasks;
}

void add_samples(Service& service) {
    for (const auto& task : sample_tasks()) add(service, task);
}

std::string query_of(const std::string& status, const std::string& sort, const std::string& order) {
    return "?status=" + status + "&sort=" + sort + "&order=" + order;
}

// The ids of the list in the expected order. The id of samples[i] is i + 1.
std::vector<std::int64_t> expected_ids(const std::string& status, const std::string& sort,
                                       const std::string& order) {
    return listed_ids(sample_tasks(), {.status = status, .sort = sort, .order = order});
}

template <class Visit>
void for_each_list(Visit visit) {
    for (const char* status : task_statuses)
        for (const char* sort : task_sorts)
            for (const char* order : task_orders) visit(status, sort, order);
}

// Quotation marks, escapes, characters that are special in JSON, SQL, HTML and JavaScript, the
// first and last code points of each UTF-8 length, and combining and right-to-left text.
constexpr const char* nasty_texts[] = {
    R"("quoted" 'single' `back` \back\slash /slash/ \" \\)",
    "control \x01\x02\b\t\n\x0b\f\r\x1f\x7f end",
    "\xc2\x80\xc2\x9f c1 controls inside",
    "x\xe2\x80\xa8line\xe2\x80\xa9paragraph x",
    "\xf0\x9f\x98\x80\xf0\x9f\x91\xa9\xe2\x80\x8d\xf0\x9f\x92\xbb emoji",
    "e\xcc\x81 is not \xc3\xa9",
    "\xd7\xa9\xd7\x9c\xd7\x95\xd7\x9d \xe2\x80\xaertl",
    "\xf4\x8f\xbf\xbf\xef\xbf\xbf\xef\xbf\xbe\xed\x9f\xbf\xee\x80\x80",
    "\xef\xbb\xbf no byte order mark",
    "<script>&amp;</script> %00 %s $1 {} '; DROP TABLE tasks; --",
    "null",
    "\\u0000 \\ud800",
};

}  // namespace

// --- POST

ON_BOTH_ENGINES(tasks, creates_a_task) {
    const auto response =
        create(service, R"({"title":"Buy milk","description":"two litres","completed":true})");
    cr_assert_eq(response.status(), 201, "%s", shown(response.body()).c_str());
    const auto body = json_of(response);
    const auto& data = body["data"];
    EXPECT_TEXT(member(data, "title"), "Buy milk");
    EXPECT_TEXT(member(data, "description"), "two litres");
    EXPECT_TEXT(member(data, "user_id"), me);
    EXPECT_TEXT(member(data, "updated_at"), member(data, "created_at"));
    cr_expect(data["id"].GetInt64() == 1 && data["completed"].IsTrue());
    EXPECT_TEXT(last_event(service),
                "task.created user:" + me + " /tasks/1 " + data_of(response, "Task created"));
    EXPECT_TEXT(response.header("Location"), my_tasks + "/1");
    EXPECT_TEXT(response.header("Cache-Control"), "no-store, no-transform");
    cr_expect_eq(response.etag().size(), 66u);
    cr_assert_eq(count(service, "tasks WHERE user_id = '" + me + "' AND title = 'Buy milk'"), 1);
}

ON_BOTH_ENGINES(tasks, fills_in_what_is_left_out) {
    for (const char* sent : {R"({"title":"x"})", R"({"title":"x","description":null})"}) {
        const auto body = json_of(create(service, sent));
        EXPECT_TEXT(member(body["data"], "description"), "");
        cr_expect(body["data"]["completed"].IsFalse());
    }
}

ON_BOTH_ENGINES(tasks, creates_a_task_with_a_due_date_a_priority_and_tags) {
    const auto response = create(
        service,
        R"({"title":"x","due_date":"2026-01-09T18:00:00.5+01:00","priority":"HIGH",)"
        R"("tags":["  Home\u3000","shopping","HOME","Stra\u00dfe","STRASSE","home sweet home"]})");
    cr_assert_eq(response.status(), 201, "%s", shown(response.body()).c_str());
    const auto body = json_of(response);
    const auto& data = body["data"];
    EXPECT_TEXT(member(data, "due_date"), "2026-01-09T17:00:00.500000Z");
    EXPECT_TEXT(member(data, "priority"), "high");
    EXPECT_TEXT(json::canonical(data["tags"]),
                "[\"Home\",\"shopping\",\"Stra\xc3\x9f"
                "e\",\"home sweet home\"]");
    EXPECT_TEXT(last_event(service),
                "task.created user:" + me + " /tasks/1 " + data_of(response, "Task created"));
    EXPECT_TEXT(data_of(list(service)), "[" + data_of(response, "Task created") + "]");
}

// A client that knows the old members only gets them as before, beside the new ones.
ON_BOTH_ENGINES(tasks, adds_members_to_the_old_ones) {
    const auto body =
        json_of(create(service, R"({"title":"x","description":"d","completed":true})"));
    std::string names;
    for (const auto& one : body["data"].GetObject())
        names += std::string{json::text_of(one.name)} + " ";
    EXPECT_TEXT(names,
                "completed created_at description due_date id priority tags title updated_at "
                "user_id ");
    EXPECT_TEXT(member(body["data"], "due_date"), "<null>");
    EXPECT_TEXT(member(body["data"], "priority"), "none");
    EXPECT_TEXT(json::canonical(body["data"]["tags"]), "[]");
}

ON_BOTH_ENGINES(tasks, takes_each_due_date) {
    static constexpr const char* cases[][2] = {
        {R"("0001-01-01T00:00:00Z")", "0001-01-01T00:00:00.000000Z"},
        {R"("9999-12-31T23:59:59.999999Z")", "9999-12-31T23:59:59.999999Z"},
        {R"("1969-12-31T23:59:59.999999Z")", "1969-12-31T23:59:59.999999Z"},
        {R"("1969-12-31T23:59:59.000001Z")", "1969-12-31T23:59:59.000001Z"},
        {R"("1970-01-01T00:00:00+00:01")", "1969-12-31T23:59:00.000000Z"},
        {R"("2026-01-08T12:34:56.789Z")", "2026-01-08T12:34:56.789000Z"},
        {R"("2026-01-08T12:34:56.1234567Z")", "2026-01-08T12:34:56.123456Z"},
        {R"("2016-12-31T23:59:60Z")", "2017-01-01T00:00:00.000000Z"},
        {"null", "<null>"},
    };
    for (const auto& [sent, due_date] : cases) {
        const auto response =
            create(service, R"({"title":"x","due_date":)" + std::string{sent} + "}");
        cr_assert_eq(response.status(), 201, "%s", shown(response.body()).c_str());
        const auto body = json_of(response);
        EXPECT_TEXT(member(body["data"], "due_date"), due_date);
        const auto data = data_of(response, "Task created");
        const auto event = last_event(service);
        cr_expect(event.ends_with(data), "%s instead of %s", event.c_str(), data.c_str());
        EXPECT_TEXT(data_of(list(service, "?limit=1")), "[" + data + "]");
    }
}

ON_BOTH_ENGINES(tasks, takes_each_priority) {
    static constexpr const char* cases[][2] = {
        {"none", "none"}, {"low", "low"},       {"medium", "medium"},
        {"high", "high"}, {"urgent", "urgent"}, {"Urgent", "urgent"},
        {"NONE", "none"}, {"normal", "medium"}, {"Normal", "medium"},
    };
    for (const auto& [sent, priority] : cases) {
        const auto response =
            create(service, R"({"title":"x","priority":")" + std::string{sent} + R"("})");
        cr_assert_eq(response.status(), 201, "%s", shown(response.body()).c_str());
        EXPECT_TEXT(member(json_of(response)["data"], "priority"), priority);
        const auto event = last_event(service);
        cr_expect(event.ends_with(data_of(response, "Task created")), "%s", event.c_str());
    }
}

ON_BOTH_ENGINES(tasks, takes_as_many_and_as_long_tags_as_are_allowed) {
    std::vector<std::string> tags;
    for (char c = 'a'; tags.size() < max_tags; ++c)
        tags.push_back(repeated("\xf0\x9f\x98\x80", max_tag_length - 1) + c);
    const auto body_of = [](const std::vector<std::string>& all) {
        return R"({"title":"x","tags":)" + json::write(all) + "}";
    };
    const auto response = create(service, body_of(tags));
    cr_assert_eq(response.status(), 201, "%s", shown(response.body()).c_str());
    EXPECT_TEXT(json::canonical(json_of(response)["data"]["tags"]), json::write(tags));
    const auto event = last_event(service);
    cr_expect(event.ends_with(data_of(response, "Task created")), "%s", event.c_str());
    // The limit of characters applies to the trimmed text, that of tags to what is sent.
    cr_expect_eq(create(service, body_of({"  " + repeated("x", 32) + "\t"})).status(), 201);
    expect_detail(create(service, body_of({"ok", repeated("x", 33)})), "body.tags.1",
                  "string_too_long");
    tags.push_back(tags.front());
    expect_detail(create(service, body_of(tags)), "body.tags", "too_long");
}

// The response, the list and the event, whose JSON SQL writes, agree on every text.
ON_BOTH_ENGINES(tasks, keeps_every_tag_exactly) {
    for (const std::string text : nasty_texts) {
        const auto tag = std::string{trimmed(text.substr(0, 32))};
        if (!is_utf8(tag)) continue;
        const auto response =
            create(service, R"({"title":"x","tags":)" + json::write(std::vector{tag}) + "}");
        cr_assert_eq(response.status(), 201, "%s", shown(response.body()).c_str());
        const auto data = data_of(response, "Task created");
        EXPECT_TEXT(json::canonical(json_of(response)["data"]["tags"]),
                    json::write(std::vector{tag}));
        EXPECT_TEXT(data_of(list(service, "?limit=1")), "[" + data + "]");
        const auto event = last_event(service);
        cr_expect(event.ends_with(data), "%s instead of %s", shown(event).c_str(),
                  shown(data).c_str());
    }
}

ON_BOTH_ENGINES(tasks, trims_titles_only) {
    const auto body =
        json_of(create(service, R"({"title":"\u00a0 a  b\t","description":" as it is "})"));
    EXPECT_TEXT(member(body["data"], "title"), "a  b");
    EXPECT_TEXT(member(body["data"], "description"), " as it is ");
}

// The response, the list and the event, whose JSON SQL writes, agree on every text.
ON_BOTH_ENGINES(tasks, keeps_every_text_exactly) {
    for (const std::string text : nasty_texts) {
        const auto response = create(service, R"({"title":)" + json::write(text) +
                                                  R"(,"description":)" + json::write(text) + "}");
        cr_assert_eq(response.status(), 201, "%s", shown(response.body()).c_str());
        const auto body = json_of(response);
        const auto& data = body["data"];
        EXPECT_TEXT(std::string(data["title"].GetString(), data["title"].GetStringLength()), text);
        EXPECT_TEXT(member(data, "description"), text);
        EXPECT_TEXT(data_of(list(service, "?limit=1&sort=created_at")),
                    "[" + data_of(response, "Task created") + "]");
        const auto id = std::to_string(data["id"].GetInt64());
        EXPECT_TEXT(last_event(service), "task.created user:" + me + " /tasks/" + id + " " +
                                             data_of(response, "Task created"));
    }
}

ON_BOTH_ENGINES(tasks, keeps_every_user_id_exactly) {
    for (const std::string user : nasty_texts) {
        if (has_control_bytes(user) || user.find("\xc2\x80") != user.npos) continue;
        const auto path =
            is_path_segment(user) ? "/api/v1/" + percent_encode(user) + "/tasks" : "/api/tasks";
        auto sent = service.with_token("POST", path, R"({"title":"x"})");
        sent.authorization = service.bearer(user);
        const auto response = service.send(sent);
        cr_assert_eq(response.status(), 201, "%s", shown(response.body()).c_str());
        const auto body = json_of(response);
        EXPECT_TEXT(member(body["data"], "user_id"), user);
        const auto id = std::to_string(body["data"]["id"].GetInt64());
        EXPECT_TEXT(response.header("Location"), path + "/" + id);
        EXPECT_TEXT(last_event(service), "task.created user:" + user + " /tasks/" + id + " " +
                                             data_of(response, "Task created"));
    }
}

ON_BOTH_ENGINES(tasks, counts_characters_and_not_bytes) {
    const std::string astral = "\xf0\x9f\x98\x80";
    const auto body_of = [](const std::string& title, const std::string& description) {
        return R"({"title":)" + json::write(title) + R"(,"description":)" +
               json::write(description) + "}";
    };
    const auto longest =
        create(service, body_of(repeated(astral, 200), repeated("\xc3\xa9", 1000)));
    cr_expect_eq(longest.status(), 201, "%s", shown(longest.body()).c_str());
    expect_detail(create(service, body_of(repeated(astral, 201), "")), "body.title",
                  "string_too_long");
    expect_detail(create(service, body_of("x", repeated(astral, 1001))), "body.description",
                  "string_too_long");
    // The limit applies to the trimmed text.
    cr_expect_eq(create(service, body_of("  " + repeated("x", 200) + "\n", "")).status(), 201);
}

Test(tasks, refuses_bad_bodies) {
    Service service{endpoint(), Engine::sqlite};
    static constexpr struct {
        const char* body;
        const char* location;
        const char* type;
    } cases[] = {
        {R"({})", "body.title", "missing"},
        {R"({"title":""})", "body.title", "string_too_short"},
        {R"({"title":" \t\u2003"})", "body.title", "string_too_short"},
        {R"({"title":null})", "body.title", "string_type"},
        {R"({"title":1})", "body.title", "string_type"},
        {R"({"title":["x"]})", "body.title", "string_type"},
        {R"({"title":"x","description":{}})", "body.description", "string_type"},
        {R"({"title":"x","completed":null})", "body.completed", "bool_type"},
        {R"({"title":"x","completed":1})", "body.completed", "bool_type"},
        {R"({"title":"x","completed":"true"})", "body.completed", "bool_type"},
        {R"({"title":"x","due_date":1})", "body.due_date", "datetime_parsing"},
        {R"({"title":"x","due_date":""})", "body.due_date", "datetime_parsing"},
        {R"({"title":"x","due_date":"2026-01-09"})", "body.due_date", "datetime_parsing"},
        {R"({"title":"x","due_date":"2026-01-09T17:00:00"})", "body.due_date", "datetime_parsing"},
        {R"({"title":"x","due_date":"2026-02-29T17:00:00Z"})", "body.due_date", "datetime_parsing"},
        {R"({"title":"x","due_date":"10000-01-01T00:00:00Z"})", "body.due_date",
         "datetime_parsing"},
        {R"({"title":"x","due_date":"9999-12-31T23:59:59-00:01"})", "body.due_date",
         "datetime_parsing"},
        {R"({"title":"x","due_date":"0001-01-01T00:00:00+00:01"})", "body.due_date",
         "datetime_parsing"},
        {R"({"title":"x","priority":null})", "body.priority", "string_type"},
        {R"({"title":"x","priority":2})", "body.priority", "string_type"},
        {R"({"title":"x","priority":""})", "body.priority", "enum"},
        {R"({"title":"x","priority":" high"})", "body.priority", "enum"},
        {R"({"title":"x","priority":"highest"})", "body.priority", "enum"},
        {R"({"title":"x","priority":"high,low"})", "body.priority", "enum"},
        {R"({"title":"x","priority":"h\u0131gh"})", "body.priority", "enum"},
        {R"({"title":"x","tags":null})", "body.tags", "list_type"},
        {R"({"title":"x","tags":"home"})", "body.tags", "list_type"},
        {R"({"title":"x","tags":{"0":"home"}})", "body.tags", "list_type"},
        {R"({"title":"x","tags":[null]})", "body.tags.0", "string_type"},
        {R"({"title":"x","tags":["home",["x"]]})", "body.tags.1", "string_type"},
        {R"({"title":"x","tags":["home",""]})", "body.tags.1", "string_too_short"},
        {R"({"title":"x","tags":["home"," \u00a0\t"]})", "body.tags.1", "string_too_short"},
        {R"({"title":"x","tag":"home"})", "body.tag", "extra_forbidden"},
        {R"({"title":"x","folded_title":"x"})", "body.folded_title", "extra_forbidden"},
        {R"({"title":"x","folds":1})", "body.folds", "extra_forbidden"},
        {R"({"title":"x","id":1})", "body.id", "extra_forbidden"},
        {R"({"title":"x","user_id":"other"})", "body.user_id", "extra_forbidden"},
        {R"({"title":"x","created_at":"2026-01-08T12:34:56.123456Z"})", "body.created_at",
         "extra_forbidden"},
        {R"({"title":"x","Title":"y"})", "body.Title", "extra_forbidden"},
        {R"({"title":"x","":1})", "body.", "extra_forbidden"},
        {R"({"title":"x","title":"y"})", "body.title", "value_error"},
        {R"({"title":"x","\u0074itle":"y"})", "body.title", "value_error"},
        {"[]", "body", "model_attributes_type"},
        {"null", "body", "model_attributes_type"},
        {"\"title\"", "body", "model_attributes_type"},
        {"1", "body", "model_attributes_type"},
    };
    for (const auto& [body, location, type] : cases)
        expect_detail(create(service, body), location, type);
    cr_assert_eq(count(service, "tasks"), 0);
}

Test(tasks, reports_every_bad_member_at_once) {
    Service service{endpoint(), Engine::sqlite};
    const auto response =
        create(service, R"({"title":"","description":1,"completed":0,"x":1,"due_date":0,)"
                        R"("priority":"x","tags":["","x",1]})");
    expect_error(response, Error::validation_error);
    cr_assert_eq(json_of(response)["error"]["details"].Size(), 8);
}

// The kinds of cases in JSONTestSuite, beside a valid title or in its place. Malformed JSON is
// refused, and so is JSON that the service could not return.
Test(tasks, refuses_what_is_no_json) {
    Service service{endpoint(), Engine::sqlite};
    using namespace std::string_view_literals;
    static constexpr std::string_view bodies[] = {
        // truncated
        "{"sv,
        R"({"title")"sv,
        R"({"title":)"sv,
        R"({"title":"x)"sv,
        R"({"title":"x")"sv,
        R"({"title":"x",)"sv,
        R"({"title":"\)"sv,
        R"({"title":"\u00)"sv,
        " "sv,
        // trailing data
        R"({"title":"x"}x)"sv,
        R"({"title":"x"}{})"sv,
        R"({"title":"x"},)"sv,
        R"({"title":"x"}])"sv,
        R"({"title":"x"} // c)"sv,
        "{\"title\":\"x\"}\0"sv,
        // grammar
        R"({"title":"x",})"sv,
        R"({,"title":"x"})"sv,
        R"({"title" "x"})"sv,
        R"({'title':'x'})"sv,
        R"({title:"x"})"sv,
        R"({"title":"x" "completed":true})"sv,
        R"({"title":/**/"x"})"sv,
        R"({"title":True})"sv,
        R"({"title":nul})"sv,
        R"({"title":NaN})"sv,
        R"({"title":Infinity})"sv,
        R"({"title":-})"sv,
        R"({"title":01})"sv,
        R"({"title":1.})"sv,
        R"({"title":.5})"sv,
        R"({"title":1e})"sv,
        R"({"title":+1})"sv,
        R"({"title":0x1})"sv,
        R"({"title":1e999})"sv,
        "{\"title\":\xc2\xa0\"x\"}"sv,
        // escapes and control characters
        R"({"title":"\x41"})"sv,
        R"({"title":"\u12G4"})"sv,
        R"({"title":"\U0041"})"sv,
        R"({"title":"\a"})"sv,
        "{\"title\":\"a\nb\"}"sv,
        "{\"title\":\"a\tb\"}"sv,
        "{\"title\":\"a\x1f"
        "b\"}"sv,
        "{\"title\":\"a\0b\"}"sv,
        R"({"title":"a\u0000b"})"sv,
        R"({"title":"x","\u0000":1})"sv,
        // lone surrogates
        R"({"title":"\ud800"})"sv,
        R"({"title":"\udc00"})"sv,
        R"({"title":"\ud800x"})"sv,
        R"({"title":"\ud800\ud800"})"sv,
        R"({"title":"\udc00\ud800"})"sv,
        R"({"title":"\ud800\u0041"})"sv,
        "{\"title\":\"\xed\xa0\x80\"}"sv,
        // malformed UTF-8
        "{\"title\":\"\xff\"}"sv,
        "{\"title\":\"\x80\"}"sv,
        "{\"title\":\"\xc0\xaf\"}"sv,
        "{\"title\":\"\xe0\x80\xaf\"}"sv,
        "{\"title\":\"\xc3\"}"sv,
        "{\"title\":\"\xf4\x90\x80\x80\"}"sv,
        "{\"title\":\"\xe9\"}"sv,
        "{\"\xff\":1}"sv,
        // other encodings
        "\xef\xbb\xbf{\"title\":\"x\"}"sv,
        "\xff\xfe{\0}\0"sv,
        "\0{\0}"sv,
    };
    for (const auto body : bodies) {
        const auto response = create(service, std::string{body});
        cr_expect(response.status() == 422, "%s: %d", shown(body).c_str(), response.status());
        cr_expect(response.body().find("json_invalid") != std::string::npos, "%s: %s",
                  shown(body).c_str(), shown(response.body()).c_str());
    }
    cr_assert_eq(count(service, "tasks"), 0);
}

Test(tasks, refuses_nesting_of_any_depth) {
    Service service{endpoint(), Engine::sqlite};
    for (const std::size_t depth : {33u, 1000u, 30'000u})
        for (const char* opening : {"[", R"({"a":)"}) {
            auto body = R"({"title":"x","deep":)" + repeated(opening, depth / 5);
            expect_error(create(service, body), Error::validation_error);
            body = R"({"title":"x","deep":)" + repeated("[", depth) + repeated("]", depth) + "}";
            expect_error(create(service, body), Error::validation_error);
        }
    cr_assert_eq(count(service, "tasks"), 0);
}

Test(tasks, takes_every_way_to_write_a_text) {
    Service service{endpoint(), Engine::sqlite};
    static constexpr struct {
        const char* body;
        const char* title;
    } cases[] = {
        {" \t\r\n{ \"title\" : \"x\" } \n", "x"},
        {R"({"\u0074\u0069tle":"\u0041\/\"\\"})", "A/\"\\"},
        {R"({"title":"\b\f\n\r\tx"})", "\b\f\n\r\tx"},
        {R"({"title":"\ud83d\uDE00"})", "\xf0\x9f\x98\x80"},
        {R"({"title":"\udbff\udfff\uffff\ufdd0"})", "\xf4\x8f\xbf\xbf\xef\xbf\xbf\xef\xb7\x90"},
        {R"({"title":"x\u200b\ufeff"})", "x\xe2\x80\x8b\xef\xbb\xbf"},
        {"{\"title\":\"\x7f\"}", "\x7f"},
        {R"({"title":"\\u0000"})", "\\u0000"},
    };
    for (const auto& [body, title] : cases) {
        const auto response = create(service, body);
        cr_assert_eq(response.status(), 201, "%s: %s", shown(body).c_str(),
                     shown(response.body()).c_str());
        // \b is not Unicode white space, so a title that begins with it is not trimmed.
        EXPECT_TEXT(member(json_of(response)["data"], "title"), title);
    }
}

Test(tasks, takes_bodies_of_64_kib) {
    Service service{endpoint(), Engine::sqlite};
    std::string body = R"({"title":"x"})";
    body.resize(65'536, ' ');
    cr_assert_eq(create(service, body).status(), 201);
    expect_error(create(service, body + " "), Error::payload_too_large);
}

Test(tasks, takes_json_only) {
    Service service{endpoint(), Engine::sqlite};
    auto sent = service.with_token("POST", my_tasks, R"({"title":"x"})");
    for (const char* type : {"text/plain", "application/x-www-form-urlencoded", "application/jso",
                             "application/json5", ""}) {
        sent.content_type = type;
        expect_error(service.send(sent), Error::unsupported_media_type);
    }
    sent.content_type = "Application/JSON; charset=utf-8";
    cr_assert_eq(service.send(sent).status(), 201);
    expect_detail(create(service, ""), "body", "missing");
}

// --- ownership

Test(tasks, are_their_owners_alone) {
    Service service{endpoint(), Engine::sqlite};
    for (const char* method : {"GET", "POST", "HEAD"}) {
        auto sent = service.with_token(method, my_tasks, R"({"title":"x"})");
        sent.authorization.clear();
        const auto anonymous = service.send(sent);
        cr_expect_eq(anonymous.status(), 401);
        EXPECT_TEXT(anonymous.header("WWW-Authenticate"), "Bearer");
        sent.authorization = "Bearer x.y.z";
        EXPECT_TEXT(service.send(sent).header("WWW-Authenticate"),
                    R"(Bearer error="invalid_token")");
        sent.authorization = service.bearer(other);
        cr_expect_eq(service.send(sent).status(), 403);
    }
    auto sent = service.with_token("GET", my_tasks);
    service.database().execute("DELETE FROM users");
    sent.authorization = service.foreign_bearer(other);
    expect_error(service.send(sent), Error::forbidden);
    cr_assert_eq(count(service, "tasks"), 0);
    cr_assert_eq(count(service, "users"), 0, "a refused request made a user");
}

// A user id in the path that only resembles the token's belongs to another user.
Test(tasks, compare_user_ids_exactly) {
    Service service{endpoint(), Engine::sqlite};
    auto sent = service.with_token("GET", "");
    sent.authorization = service.bearer("Ab\xc3\xa9");
    for (const char* user : {"ab%C3%A9", "Ab", "Abe%CC%81", "Ab%C3%A9%20", "%20Ab%C3%A9",
                             "Ab%C3%A9%C3%A9", "Ab%25C3%25A9"}) {
        sent.target = "/api/v1/" + std::string{user} + "/tasks";
        expect_error(service.send(sent), Error::forbidden);
    }
    for (const char* user : {"Ab%C3%A9", "Ab\xc3\xa9", "%41b%c3%a9"}) {
        sent.target = "/api/v1/" + std::string{user} + "/tasks";
        cr_expect_eq(service.send(sent).status(), 200);
    }
}

Test(tasks, lists_its_methods) {
    Service service{endpoint(), Engine::sqlite};
    for (const char* method : {"PUT", "PATCH", "DELETE", "TRACE", "get"}) {
        const auto response = service.send(service.with_token(method, my_tasks));
        expect_error(response, Error::method_not_allowed);
        EXPECT_TEXT(response.header("Allow"), "GET, HEAD, POST, OPTIONS");
    }
}

// --- rows of users

namespace {

// A request with a token of another issuer, for `me` by default. Deletes all users of the service
// with their data.
Sent as_first_of_other_issuer(Service& service, const std::string& method,
                              const std::string& body = "", const std::string& query = "",
                              const std::string& user = me) {
    auto sent = service.with_token(method, "/api/v1/" + user + "/tasks" + query, body);
    service.database().execute("DELETE FROM users");
    sent.authorization =
        service.foreign_bearer(user, R"(,"email":"Somebody@example.org","email_verified":true)");
    return sent;
}

}  // namespace

ON_BOTH_ENGINES(tasks, make_a_row_of_a_new_user) {
    const auto sent = as_first_of_other_issuer(service, "POST", R"({"title":"x"})");
    cr_assert_eq(service.send(sent).status(), 201);
    EXPECT_TEXT(service.database().execute("SELECT id || ' ' || email FROM users"),
                me + " somebody@example.org");
    service.database().execute("UPDATE users SET email = NULL");
    cr_assert_eq(service.send(sent).status(), 201);
    cr_assert_eq(count(service, "users WHERE email IS NULL"), 1, "it was written again");
}

ON_BOTH_ENGINES(tasks, make_a_row_without_an_address_that_nobody_verified) {
    auto sent = as_first_of_other_issuer(service, "POST", R"({"title":"x"})");
    sent.authorization = service.foreign_bearer(
        me, R"(,"email":"somebody@example.org","email_verified":false,"emailVerified":null)");
    cr_assert_eq(service.send(sent).status(), 201);
    cr_assert_eq(count(service, "users WHERE email IS NULL"), 1);
}

ON_BOTH_ENGINES(tasks, make_a_row_of_a_user_who_only_looks) {
    cr_assert_eq(service.send(as_first_of_other_issuer(service, "GET")).status(), 200);
    cr_assert_eq(count(service, "users"), 1);
}

ON_BOTH_ENGINES(tasks, make_no_row_for_what_is_refused_before) {
    expect_error(service.send(as_first_of_other_issuer(service, "POST", "{")),
                 Error::validation_error);
    expect_error(service.send(as_first_of_other_issuer(service, "GET", "", "?limit=0")),
                 Error::validation_error);
    cr_assert_eq(count(service, "users"), 0);
}

ON_BOTH_ENGINES(tasks, bring_back_a_user_whose_row_is_gone) {
    const auto before = as_first_of_other_issuer(service, "POST", R"({"title":"before"})");
    cr_assert_eq(service.send(before).status(), 201);
    service.database().execute("DELETE FROM tasks");
    EXPECT_TEXT(data_of(service.send(as_first_of_other_issuer(service, "GET"))), "[]");
    const auto response =
        service.send(as_first_of_other_issuer(service, "POST", R"({"title":"after"})"));
    cr_assert_eq(response.status(), 201, "%s", shown(response.body()).c_str());
    cr_assert_eq(count(service, "users WHERE id = '" + me + "'"), 1);
    cr_assert_eq(count(service, "tasks"), 1);
}

ON_BOTH_ENGINES(tasks, racing_first_requests_make_one_row) {
    const auto sent = as_first_of_other_issuer(service, "POST", R"({"title":"x"})");
    for (const auto& response : service.send_all(std::vector<Sent>(6, sent)))
        cr_expect_eq(response.status(), 201, "%s", shown(response.body()).c_str());
    cr_expect_eq(count(service, "users"), 1);
    cr_expect_eq(count(service, "tasks"), 6);
}

ON_BOTH_ENGINES(tasks, racing_users_of_one_address_all_get_a_row) {
    std::vector<Sent> sent;
    for (int i = 0; i < 6; ++i)
        sent.push_back(as_first_of_other_issuer(service, "POST", R"({"title":"x"})", "",
                                                "user" + std::to_string(i)));
    for (const auto& response : service.send_all(sent))
        cr_expect_eq(response.status(), 201, "%s", shown(response.body()).c_str());
    cr_expect_eq(count(service, "users"), 6);
    cr_expect_eq(count(service, "users WHERE email IS NOT NULL"), 1);
}

// A process asks for the account again even if it has served it before.
ON_BOTH_ENGINES(tasks, refuse_the_token_of_an_account_that_is_gone) {
    const auto looking = service.with_token("GET", my_tasks);
    const auto writing = service.with_token("POST", my_tasks, R"({"title":"x"})");
    cr_expect_eq(service.send(looking).status(), 200);
    cr_expect_eq(service.send(writing).status(), 201);
    service.database().execute("DELETE FROM tasks");
    service.database().execute("DELETE FROM users");
    for (const auto& sent : {looking, writing}) {
        const auto response = service.send(sent);
        expect_error(response, Error::invalid_token);
        EXPECT_TEXT(response.header("WWW-Authenticate"), R"(Bearer error="invalid_token")");
    }
    cr_expect_eq(count(service, "tasks"), 0);
    cr_expect_eq(count(service, "users"), 0);
    // Other users are served in the same batch of requests.
    auto another = looking;
    another.target = "/api/v1/" + other + "/tasks";
    another.authorization = service.bearer(other);
    const auto responses = service.send_all({writing, another, looking, another});
    for (const std::size_t i : {0u, 2u}) expect_error(responses[i], Error::invalid_token);
    for (const std::size_t i : {1u, 3u}) cr_expect_eq(responses[i].status(), 200);
    cr_expect_eq(count(service, "users"), 1);
}

// --- GET

ON_BOTH_ENGINES(tasks, lists_nothing_at_first) {
    const auto response = list(service);
    EXPECT_TEXT(data_of(response), "[]");
    EXPECT_TEXT(json::canonical(json_of(response)["pagination"]),
                R"({"has_more":false,"limit":100,"next_cursor":null,"offset":0,"total":0})");
    cr_assert_eq(count(service, "users WHERE id = '" + me + "'"), 1);
}

ON_BOTH_ENGINES(tasks, lists_the_newest_first_and_a_hundred_at_most) {
    for (int i = 0; i < 101; ++i) add_task(service, {.created_at = a_moment + i});
    const auto page = page_of(list(service));
    cr_assert_eq(page.ids.size(), 100u);
    cr_expect_eq(page.ids.front(), 101);
    cr_expect_eq(page.ids.back(), 2);
    cr_expect_eq(page.total, 101);
    const auto rest = page_of(list(service, "?cursor=" + page.next_cursor));
    EXPECT_TEXT(shown_ids(rest.ids), "1 ");
    cr_expect_eq(rest.total, 101);
    cr_expect_not(rest.has_more);
}

ON_BOTH_ENGINES(tasks, are_ordered_the_same_way_every_time) {
    add_samples(service);
    add_task(service, {.user_id = other});
    for_each_list(
        [&](const std::string& status, const std::string& sort, const std::string& order) {
            const auto query = query_of(status, sort, order);
            const auto page = page_of(list(service, query));
            const auto expected = expected_ids(status, sort, order);
            cr_expect(page.ids == expected, "%s gave %s and not %s", query.c_str(),
                      shown_ids(page.ids).c_str(), shown_ids(expected).c_str());
            cr_expect_eq(page.total, std::ssize(expected));
        });
}

// What the model computes is written out here once.
ON_BOTH_ENGINES(tasks, are_ordered_as_documented) {
    add_samples(service);
    static constexpr const char* cases[][2] = {
        {"?sort=title&order=asc", "5 1 3 6 9 7 4 8 2 "},
        {"?sort=title&order=desc", "2 8 4 7 9 6 3 1 5 "},
        {"?sort=due_date&order=asc", "4 1 5 6 7 9 2 3 8 "},
        {"?sort=due_date&order=desc", "9 7 6 5 1 4 8 3 2 "},
        {"?sort=priority&order=asc", "2 4 8 6 5 1 7 9 3 "},
        {"?sort=priority&order=desc", "3 9 7 1 5 6 8 4 2 "},
        {"?sort=priority", "3 9 7 1 5 6 8 4 2 "},
    };
    for (const auto& [query, ids] : cases)
        EXPECT_TEXT(shown_ids(page_of(list(service, query)).ids), ids);
}

ON_BOTH_ENGINES(tasks, come_once_each_page_by_page) {
    add_samples(service);
    for_each_list(
        [&](const std::string& status, const std::string& sort, const std::string& order) {
            const auto query = query_of(status, sort, order);
            const auto expected = expected_ids(status, sort, order);
            for (const int limit : {1, 2, 3}) {
                const auto ids = walk(service, query, limit);
                cr_expect(ids == expected, "%s by %d gave %s and not %s", query.c_str(), limit,
                          shown_ids(ids).c_str(), shown_ids(expected).c_str());
            }
        });
}

ON_BOTH_ENGINES(tasks, come_once_each_while_others_come_and_go) {
    add_samples(service);
    const auto known = std::ssize(samples);
    for_each_list(
        [&](const std::string& status, const std::string& sort, const std::string& order) {
            const auto query = query_of(status, sort, order);
            const auto ids = walk(service, query, 2, [&](const auto& seen) {
                if (seen.size() > 4) return;
                // These sort before all, after all, and next to ties.
                for (const int moment : {-10, 5, 20})
                    add_task(service, {.title = moment < 0   ? "!"
                                                : moment > 9 ? "\xf4\x8f\xbf\xbf~"
                                                             : "a",
                                       .completed = moment == 5,
                                       .created_at = a_moment + moment,
                                       .updated_at = a_moment + moment,
                                       .due_date = a_moment + moment,
                                       .priority = moment < 0   ? Priority::none
                                                   : moment > 9 ? Priority::urgent
                                                                : Priority::high});
            });
            std::vector<std::int64_t> old;
            std::copy_if(ids.begin(), ids.end(), std::back_inserter(old),
                         [&](auto id) { return id <= known; });
            const auto expected = expected_ids(status, sort, order);
            cr_expect(old == expected, "%s gave %s and not %s", query.c_str(),
                      shown_ids(old).c_str(), shown_ids(expected).c_str());
            cr_expect_eq(std::set(ids.begin(), ids.end()).size(), ids.size(), "%s gave one twice",
                         query.c_str());
            service.database().execute("DELETE FROM tasks WHERE id > " + std::to_string(known));
        });
}

// Deletes the task that the cursor was made from, and one that the cursor has not reached.
ON_BOTH_ENGINES(tasks, cursors_outlive_their_tasks) {
    add_samples(service);
    const auto query = query_of("all", "title", "asc");
    auto expected = expected_ids("all", "title", "asc");
    const auto last = expected.back();
    const auto ids = walk(service, query, 3, [&](const auto& seen) {
        service.database().execute("DELETE FROM tasks WHERE id IN (" + std::to_string(seen.back()) +
                                   ", " + std::to_string(last) + ")");
    });
    expected.pop_back();
    cr_assert(ids == expected, "%s", shown_ids(ids).c_str());
}

// A changed task moves to another place. Each of the others is still listed once.
ON_BOTH_ENGINES(tasks, cursors_outlive_changes) {
    add_samples(service);
    const auto query = query_of("all", "updated_at", "desc");
    const auto expected = expected_ids("all", "updated_at", "desc");
    const auto ids = walk(service, query, 2, [&](const auto& seen) {
        service.database().execute(
            "UPDATE tasks SET updated_at = (SELECT max(updated_at) FROM tasks), title = 'changed' "
            "WHERE id = " +
            std::to_string(seen.back()));
    });
    cr_assert(ids == expected, "%s", shown_ids(ids).c_str());
}

ON_BOTH_ENGINES(tasks, skips_an_offset) {
    add_samples(service);
    const auto expected = expected_ids("pending", "title", "asc");
    const auto query = query_of("pending", "title", "asc") + "&limit=2&offset=";
    for (const std::size_t offset : {0u, 1u, 3u, 4u, 5u, 6u, 2'147'483'647u}) {
        const auto response = list(service, query + std::to_string(offset));
        const auto page = page_of(response);
        const auto from = std::min(offset, expected.size());
        const auto to = std::min(from + 2, expected.size());
        const std::vector<std::int64_t> part(expected.begin() + long(from),
                                             expected.begin() + long(to));
        cr_expect(page.ids == part, "%zu: %s", offset, shown_ids(page.ids).c_str());
        cr_expect_eq(page.total, 5);
        cr_expect_eq(page.has_more, to < expected.size());
        cr_expect_eq(json_of(response)["pagination"]["offset"].GetInt64(),
                     static_cast<std::int64_t>(offset));
    }
    // A cursor works after a page that was requested by offset, too.
    const auto page = page_of(list(service, query + "1"));
    const auto next =
        page_of(list(service, query_of("pending", "title", "asc") + "&cursor=" + page.next_cursor));
    cr_expect(next.ids == std::vector(expected.begin() + 3, expected.end()), "%s",
              shown_ids(next.ids).c_str());
}

Test(tasks, refuses_bad_parameters) {
    Service service{endpoint(), Engine::sqlite};
    static constexpr struct {
        const char* query;
        const char* location;
        const char* type;
    } cases[] = {
        {"?limit=0", "query.limit", "greater_than_equal"},
        {"?limit=-1", "query.limit", "greater_than_equal"},
        {"?limit=101", "query.limit", "less_than_equal"},
        {"?limit=9223372036854775807", "query.limit", "less_than_equal"},
        {"?limit=9223372036854775808", "query.limit", "int_parsing"},
        {"?limit=", "query.limit", "int_parsing"},
        {"?limit", "query.limit", "int_parsing"},
        {"?limit=ten", "query.limit", "int_parsing"},
        {"?limit=1.0", "query.limit", "int_parsing"},
        {"?limit=1e1", "query.limit", "int_parsing"},
        {"?limit=0x1", "query.limit", "int_parsing"},
        {"?limit=%D9%A1", "query.limit", "int_parsing"},
        {"?limit=+1", "query.limit", "int_parsing"},
        {"?limit=%2B1", "query.limit", "int_parsing"},
        {"?limit=1%20", "query.limit", "int_parsing"},
        {"?limit=1%00", "query.limit", "value_error"},
        {"?limit=%zz", "query.limit", "value_error"},
        {"?limit=%ff", "query.limit", "value_error"},
        {"?limit=1&limit=1", "query.limit", "value_error"},
        {"?limit=1&%6cimit=2", "query.limit", "value_error"},
        {"?limit&limit=2", "query.limit", "value_error"},
        {"?offset=-1", "query.offset", "greater_than_equal"},
        {"?offset=2147483648", "query.offset", "less_than_equal"},
        {"?offset=99999999999999999999", "query.offset", "int_parsing"},
        {"?offset=", "query.offset", "int_parsing"},
        {"?offset=0&offset=0", "query.offset", "value_error"},
        {"?status=", "query.status", "enum"},
        {"?status=done", "query.status", "enum"},
        {"?status=All", "query.status", "enum"},
        {"?status=all|pending", "query.status", "enum"},
        {"?status=pending+", "query.status", "enum"},
        {"?status=pending&status=pending", "query.status", "value_error"},
        {"?sort=id", "query.sort", "enum"},
        {"?sort=title;%20DROP%20TABLE%20tasks", "query.sort", "enum"},
        {"?sort=", "query.sort", "enum"},
        {"?sort=title&sort=title", "query.sort", "value_error"},
        {"?order=DESC", "query.order", "enum"},
        {"?order=", "query.order", "enum"},
        {"?order=asc&order=desc", "query.order", "value_error"},
        {"?sort=due", "query.sort", "enum"},
        {"?sort=Priority", "query.sort", "enum"},
        {"?due_before=", "query.due_before", "datetime_parsing"},
        {"?due_before=tomorrow", "query.due_before", "datetime_parsing"},
        {"?due_before=2026-01-09", "query.due_before", "datetime_parsing"},
        {"?due_before=2026-01-09T17:00:00Z&due_before=2026-01-09T17:00:00Z", "query.due_before",
         "value_error"},
        {"?due_after=2026-01-09T17:00:00", "query.due_after", "datetime_parsing"},
        {"?due_after=1767875696", "query.due_after", "datetime_parsing"},
        {"?due_after=null", "query.due_after", "datetime_parsing"},
        // A plus sign that is not escaped is a space.
        {"?due_after=2026-01-09T17:00:00+02:00", "query.due_after", "datetime_parsing"},
        {"?priority=", "query.priority", "value_error"},
        {"?priority=high,", "query.priority", "value_error"},
        {"?priority=,high", "query.priority", "value_error"},
        {"?priority=high,,low", "query.priority", "value_error"},
        {"?priority=all", "query.priority", "enum"},
        {"?priority=3", "query.priority", "enum"},
        {"?priority=high;low", "query.priority", "enum"},
        {"?priority=high&priority=low", "query.priority", "value_error"},
        {"?tag=", "query.tag", "value_error"},
        {"?tag=%20", "query.tag", "value_error"},
        {"?tag=home,", "query.tag", "value_error"},
        {"?tag=home,%20,x", "query.tag", "value_error"},
        {"?tag=home&tag=x", "query.tag", "value_error"},
        {"?tag=a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q", "query.tag", "value_error"},
        {"?tag=123456789012345678901234567890123", "query.tag", "string_too_long"},
        {"?tag=%ff", "query.tag", "value_error"},
        {"?q=", "query.q", "string_too_short"},
        {"?q", "query.q", "string_too_short"},
        {"?q=%00", "query.q", "value_error"},
        {"?q=%ff", "query.q", "value_error"},
        {"?q=a&q=b", "query.q", "value_error"},
        {"?q=a%0Ab", "query.q", "value_error"},
        // Nothing is left of these: spaces, a combining accent, a soft hyphen.
        {"?q=%20", "query.q", "value_error"},
        {"?q=+++", "query.q", "value_error"},
        {"?q=%C2%A0%E3%80%80", "query.q", "value_error"},
        {"?q=%CC%81", "query.q", "value_error"},
        {"?q=%C2%AD%E2%80%8B", "query.q", "value_error"},
        {"?cursor=", "query.cursor", "value_error"},
        {"?cursor", "query.cursor", "value_error"},
        {"?cursor=x", "query.cursor", "value_error"},
        {"?cursor=null", "query.cursor", "value_error"},
        {"?cursor=00000000000000000000000000000000", "query.cursor", "value_error"},
        {"?cursor=a&cursor=b", "query.cursor", "value_error"},
        {"?cursor=%00", "query.cursor", "value_error"},
    };
    for (const auto& [query, location, type] : cases)
        expect_detail(list(service, query), location, type);
    expect_detail(list(service, "?q=" + repeated("%C3%A9", 101)), "query.q", "string_too_long");
    cr_expect_eq(list(service, "?q=" + repeated("%F0%9F%98%80", 100)).status(), 200);
    cr_expect_eq(list(service, "?tag=" + repeated("%F0%9F%98%80", 32)).status(), 200);
    cr_expect_eq(list(service, "?tag=a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p").status(), 200);
}

Test(tasks, reports_every_bad_parameter_at_once) {
    Service service{endpoint(), Engine::sqlite};
    const auto response = list(service,
                               "?limit=0&offset=-1&status=x&sort=x&order=x&due_before=x&due_after="
                               "x&priority=x&tag=&q=");
    expect_error(response, Error::validation_error);
    cr_assert_eq(json_of(response)["error"]["details"].Size(), 10);
}

// --- filters and searches

namespace {

// Eighty tasks with many ties, and values at the bounds.
std::vector<Task> random_tasks(unsigned seed) {
    std::mt19937 random{seed};
    const auto any = [&](std::size_t count) { return random() % count; };
    static constexpr const char* words[] = {"Apple", "apple", "\xc3\xa4pple", "pear", "Pear tree",
                                            "%",     "_",     "100% pear",    "\\",   "plum"};
    static constexpr const char* tags[] = {"home", "Home", "work", "h\xc3\xb6me", "ho", "a b"};
    std::vector<Task> tasks;
    for (std::int64_t id = 1; id <= 80; ++id) {
        Task task;
        task.id = id;
        task.title = words[any(std::size(words))];
        if (any(2) == 0) task.description = words[any(std::size(words))];
        task.completed = any(3) == 0;
        const std::int64_t moment = static_cast<std::int64_t>(any(5)) - 2;
        if (any(3) != 0) task.due_date = Timestamp{moment};
        if (any(20) == 0) task.due_date = any(2) == 0 ? Timestamp::first() : Timestamp::last();
        task.priority = static_cast<Priority>(any(priority_names.size()));
        for (const char* tag : tags)
            if (any(4) == 0 && !(tag == tags[1] && !task.tags.empty() && task.tags[0] == tags[0]))
                task.tags.emplace_back(tag);
        task.created_at = {a_moment + static_cast<std::int64_t>(any(6))};
        task.updated_at = {a_moment + static_cast<std::int64_t>(any(6))};
        tasks.push_back(task);
    }
    return tasks;
}

const std::vector<ModelQuery>& filters() {
    static const std::vector<ModelQuery> all{
        {},
        {.due_after = Timestamp{-1}},
        {.due_before = Timestamp{1}},
        {.due_after = Timestamp{-2}, .due_before = Timestamp{2}},
        {.due_after = Timestamp{1}, .due_before = Timestamp{-1}},
        {.due_after = Timestamp::first()},
        {.due_before = Timestamp::last()},
        {.priorities = {Priority::none}},
        {.priorities = {Priority::high, Priority::low}},
        {.tags = {"HOME"}},
        {.tags = {"home", "a b"}},
        {.q = "apple"},
        {.q = "PEAR %"},
        {.due_after = Timestamp{-2}, .priorities = {Priority::urgent, Priority::medium}, .q = "e"},
        {.due_before = Timestamp{2}, .tags = {"work"}, .q = "\xc3\xa9"},
    };
    return all;
}

}  // namespace

// A failure names the seed.
ON_BOTH_ENGINES(tasks, come_once_each_page_by_page_with_every_filter) {
    const auto seed = std::random_device{}() % 1'000'000;
    const auto tasks = random_tasks(seed);
    for (const auto& task : tasks) add(service, task);
    int number = 0;
    for (auto query : filters())
        for_each_list(
            [&](const std::string& status, const std::string& sort, const std::string& order) {
                query.status = status;
                query.sort = sort;
                query.order = order;
                const auto expected = listed_ids(tasks, query);
                const auto page = page_of(list(service, query.target()));
                cr_expect(page.ids == expected, "seed %u: %s gave %s and not %s", seed,
                          query.target().c_str(), shown_ids(page.ids).c_str(),
                          shown_ids(expected).c_str());
                cr_expect_eq(page.total, std::ssize(expected));
                const int limit = ++number % 2 == 0 ? 3 : 8;
                const auto ids = walk(service, query.target(), limit);
                cr_expect(ids == expected, "seed %u: %s by %d gave %s and not %s", seed,
                          query.target().c_str(), limit, shown_ids(ids).c_str(),
                          shown_ids(expected).c_str());
            });
}

ON_BOTH_ENGINES(tasks, skip_an_offset_in_every_order) {
    const auto tasks = random_tasks(1);
    for (const auto& task : tasks) add(service, task);
    for (auto query : {ModelQuery{}, ModelQuery{.q = "p"}, ModelQuery{.tags = {"home"}}})
        for_each_list(
            [&](const std::string& status, const std::string& sort, const std::string& order) {
                query.status = status;
                query.sort = sort;
                query.order = order;
                const auto expected = listed_ids(tasks, query);
                for (const std::size_t offset : {1u, 30u, 52u, 79u, 80u}) {
                    const auto page = page_of(list(
                        service, query.target() + "&limit=7&offset=" + std::to_string(offset)));
                    const auto from = std::min(offset, expected.size());
                    const auto to = std::min(from + 7, expected.size());
                    const std::vector<std::int64_t> part(expected.begin() + long(from),
                                                         expected.begin() + long(to));
                    cr_expect(page.ids == part, "%s from %zu: %s", query.target().c_str(), offset,
                              shown_ids(page.ids).c_str());
                }
            });
}

ON_BOTH_ENGINES(tasks, are_filtered_however_it_is_written) {
    add_task(service, {.due_date = a_moment, .priority = Priority::medium, .tags = {"a b", "c,d"}});
    add_task(service, {.due_date = a_moment + 1, .priority = Priority::high, .tags = {"A B", "X"}});
    static constexpr const char* cases[][2] = {
        {"?priority=normal", "1 "},
        {"?priority=MEDIUM", "1 "},
        {"?priority=%20Medium%20,+normal,HIGH", "2 1 "},
        {"?priority=high%2Clow", "2 "},
        {"?tag=A+B", "2 1 "},
        {"?tag=%20a%20b%20,x", "2 "},
        {"?tag=x,X,a%20b", "2 "},
        {"?tag=c", ""},  // a part of a tag is none
        {"?tag=a", ""},
        {"?tag=%C3%A1+b", ""},  // accents count
        {"?due_before=2026-01-08T12:34:56.123457Z", "1 "},
        {"?due_before=2026-01-08T12:34:56.123456Z", ""},
        {"?due_after=2026-01-08T12:34:56.123456Z", "2 "},
        {"?due_after=2026-01-08T14:34:56.123456%2B02:00", "2 "},
        {"?due_after=2026-01-08t11:34:56.123455-01:00", "2 1 "},
        {"?due_after=0001-01-01T00:00:00Z&due_before=9999-12-31T23:59:59.999999Z", "2 1 "},
        {"?q=two+MILK", "2 1 "},
        {"?q=two%20milk%20x", "2 "},
        {"?q=c,d", "1 "},
        {"?q=two+milk+juice", ""},
        {"?q=milktwo", ""},
        {"?q=%C2%A0milk%E3%80%80two", "2 1 "},
    };
    for (const auto& [query, ids] : cases) {
        const auto response = list(service, query);
        cr_assert_eq(response.status(), 200, "%s: %s", query, shown(response.body()).c_str());
        cr_expect(shown_ids(page_of(response).ids) == ids, "%s gave %s", query,
                  shown_ids(page_of(response).ids).c_str());
    }
}

// What a word spans is in one text: no word is found across the end of a text or a tag.
ON_BOTH_ENGINES(tasks, are_not_found_across_their_texts) {
    add_task(service, {.title = "ab", .description = "cd", .tags = {"ef", "gh"}});
    for (const char* q : {"bc", "de", "fg", "efgh", "abcd", "[", "%22", ","})
        cr_expect_eq(page_of(list(service, std::string{"?q="} + q)).total, 0, "%s", q);
    for (const char* q : {"ab", "b", "cd", "ef", "f", "gh", "a+c+e+g"})
        cr_expect_eq(page_of(list(service, std::string{"?q="} + q)).total, 1, "%s", q);
}

Test(tasks, takes_parameters_however_they_are_written) {
    Service service{endpoint(), Engine::sqlite};
    add_samples(service);
    for (const char* query :
         {"?limit=1", "?limit=01", "?limit=%31", "?%6c%69mit=1", "?&&limit=1&", "?=x&limit=1",
          "?limit=1&unknown=1&unknown=2", "?Limit=2&limit=1", "?limit=1&%zz=1", "?limit=1&x=%zz",
          "?limit=1&a=b=c", "?limit=1&offset=0", "?limit=1&x[]=1", "?limit=1&limit%20=7"})
        cr_expect_eq(page_of(list(service, query)).ids.size(), 1u, "%s", query);
    cr_expect_eq(page_of(list(service, "?")).ids.size(), std::size(samples));
    EXPECT_TEXT(shown_ids(page_of(list(service, "?status=completed&sort=titl%65&order=asc")).ids),
                shown_ids(expected_ids("completed", "title", "asc")));
}

// --- the same answers on both engines

namespace {

struct Text {
    const char* title;
    const char* description;
    std::vector<std::string> tags;
};

// Texts of many scripts, and what they contain in more than one form: composed and decomposed,
// wide and narrow, pointed and plain; also what is special in LIKE, SQL and JSON.
const std::vector<Text>& corpus() {
    static const std::vector<Text> texts{
        {"\u00c9clair au chocolat", "D\u00e9j\u00e0 vu", {"P\u00e2tisserie", "caf\u00e9"}},
        {"E\u0301clair a\u0300 la vanille", "de\u0301ja\u0300 pris", {"cafe\u0301 noir"}},
        {"eclair", "Without accents", {"cafe"}},
        {"Stra\u00dfe fegen", "GRO\u1e9eE STRASSE", {"Stra\u00dfe", "gr\u00fcn"}},
        {"\u0130stanbul'a git", "\u0131\u015f\u0131k ve I\u015eIK", {"\u0130\u015e", "is"}},
        {"DI\u015e \u0130I i\u0131", "T\u00fcrk\u00e7e", {"\u0131"}},
        {"\u039f\u03b4\u03c5\u03c3\u03c3\u03b5\u03cd\u03c2",
         "\u03a3\u03af\u03c3\u03c5\u03c6\u03bf\u03c2 \u03ac\u03bd\u03c9",
         {"\u03bb\u03cc\u03b3\u03bf\u03c2"}},
        {"\u039f\u0394\u03a5\u03a3\u03a3\u0395\u03a5\u03a3",
         "\u1f08\u03c7\u03b9\u03bb\u03bb\u03b5\u03cd\u03c2",
         {"\u039b\u039f\u0393\u039f\u03a3"}},
        {"\u041a\u0443\u043f\u0438\u0442\u044c \u0439\u043e\u0433\u0443\u0440\u0442",
         "\u0401\u043b\u043a\u0430 \u0438 \u0435\u043b\u044c",
         {"\u0414\u043e\u043c"}},
        {"\u041a\u0423\u041f\u0418\u0422\u042c \u0418\u0306",
         "\u0457\u0436\u0430\u043a",
         {"\u0434\u041e\u043c 2"}},
        {"\u0645\u064e\u062f\u0652\u0631\u064e\u0633\u064e\u0629",
         "\u0643\u062a\u0627\u0628 \u062c\u062f\u064a\u062f",
         {"\u0642\u0650\u0631\u0627\u0621\u0629"}},
        {"\u0645\u062f\u0631\u0633\u0629",
         "\u0643\u0640\u0640\u062a\u0627\u0628",
         {"\u0642\u0631\u0627\u0621\u0629"}},
        {"\u05e9\u05b8\u05c1\u05dc\u05d5\u05b9\u05dd",
         "\u05e2\u05d5\u05dc\u05dd",
         {"\u05d1\u05b7\u05bc\u05d9\u05b4\u05ea"}},
        {"\u05e9\u05dc\u05d5\u05dd", "\ufb2a", {"\u05d1\u05d9\u05ea"}},
        {"\u0939\u093f\u0928\u094d\u0926\u0940 \u0938\u0940\u0916\u0928\u093e",
         "\u0915\u093c \u0958",
         {"\u0915\u093e\u092e"}},
        {"\u0e0b\u0e37\u0e49\u0e2d\u0e19\u0e49\u0e33",
         "\u0e01\u0e33\u0e25\u0e31\u0e07",
         {"\u0e1a\u0e49\u0e32\u0e19"}},
        {"\u4e70\u725b\u5976", "\u8c46 \uf900 \u8c48", {"\u5bb6", "\u5de5\u4f5c"}},
        {"\u8cb7\u725b\u5976\u3000\u660e\u5929",
         "\u5168\u89d2\uff0c\u9017\u53f7",
         {"\u5bb6\u4e8b"}},
        {"\u30ab\u30bf\u30ab\u30ca \u30ac\u30ae", "\u3072\u3089\u304c\u306a", {"\u30d1\u30f3"}},
        {"\uff76\uff80\uff76\uff85 \uff76\uff9e\uff77\uff9e",
         "\u3072\u3089\u304b\u3099\u306a",
         {"\uff8a\uff9f\uff9d"}},
        {"\u3300 \u3349", "\u32bf \u2460", {"\u337f"}},
        {"\ud55c\uad6d\uc5b4 \uacf5\ubd80", "\uc6b0\uc720", {"\uc9d1"}},
        {"\u1112\u1161\u11ab\u1100\u116e\u11a8", "\u314e\u314f\u3134", {"\u110c\u1175\u11b8"}},
        {"Ti\u1ebfng Vi\u1ec7t",
         "Tie\u0302\u0301ng Vie\u0323\u0302t \u0110\u00e0 N\u1eb5ng",
         {"\u0111i\u1ec7n"}},
        {"\ufb01sh \ufb02ow o\ufb03ce", "\u0132sselmeer \u01c6 \u00c6on \u0152uvre", {"\ufb06ar"}},
        {"fish flow office", "ijsselmeer aeon oeuvre", {"star"}},
        {"\uff21\uff22\uff23 \uff11\uff12\uff13", "\uff05\uff3f\uff3c", {"\uff34\uff21\uff27"}},
        {"abc 123", "% _ \\", {"tag"}},
        {"\U0001f469\u200d\U0001f4bb at work",
         "\u2764\ufe0f \u2764",
         {"\U0001f1e9\U0001f1ea", "\U0001f44d\U0001f3fd"}},
        {"\U0001f469\U0001f4bb", "\U0001f44d", {"\U0001f1e9"}},
        {"co\u00adopera\u00adtion", "zero\u200bwidth\u200dspace\ufeff", {"so\u00adft"}},
        {"cooperation", "zerowidthspace", {"soft"}},
        {"\u200b", "\u0301", {"\u200b"}},
        {"100% sure_thing", "50%_off", {"a%b", "a_b"}},
        {"100x sure thing", "50 off", {"axb", "a b"}},
        {"back\\slash", "C:\\new\\%", {"\\", "\\\\"}},
        {"it's \"quoted\"", "O'Neill said: 'x'", {"'", "\""}},
        {"line\nbreak\ttab",
         "a\x1e"
         "b\x1f"
         "c\x7f"
         "d",
         {"one\ntwo"}},
        {"[1,2]", "{\"a\":null}", {"[]", "null"}},
        {"null", "undefined \\u0041", {"\\n"}},
        {"-- drop", "/* x */ ; $1 :q ?", {"--", "$1"}},
        {"\u212b \u212a \u2126 \u00b5", "\u00c5 k \u03c9 \u03bc", {"\u00c5ngstr\u00f6m"}},
        {"x\u00b2 + \u00bd \u2122 \u2167", "x2 1/2 tm viii", {"H\u2082O"}},
        {"\U0001d504\U0001d51f\U0001d520", "\U00010400\U00010428 \U0001e900", {"\U0001d7d9"}},
        {"\u13a0\uab70 \u10a0\u2d00 \u1c90", "\u0390 \u1fd3 \u0587", {"\ua64a"}},
        {"\ufffd \U0010ffff", "\uf8ff \ufdfa", {"\ufdfd"}},
        {"a", "", {}},
        {"A", "", {}},
        {"\u00e4", "", {}},
        {"\u00c4", "", {}},
        {"a\u0308", "", {}},
        {"b", "", {}},
    };
    return texts;
}

std::vector<std::uint32_t> characters_of(std::string_view text) {
    std::vector<std::uint32_t> characters;
    for (std::size_t at = 0; at < text.size();) {
        utf8proc_int32_t character = 0;
        const auto length = utf8proc_iterate(
            reinterpret_cast<const utf8proc_uint8_t*>(text.data() + at), -1, &character);
        cr_assert_gt(length, 0);
        characters.push_back(static_cast<std::uint32_t>(character));
        at += static_cast<std::size_t>(length);
    }
    return characters;
}

std::string text_of(const std::vector<std::uint32_t>& characters) {
    std::string text;
    for (const auto character : characters) {
        utf8proc_uint8_t bytes[4];
        const auto length = utf8proc_encode_char(static_cast<utf8proc_int32_t>(character), bytes);
        text.append(reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(length));
    }
    return text;
}

std::string mapped(const std::string& text, utf8proc_int32_t (*map)(utf8proc_int32_t)) {
    auto characters = characters_of(text);
    for (auto& character : characters)
        character = static_cast<std::uint32_t>(map(static_cast<utf8proc_int32_t>(character)));
    return text_of(characters);
}

// Up to `count` characters from a place on.
std::string part_of(const std::string& text, std::size_t from, std::size_t count) {
    const auto characters = characters_of(text);
    from = std::min(from, characters.size());
    count = std::min(count, characters.size() - from);
    return text_of({characters.begin() + long(from), characters.begin() + long(from + count)});
}

// What a user might search for to find a text, and what is nearly that.
std::set<std::string> searches_for(const Text& text, const Text& next) {
    std::set<std::string> searches;
    const auto add = [&](const std::string& q) {
        if (!has_control_bytes(q)) searches.insert(part_of(q, 0, 100));
    };
    std::string previous = next.title;
    std::vector<std::string> all{text.title, text.description};
    all.insert(all.end(), text.tags.begin(), text.tags.end());
    for (const auto& whole : all) {
        add(whole);
        for (const auto word_view : split(whole, ' ')) {
            const std::string word{word_view};
            add(word);
            add(mapped(word, &utf8proc_toupper));
            add(mapped(word, &utf8proc_tolower));
            add(folded(word));
            add(nfc(word));
            add(part_of(word, 1, 3));
            add(part_of(word, characters_of(word).size() / 2, 2));
            add(word + " " + previous);
            add(part_of(word, 0, 2) + "\u3000" + part_of(previous, 1, 1));
            previous = word;
        }
    }
    searches.erase("");
    return searches;
}

// Both engines, with the same tasks. The service makes each task, so that the ids are equal.
class BothEngines {
public:
    BothEngines() {
        for (const auto& text : corpus()) {
            Task task;
            task.id = std::ssize(tasks_) + 1;
            task.title = text.title;
            task.description = text.description;
            task.tags = text.tags;
            task.completed = task.id % 3 == 0;
            if (task.id % 4 != 0) task.due_date = Timestamp{(task.id % 7 - 3) * 86'400'000'000};
            task.priority = static_cast<Priority>(task.id % 5);
            task.created_at = {task.id};
            task.updated_at = {task.id};
            const auto body =
                R"({"title":)" + json::write(task.title) + R"(,"description":)" +
                json::write(task.description) + R"(,"tags":)" + json::write(task.tags) +
                R"(,"completed":)" + json::write(task.completed) + R"(,"due_date":)" +
                json::write(task.due_date) + R"(,"priority":)" + json::write(task.priority) + "}";
            for (auto* service : {&sqlite_, &postgres_}) {
                const auto response = create(*service, body);
                cr_assert_eq(response.status(), 201, "%s", shown(response.body()).c_str());
                cr_assert_eq(json_of(response)["data"]["id"].GetInt64(), task.id);
            }
            tasks_.push_back(std::move(task));
        }
    }

    // Each engine must list what the model does, in its order, on one page and page by page.
    void expect_same(const ModelQuery& query, int limit) {
        ++queries_;
        const auto expected = listed_ids(tasks_, query);
        if (!expected.empty()) ++answered_;
        for (auto* service : {&sqlite_, &postgres_}) {
            const char* const engine = service == &sqlite_ ? "SQLite" : "PostgreSQL";
            const auto page = page_of(list(*service, query.target()));
            cr_expect(page.ids == expected, "%s, %s (%s): %s and not %s", engine,
                      query.target().c_str(), query.q.c_str(), shown_ids(page.ids).c_str(),
                      shown_ids(expected).c_str());
            cr_expect_eq(page.total, std::ssize(expected));
            const auto ids = walk(*service, query.target(), limit);
            cr_expect(ids == expected, "%s, %s by %d: %s and not %s", engine,
                      query.target().c_str(), limit, shown_ids(ids).c_str(),
                      shown_ids(expected).c_str());
        }
    }

    void expect_refused(const ModelQuery& query) {
        for (auto* service : {&sqlite_, &postgres_})
            expect_detail(list(*service, query.target()), "query.q", "value_error");
    }

    const std::vector<Task>& tasks() const { return tasks_; }
    int queries() const { return queries_; }
    int answered() const { return answered_; }

private:
    Service sqlite_{endpoint(), Engine::sqlite};
    Service postgres_{endpoint(), Engine::postgres};
    std::vector<Task> tasks_;
    int queries_ = 0;
    int answered_ = 0;
};

}  // namespace

Test(tasks, searches_agree_on_both_engines) {
    BothEngines both;
    int number = 0;
    for (std::size_t i = 0; i < corpus().size(); ++i)
        for (const auto& q : searches_for(corpus()[i], corpus()[(i + 7) % corpus().size()])) {
            ModelQuery query{.q = q};
            ++number;
            query.sort = task_sorts[static_cast<std::size_t>(number) % std::size(task_sorts)];
            query.order = task_orders[number / 5 % 2];
            if (number % 4 == 0) query.status = task_statuses[number / 4 % 3];
            if (folded(q).find_first_not_of(' ') == std::string::npos)
                both.expect_refused(query);
            else
                both.expect_same(query, 1 + number % 7);
        }
    cr_expect_geq(both.queries(), 500);
    cr_expect_geq(both.answered(), 400);
}

Test(tasks, filters_and_orders_agree_on_both_engines) {
    BothEngines both;
    std::vector<ModelQuery> queries{{}};
    for (const auto& task : both.tasks())
        for (const auto& tag : task.tags) {
            if (has_control_bytes(tag)) continue;
            queries.push_back({.tags = {tag}});
            queries.push_back({.tags = {mapped(tag, &utf8proc_toupper)}});
            queries.push_back({.tags = {folded(tag).empty() ? tag : folded(tag)}});
            queries.push_back({.tags = {tag, task.tags.front()}, .q = tag});
        }
    for (int day = -3; day <= 3; ++day) {
        const Timestamp moment{day * std::int64_t{86'400'000'000}};
        queries.push_back({.due_after = moment});
        queries.push_back({.due_before = moment});
        queries.push_back({.due_after = moment, .priorities = {Priority::low, Priority::urgent}});
    }
    int number = 0;
    for (auto query : queries) {
        ++number;
        query.status = task_statuses[number % 3];
        if (folded(query.q).find_first_not_of(' ') == std::string::npos) query.q.clear();
        query.sort = task_sorts[static_cast<std::size_t>(number) % std::size(task_sorts)];
        query.order = task_orders[number / 5 % 2];
        both.expect_same(query, 1 + number % 9);
    }
    for_each_list(
        [&](const std::string& status, const std::string& sort, const std::string& order) {
            for (const int limit : {1, 10})
                both.expect_same({.status = status, .sort = sort, .order = order}, limit);
        });
    cr_expect_geq(both.queries(), 300);
}

// --- rows of other programs

ON_BOTH_ENGINES(tasks, of_other_programs_are_listed_and_found) {
    add_task(service, {.title = "apple", .description = ""});
    add_task(service, {.title = "zoo", .description = ""});
    const auto events = count(service, "events");
    const auto now = literal(service, {a_moment});
    service.database().execute(
        "INSERT INTO tasks (user_id, title, description, completed, created_at, updated_at) "
        "VALUES ('" +
        me + "', 'Zebra CROSSING', 'For \"ALL\"', false, " + now + ", " + now + ")");
    const auto found = [&](const std::string& q) {
        return shown_ids(page_of(list(service, "?q=" + q)).ids);
    };
    // One event, which represents the task as the list does.
    const auto expect_event = [&](const std::string& type, std::int64_t number) {
        cr_expect_eq(count(service, "events"), events + number);
        const auto all = data_of(list(service, "?sort=created_at&q=e"));
        const auto data = json::parse(all);
        for (const auto& task : data.GetArray())
            if (task["id"].GetInt64() == 3)
                EXPECT_TEXT(last_event(service),
                            type + " user:" + me + " /tasks/3 " + json::canonical(task));
    };
    const auto folded_columns = [&] {
        return service.database().execute(
            "SELECT folds || '|' || folded_title || '|' || folded_text FROM tasks WHERE id = 3");
    };
    expect_event("task.created", 1);
    EXPECT_TEXT(folded_columns(),
                "0|zebra crossing|zebra crossing\x1e"
                "for \"all\"\x1e[]");
    EXPECT_TEXT(found("ZEBRA+all"), "3 ");
    EXPECT_TEXT(shown_ids(page_of(list(service, "?sort=title&order=asc")).ids), "1 3 2 ");
    EXPECT_TEXT(shown_ids(page_of(list(service, "?sort=title&order=desc")).ids), "2 3 1 ");

    const auto change = [&](const std::string& what) {
        service.database().execute("UPDATE tasks SET " + what + " WHERE id = 3");
    };
    change("title = 'Plain BREAD'");
    expect_event("task.updated", 2);
    EXPECT_TEXT(folded_columns(),
                "0|plain bread|plain bread\x1e"
                "for \"all\"\x1e[]");
    EXPECT_TEXT(found("zebra"), "");
    EXPECT_TEXT(found("bread"), "3 ");
    change("tags = '[\"Home\"]', description = 'Seeds'");
    expect_event("task.updated", 3);
    EXPECT_TEXT(found("home+seeds+plain"), "3 ");
    EXPECT_TEXT(found("all"), "");

    // Folding alone leaves no event.
    change("folded_title = 'plain bread', folded_text = 'plain bread', folds = 1");
    cr_expect_eq(count(service, "events"), events + 3);
    // What is no text leaves the folded ones alone.
    change("completed = true, priority = 4");
    expect_event("task.updated", 4);
    EXPECT_TEXT(folded_columns(), "1|plain bread|plain bread");
    change("title = title, description = description, tags = tags");
    expect_event("task.updated", 5);
    EXPECT_TEXT(folded_columns(), "1|plain bread|plain bread");
    change("title = 'Eggs'");
    expect_event("task.updated", 6);
    EXPECT_TEXT(folded_columns(), "0|eggs|eggs\x1eseeds\x1e[\"home\"]");
}

// --- cursors

ON_BOTH_ENGINES(tasks, a_cursor_belongs_to_its_list) {
    add_samples(service);
    for_each_list(
        [&](const std::string& status, const std::string& sort, const std::string& order) {
            const auto query = query_of(status, sort, order);
            const auto cursor = "&cursor=" + page_of(list(service, query + "&limit=1")).next_cursor;
            for_each_list([&](const std::string& a, const std::string& b, const std::string& c) {
                const auto foreign = query_of(a, b, c);
                const auto response = list(service, foreign + cursor);
                if (foreign == query)
                    cr_expect_eq(response.status(), 200);
                else
                    expect_detail(response, "query.cursor", "value_error");
            });
        });
}

ON_BOTH_ENGINES(tasks, a_cursor_belongs_to_its_filters) {
    for (int i = 0; i < 3; ++i)
        add_task(service, {.title = "a b", .due_date = a_moment, .tags = {"a", "b"}});
    // Each row is one list, however it is written.
    const std::vector<std::vector<std::string>> lists{
        {"?limit=1", "?limit=2&order=desc"},
        {"?limit=1&q=a", "?limit=1&q=A", "?limit=1&q=%20%C3%A1+"},
        {"?limit=1&q=b"},
        {"?limit=1&q=a+b"},
        {"?limit=1&tag=a", "?limit=1&tag=A"},
        {"?limit=1&tag=a,b"},
        {"?limit=1&tag=a&q=b"},
        {"?limit=1&priority=none,high", "?limit=1&priority=HIGH,none,none"},
        {"?limit=1&priority=none,low"},
        {"?limit=1&due_before=2027-01-01T00:00:00Z",
         "?limit=1&due_before=2027-01-01T02:00:00%2B02:00"},
        {"?limit=1&due_before=2027-01-01T00:00:00.000001Z"},
        {"?limit=1&due_after=2025-01-01T00:00:00Z"},
        {"?limit=1&due_after=2025-01-01T00:00:00Z&due_before=2027-01-01T00:00:00Z"},
        {"?limit=1&sort=due_date"},
        {"?limit=1&sort=due_date&q=a"},
        {"?limit=1&sort=priority&q=a"},
        {"?limit=1&sort=title&q=a"},
    };
    for (const auto& own : lists) {
        const auto cursor = "&cursor=" + page_of(list(service, own.front())).next_cursor;
        for (const auto& other_list : lists)
            for (const auto& query : other_list)
                if (&other_list == &own)
                    EXPECT_TEXT(shown_ids(page_of(list(service, query + cursor)).ids).substr(0, 1),
                                "2");
                else
                    expect_detail(list(service, query + cursor), "query.cursor", "value_error");
    }
}

// Those of lists without new parameters are good across releases, except by title, whose order has
// changed.
ON_BOTH_ENGINES(tasks, cursors_of_earlier_releases) {
    add_samples(service);
    const auto query = query_of("all", "created_at", "asc");
    const auto expected = expected_ids("all", "created_at", "asc");
    const auto old = [](const std::string& list, const std::string& key, std::int64_t id) {
        return "&cursor=" + write_cursor(list + " of " + me, Position{key, id});
    };
    const auto next = page_of(
        list(service, query + old("tasks all created_at asc", std::to_string(a_moment + 1), 7)));
    cr_expect(
        next.ids == std::vector(std::find(expected.begin(), expected.end(), 7) + 1, expected.end()),
        "%s", shown_ids(next.ids).c_str());
    for (const std::string order : {"asc", "desc"})
        expect_detail(list(service, query_of("all", "title", order) +
                                        old("tasks all title " + order, "a", 1)),
                      "query.cursor", "value_error");
}

// Anybody can compute the digest of a cursor, so its values are checked.
ON_BOTH_ENGINES(tasks, cursors_with_values_that_no_page_has) {
    add_samples(service);
    for (const std::string sort : {"due_date", "priority", "created_at"})
        for (const std::string key : {"x", "1.5", "99999999999999999999", "-62135596800000001",
                                      "253402300800000000", " 1", "+1"})
            for (const std::string parts : {"", R"( all   31 ["a"])"}) {
                const auto is_search = !parts.empty();
                const auto name = "tasks all " + sort + " asc" +
                                  (is_search ? R"(   31 ["a"])" : "") + " of " + me;
                const auto response = list(service, "?sort=" + sort + "&order=asc&cursor=" +
                                                        write_cursor(name, Position{key, 1}) +
                                                        (is_search ? "&q=a" : ""));
                // A priority may be any whole number.
                if (sort == "priority" && (key.starts_with("-") || key.starts_with("2")))
                    cr_expect_eq(response.status(), 200, "%s", key.c_str());
                else
                    expect_detail(response, "query.cursor", "value_error");
            }
}

Test(tasks, a_cursor_belongs_to_its_user) {
    Service service{endpoint(), Engine::sqlite};
    add_samples(service);
    add_task(service, {.user_id = other});
    const auto cursor = page_of(list(service, "?limit=1")).next_cursor;
    auto sent = service.with_token("GET", "/api/v1/other/tasks?cursor=" + cursor);
    sent.authorization = service.bearer(other);
    expect_detail(service.send(sent), "query.cursor", "value_error");
}

Test(tasks, a_cursor_takes_any_limit) {
    Service service{endpoint(), Engine::sqlite};
    add_samples(service);
    const auto cursor = page_of(list(service, "?limit=1")).next_cursor;
    cr_assert_eq(page_of(list(service, "?limit=100&cursor=" + cursor)).ids.size(),
                 std::size(samples) - 1);
}

Test(tasks, a_cursor_goes_without_an_offset) {
    Service service{endpoint(), Engine::sqlite};
    add_samples(service);
    const auto cursor = "&cursor=" + page_of(list(service, "?limit=1")).next_cursor;
    expect_detail(list(service, "?offset=1" + cursor), "query.offset", "value_error");
    cr_assert_eq(list(service, "?offset=0" + cursor).status(), 200);
}

Test(tasks, a_cursor_that_was_tampered_with_is_none) {
    Service service{endpoint(), Engine::sqlite};
    add_samples(service);
    for (const char* sort : {"?sort=title", "?sort=created_at", "?sort=due_date",
                             "?sort=due_date&order=asc", "?sort=priority"}) {
        const auto query = std::string{sort} + "&limit=3&cursor=";
        const auto cursor = page_of(list(service, std::string{sort} + "&limit=3")).next_cursor;
        cr_assert_eq(list(service, query + cursor).status(), 200);
        for (std::size_t i = 0; i < cursor.size(); ++i) {
            auto changed = cursor;
            changed[i] = changed[i] == '0' ? '1' : '0';
            expect_detail(list(service, query + changed), "query.cursor", "value_error");
            expect_detail(list(service, query + cursor.substr(0, i)), "query.cursor",
                          "value_error");
        }
        for (const char* more : {"0", "00", "61", "%20", "+", "%25", "g"})
            expect_detail(list(service, query + cursor + more), "query.cursor", "value_error");
        auto upper = cursor;
        for (char& c : upper)
            if (c >= 'a') c = static_cast<char>(c - 32);
        expect_detail(list(service, query + upper), "query.cursor", "value_error");
        expect_detail(list(service, query + repeated("f", 8000)), "query.cursor", "value_error");
    }
}

// --- ETags

ON_BOTH_ENGINES(tasks, are_not_modified_while_nothing_changes) {
    add_samples(service);
    service.database().wait_for_feed();
    const auto etag = page_of(list(service)).etag;
    auto sent = service.with_token("GET", my_tasks);
    for (const auto& header : {etag, "W/" + etag, "\"x\", " + etag, std::string{"*"}})
        for (const char* method : {"GET", "HEAD"}) {
            sent.method = method;
            sent.if_none_match = header;
            const auto response = service.send(sent);
            cr_expect_eq(response.status(), 304);
            EXPECT_TEXT(response.body(), "");
            EXPECT_TEXT(response.etag(), etag);
        }
    sent.method = "GET";
    sent.if_none_match = etag;
    add_task(service, {.user_id = other});
    cr_expect_eq(service.send(sent).status(), 304, "another's task changed the ETag");
    add_task(service);
    cr_expect_eq(service.send(sent).status(), 200);
}

ON_BOTH_ENGINES(tasks, found_ones_are_not_modified_while_nothing_changes) {
    add_task(service, {.due_date = a_moment, .tags = {"home"}});
    service.database().wait_for_feed();
    for (const char* query :
         {"?q=milk", "?q=nothing", "?tag=home", "?priority=none,low", "?sort=due_date",
          "?sort=priority&q=two", "?due_before=2027-01-01T00:00:00Z"}) {
        auto sent = service.with_token("GET", my_tasks + query);
        const auto first = service.send(sent);
        cr_expect(is_list_tag(first.etag()), "%s", query);
        sent.if_none_match = first.etag();
        cr_expect_eq(service.send(sent).status(), 304, "%s", query);
        sent.if_none_match.clear();
        EXPECT_TEXT(service.send(sent).body(), first.body());
    }
}

// One tag has one body, whatever the mount, and whether the list was read or kept.
ON_BOTH_ENGINES(tasks, have_one_body_for_a_tag) {
    add_samples(service);
    service.database().wait_for_feed();
    for (const std::int64_t mib : {8, 0}) {
        service.config().list_cache_mib = mib;
        const auto first = list(service);
        cr_expect(is_list_tag(first.etag()), "%s", std::string{first.etag()}.c_str());
        for (const auto& path : {my_tasks, "/api/" + me + "/tasks", std::string{"/api/tasks"}}) {
            const auto same = service.send(service.with_token("GET", path));
            EXPECT_TEXT(same.etag(), first.etag());
            EXPECT_TEXT(same.body(), first.body());
        }
    }
}

// The tags of other lists, pages, users and versions mean nothing here.
ON_BOTH_ENGINES(tasks, know_only_their_own_tags) {
    add_task(service);
    service.database().wait_for_feed();
    const auto ask = [&](const std::string& path, const std::string& tag,
                         const std::string& user = me) {
        auto sent = service.with_token("GET", path);
        sent.authorization = service.bearer(user);
        sent.if_none_match = tag;
        return service.send(sent).status();
    };
    const std::string tag{list(service).etag()};
    cr_expect_eq(ask("/api/tasks", tag), 304);
    cr_expect_eq(ask("/api/tasks?limit=99", tag), 200);
    cr_expect_eq(ask("/api/tasks?sort=title", tag), 200);
    cr_expect_eq(ask("/api/tasks?status=pending", tag), 200);
    for (const char* query : {"?priority=none", "?q=milk", "?tag=x", "?sort=due_date",
                              "?due_before=2027-01-01T00:00:00Z"})
        cr_expect_eq(ask(std::string{"/api/tasks"} + query, tag), 200, "%s", query);
    cr_expect_eq(ask("/api/tasks", tag, other), 200);
    const auto changed = [&](std::size_t at) {
        auto copy = tag;
        copy[at] = copy[at] == '1' ? '2' : '1';
        return copy;
    };
    cr_expect_eq(ask("/api/tasks", changed(1)), 200);
    cr_expect_eq(ask("/api/tasks", changed(tag.size() - 2)), 200);
    cr_expect_eq(ask("/api/tasks", "\"x\", " + changed(1) + ", W/" + tag), 304);
}

// What the revision does not tell is not seen, so whoever disables triggers begins a new history
// (docs/operating.md).
ON_BOTH_ENGINES(tasks, are_read_again_after_changes_without_events) {
    add_task(service, {.title = "before"});
    service.database().wait_for_feed();
    const std::string before{list(service).body()};
    service.database().execute(
        is_sqlite(service) ? "DROP TRIGGER task_updated; UPDATE tasks SET title = 'after'"
                           : "SET session_replication_role = replica; "
                             "UPDATE tasks SET title = 'after'; RESET session_replication_role");
    EXPECT_TEXT(list(service).body(), before);
    service.database().execute("INSERT INTO feed_epoch DEFAULT VALUES");
    const auto after = list(service);
    cr_expect(after.body().find("after") != after.body().npos);
}

// An older transaction may still change the list, so its tag is that of the body, which remains
// good for those who have it.
Test(tasks, keep_the_tag_of_the_body_beside_older_transactions) {
    Service service{endpoint(), Engine::postgres};
    const PgConnection older{PQconnectdb(service.database().url().c_str())};
    const auto run = [&](const char* sql) { PQclear(PQexec(older.get(), sql)); };
    add_task(service);
    run("BEGIN; SELECT pg_current_xact_id()");
    add_task(service);
    const std::string tag{list(service).etag()};
    cr_expect_eq(tag.size(), 66u);
    auto sent = service.with_token("GET", my_tasks);
    const auto expect = [&](const std::string& if_match, const std::string& if_none_match,
                            int status, const std::string& etag) {
        sent.if_match = if_match;
        sent.if_none_match = if_none_match;
        const auto response = service.send(sent);
        cr_expect_eq(response.status(), status, "%s, %s", if_match.c_str(), if_none_match.c_str());
        EXPECT_TEXT(response.etag(), etag);
    };
    expect("", tag, 304, tag);
    run("COMMIT");
    service.database().wait_for_feed();
    for (const std::int64_t mib : {0, 8, 8}) {
        service.config().list_cache_mib = mib;
        expect("", tag, 304, tag);
        expect("", "W/" + tag, 304, tag);
        expect(tag, "", 200, tag);
        expect(tag, tag, 304, tag);
        const std::string settled{list(service).etag()};
        cr_assert(is_list_tag(settled), "%s", settled.c_str());
        expect("", settled, 304, settled);
        expect("", "*", 304, settled);
        expect("", tag + ", " + settled, 304, settled);
        expect("", "\"x\"", 200, settled);
        expect(settled, settled, 304, settled);
        expect(settled, "", 200, settled);
        expect("*", settled, 304, settled);
        expect("\"x\"", settled, 412, "");
        expect("W/" + settled, "", 412, "");
    }
}

// Two pages may hold the same tasks and still differ.
Test(tasks, the_etag_covers_the_pagination) {
    Service service{endpoint(), Engine::sqlite};
    add_task(service);
    std::set<std::string> etags;
    for (const char* query : {"?limit=1", "?limit=2"})
        etags.insert(page_of(list(service, query)).etag);
    add_task(service, {.created_at = a_moment - 1});
    etags.insert(page_of(list(service, "?limit=1")).etag);
    cr_assert_eq(etags.size(), 3u);
}

Test(tasks, head_is_get_without_its_body) {
    Service service{endpoint(), Engine::sqlite};
    add_samples(service);
    const auto get = list(service);
    auto head = service.send(service.with_token("HEAD", my_tasks));
    cr_expect_eq(head.status(), 200);
    EXPECT_TEXT(head.body(), "");
    EXPECT_TEXT(head.etag(), get.etag());
    cr_expect_eq(head.content_length(), get.body().size());
}

// --- limits

ON_BOTH_ENGINES(tasks, limits_writes) {
    expect_limits_writes(service, service.with_token("POST", "/api/tasks", R"({"title":"x"})"));
    const auto read = service.send(service.with_token("GET", "/api/tasks"));
    cr_expect_eq(read.status(), 200);
    EXPECT_TEXT(read.header("X-RateLimit-Limit"), "");
}

// A request without proof, for another user or without JSON in its body is not counted.
ON_BOTH_ENGINES(tasks, counts_what_may_write) {
    service.config().user_rate_limit = Rate{2, std::chrono::hours{1}};
    const auto sent = service.with_token("POST", my_tasks, R"({"title":"x"})");
    auto bad = sent;
    bad.content_type = "text/plain";
    expect_error(service.send(bad), Error::unsupported_media_type);
    bad = sent;
    bad.authorization.clear();
    expect_error(service.send(bad), Error::auth_required);
    bad.authorization = service.bearer(other);
    const auto refused = service.send(bad);
    expect_error(refused, Error::forbidden);
    EXPECT_TEXT(refused.header("X-RateLimit-Limit"), "");
    bad = sent;
    bad.body = R"({"title":1})";
    const auto invalid = service.send(bad);
    expect_detail(invalid, "body.title", "string_type");
    EXPECT_TEXT(invalid.header("X-RateLimit-Remaining"), "1");
    EXPECT_TEXT(service.send(sent).header("X-RateLimit-Remaining"), "0");
    expect_error(service.send(sent), Error::rate_limited);
}

ON_BOTH_ENGINES(tasks, limits_no_writes_if_that_is_off) {
    service.config().user_rate_limit.reset();
    const auto response = create(service, R"({"title":"x"})");
    cr_expect_eq(response.status(), 201);
    for (const char* name : {"X-RateLimit-Limit", "RateLimit", "RateLimit-Policy"})
        EXPECT_TEXT(response.header(name), "");
}

ON_BOTH_ENGINES(tasks, keeps_to_the_quota) {
    service.config().max_tasks_per_user = 3;
    add_task(service);
    const auto id = add_task(service);
    add_task(service, {.user_id = other});
    cr_expect_eq(create(service, R"({"title":"the last"})").status(), 201);
    const auto before = last_event(service);
    for (int i = 0; i < 2; ++i)
        expect_error(create(service, R"({"title":"one more"})"), Error::quota_exceeded);
    cr_expect_eq(count(service, "tasks"), 4);
    EXPECT_TEXT(last_event(service), before);
    auto of_another = service.with_token("POST", "/api/tasks", R"({"title":"x"})");
    of_another.authorization = service.bearer(other);
    cr_expect_eq(service.send(of_another).status(), 201);
    service.database().execute("DELETE FROM tasks WHERE id = " + std::to_string(id));
    cr_expect_eq(create(service, R"({"title":"in its place"})").status(), 201);
    expect_error(create(service, R"({"title":"one more"})"), Error::quota_exceeded);
    service.config().max_tasks_per_user.reset();
    cr_expect_eq(create(service, R"({"title":"one more"})").status(), 201);
}

// Each connection to PostgreSQL counts in a slot of its own.
ON_BOTH_ENGINES(tasks, counts_over_all_connections) {
    service.config().max_tasks_per_user = 20;
    const auto sent = service.with_token("POST", my_tasks, R"({"title":"x"})");
    for (const auto& response : service.send_all(std::vector<Sent>(19, sent)))
        cr_expect_eq(response.status(), 201);
    cr_expect_eq(service.send(sent).status(), 201);
    expect_error(service.send(sent), Error::quota_exceeded);
    service.database().execute("DELETE FROM tasks WHERE id % 2 = 0");
    const auto counted = [&] {
        return std::stoll(service.database().execute("SELECT sum(total) FROM task_counts"));
    };
    cr_expect_eq(counted(), count(service, "tasks"));
    remove_all(service, "users");
    cr_expect_eq(count(service, "task_counts"), 0);
    service.database().add_user(me);
    cr_expect_eq(service.send(sent).status(), 201);
    cr_expect_eq(counted(), 1);
}

// --- Idempotency-Key

ON_BOTH_ENGINES(tasks, are_created_once_for_a_key) {
    expect_created_once(
        service,
        service.with_token("POST", "/api/tasks", R"({"title":"\"x\" é","description":null})"),
        R"({"title":"y"})", "tasks", "UPDATE tasks SET title = 'changed'", "DELETE FROM tasks");
}

// What is compared is what the service has read, wherever it was sent to.
ON_BOTH_ENGINES(tasks, recognize_a_request_at_every_path) {
    auto sent = service.with_token("POST", my_tasks, R"({"title":"x"})");
    sent.idempotency_key = "k";
    const auto first = service.send(sent);
    cr_assert_eq(first.status(), 201);
    EXPECT_TEXT(first.header("Location"), my_tasks + "/1");
    for (const auto& path : {std::string{"/api/tasks"}, "/api/" + me + "/tasks"}) {
        sent.target = path;
        sent.body = R"({ "title" : "\u0078" })";
        expect_same(service.send(sent), first);
    }
    sent.body = R"({"title":"x","completed":true})";
    expect_detail(service.send(sent), "header.Idempotency-Key", "value_error");
    cr_expect_eq(count(service, "tasks"), 1);
}

ON_BOTH_ENGINES(tasks, keep_the_keys_of_users_apart) {
    auto sent = service.with_token("POST", "/api/tasks", R"({"title":"x"})");
    sent.idempotency_key = "k";
    cr_expect_eq(service.send(sent).status(), 201);
    // The second user has no row yet.
    for (const auto& token : {service.bearer(other), service.foreign_bearer("a newcomer")}) {
        sent.authorization = token;
        sent.body = R"({"title":"another"})";
        const auto first = service.send(sent);
        cr_expect_eq(first.status(), 201, "%s", shown(first.body()).c_str());
        expect_same(service.send(sent), first);
    }
    cr_expect_eq(count(service, "tasks"), 3);
    cr_expect_eq(count(service, "request_keys"), 3);
    remove_all(service, "users");
    cr_expect_eq(count(service, "request_keys"), 0);
}

// The quota refuses a new key, and a repeated request gets its answer also when it is reached.
ON_BOTH_ENGINES(tasks, leave_a_key_unused_above_the_quota) {
    service.config().max_tasks_per_user = 1;
    auto sent = service.with_token("POST", my_tasks, R"({"title":"x"})");
    sent.idempotency_key = "first";
    const auto first = service.send(sent);
    cr_assert_eq(first.status(), 201);
    auto refused = sent;
    refused.idempotency_key = "refused";
    for (const auto& response : service.send_all({refused, sent, refused, sent})) {
        if (response.status() == 201)
            expect_same(response, first);
        else
            expect_error(response, Error::quota_exceeded);
    }
    cr_expect_eq(count(service, "request_keys"), 1);
    cr_expect_eq(count(service, "events"), 1);
    refused.body = R"({"title":"y"})";
    service.config().max_tasks_per_user.reset();
    const auto second = service.send(refused);
    cr_expect_eq(second.status(), 201);
    expect_same(service.send(refused), second);
}

// The user of a repeated request is checked like any other.
ON_BOTH_ENGINES(tasks, repeat_nothing_for_a_disabled_user) {
    auto sent = service.with_token("POST", my_tasks, R"({"title":"x"})");
    sent.idempotency_key = "k";
    cr_assert_eq(service.send(sent).status(), 201);
    service.database().execute("UPDATE users SET disabled_at = created_at");
    expect_error(service.send(sent), Error::invalid_token);
    service.database().execute("UPDATE users SET disabled_at = NULL");
    cr_expect_eq(service.send(sent).status(), 201);
    cr_expect_eq(count(service, "tasks"), 1);
}
