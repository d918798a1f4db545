#include <libpq-fe.h>

#include <algorithm>
#include <set>

#include "tests/support/literals.hpp"
#include "tests/support/personal.hpp"

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
};
// In byte order the titles are "A" "a" "a" "a b" "ab" "ä" U+FFFD U+10000 U+10FFFF. UTF-16 or the
// collation of a language would order them differently.
constexpr Sample samples[] = {
    {"a", false, 5, 5},   {"\xf4\x8f\xbf\xbf", true, 5, 9},
    {"a", true, 5, 7},    {"\xef\xbf\xbd", false, 3, 7},
    {"A", false, 7, 7},   {"\xc3\xa4", true, 5, 5},
    {"ab", true, 1, 9},   {"\xf0\x90\x80\x80", false, 1, 1},
    {"a b", false, 1, 9},
};

void add_samples(Service& service) {
    for (const auto& [title, completed, created, updated] : samples)
        add_task(service, {.title = title,
                           .completed = completed,
                           .created_at = a_moment + created,
                           .updated_at = a_moment + updated});
}

constexpr const char* statuses[] = {"all", "pending", "completed"};
constexpr const char* sorts[] = {"created_at", "updated_at", "title"};
constexpr const char* orders[] = {"asc", "desc"};

std::string query_of(const std::string& status, const std::string& sort, const std::string& order) {
    return "?status=" + status + "&sort=" + sort + "&order=" + order;
}

// The ids of the list in the expected order. The id of samples[i] is i + 1.
std::vector<std::int64_t> expected_ids(const std::string& status, const std::string& sort,
                                       const std::string& order) {
    const auto key = [&](std::int64_t id) {
        const auto& sample = samples[id - 1];
        return sort == "title"
                   ? std::string{sample.title}
                   : std::to_string(sort == "created_at" ? sample.created : sample.updated);
    };
    std::vector<std::int64_t> ids;
    for (std::int64_t id = 1; id <= std::ssize(samples); ++id)
        if (status == "all" || samples[id - 1].completed == (status == "completed"))
            ids.push_back(id);
    std::sort(ids.begin(), ids.end(), [&](auto a, auto b) {
        return std::pair{key(a), a} < std::pair{key(b), b};
    });
    if (order == "desc") std::reverse(ids.begin(), ids.end());
    return ids;
}

template <class Visit>
void for_each_list(Visit visit) {
    for (const char* status : statuses)
        for (const char* sort : sorts)
            for (const char* order : orders) visit(status, sort, order);
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
    const auto response = create(service, R"({"title":"","description":1,"completed":0,"x":1})");
    expect_error(response, Error::validation_error);
    cr_assert_eq(json_of(response)["error"]["details"].Size(), 4);
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
                                       .updated_at = a_moment + moment});
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
}

Test(tasks, reports_every_bad_parameter_at_once) {
    Service service{endpoint(), Engine::sqlite};
    const auto response = list(service, "?limit=0&offset=-1&status=x&sort=x&order=x");
    expect_error(response, Error::validation_error);
    cr_assert_eq(json_of(response)["error"]["details"].Size(), 5);
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
    for (const char* sort : {"?sort=title", "?sort=created_at"}) {
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
