#include <algorithm>

#include "tests/support/json_text.hpp"
#include "tests/support/once.hpp"
#include "tests/support/personal.hpp"

namespace {

Response create(Service& service, const std::string& body = "") {
    return service.send(service.with_token("POST", my_conversations, body));
}

Response list(Service& service, const std::string& query = "") {
    return service.send(service.with_token("GET", my_conversations + query));
}

// Conversation i + 1 was created at the first moment of samples[i] and updated at the second.
constexpr int samples[][2] = {{5, 5}, {5, 9}, {3, 9}, {7, 7}, {5, 5}, {1, 9}, {1, 1}};

void add_samples(Service& service) {
    for (const auto& [created, updated] : samples)
        add_conversation(service, me, a_moment + created, a_moment + updated);
}

std::vector<std::int64_t> expected_ids(bool by_creation, bool is_ascending) {
    std::vector<std::int64_t> ids;
    for (std::int64_t id = 1; id <= std::ssize(samples); ++id) ids.push_back(id);
    std::sort(ids.begin(), ids.end(), [&](auto a, auto b) {
        const auto column = by_creation ? 0 : 1;
        return std::pair{samples[a - 1][column], a} < std::pair{samples[b - 1][column], b};
    });
    if (!is_ascending) std::reverse(ids.begin(), ids.end());
    return ids;
}

template <class Visit>
void for_each_list(Visit visit) {
    for (const bool by_creation : {true, false})
        for (const bool is_ascending : {true, false})
            visit(std::string{"?sort="} + (by_creation ? "created_at" : "updated_at") +
                      "&order=" + (is_ascending ? "asc" : "desc"),
                  expected_ids(by_creation, is_ascending));
}

}  // namespace

ON_BOTH_ENGINES(conversations, creates_one) {
    const auto response = create(service);
    cr_assert_eq(response.status(), 201, "%s", shown(response.body()).c_str());
    const auto moment = member(json_of(response)["data"], "created_at");
    EXPECT_TEXT(data_of(response, "Conversation created"),
                json_text(R"({"created_at":$,"id":1,"title":null,"updated_at":$,"user_id":$})",
                          moment, moment, me));
    EXPECT_TEXT(last_event(service), "conversation.created user:" + me + " /conversations/1 " +
                                         data_of(response, "Conversation created"));
    EXPECT_TEXT(response.header("Location"), my_conversations + "/1");
    cr_expect_eq(response.etag().size(), 66u);
    cr_assert_eq(count(service, "conversations WHERE user_id = '" + me + "'"), 1);
}

ON_BOTH_ENGINES(conversations, creates_one_with_a_title) {
    for (const auto& [sent, title] :
         {std::pair{R"(" Plans ")", "Plans"},
          {R"("\u00e9\"\\\u2028\u0001")", "\xc3\xa9\"\\\xe2\x80\xa8\x01"},
          {"null", "<null>"}}) {
        const auto response = create(service, std::string{R"({"title":)"} + sent + "}");
        cr_assert_eq(response.status(), 201, "%s", shown(response.body()).c_str());
        const auto body = json_of(response);
        EXPECT_TEXT(member(body["data"], "title"), title);
        const auto data = data_of(response, "Conversation created");
        EXPECT_TEXT(last_event(service), "conversation.created user:" + me + " /conversations/" +
                                             std::to_string(body["data"]["id"].GetInt64()) + " " +
                                             data);
        EXPECT_TEXT(data_of(list(service, "?limit=1")), "[" + data + "]");
    }
}

ON_BOTH_ENGINES(conversations, takes_an_empty_object_or_nothing) {
    cr_expect_eq(create(service, "{}").status(), 201);
    const auto too_long = R"({"title":")" + std::string(201, 'x') + R"("})";
    const struct {
        const char* body;
        const char* location;
        const char* type;
    } cases[] = {
        {R"({"title":" "})", "body.title", "string_too_short"},
        {too_long.c_str(), "body.title", "string_too_long"},
        {R"({"title":["x"]})", "body.title", "string_type"},
        {R"({"name":"x"})", "body.name", "extra_forbidden"},
        {"null", "body", "model_attributes_type"},
        {"[]", "body", "model_attributes_type"},
        {"{", "body.1", "json_invalid"},
    };
    for (const auto& [body, location, type] : cases)
        expect_detail(create(service, body), location, type);
    auto sent = service.with_token("POST", my_conversations, "{}");
    sent.content_type = "text/plain";
    expect_error(service.send(sent), Error::unsupported_media_type);
    sent.body = std::string(65'537, ' ');
    expect_error(service.send(sent), Error::payload_too_large);
    cr_assert_eq(count(service, "conversations"), 1);
}

ON_BOTH_ENGINES(conversations, lists_nothing_at_first) {
    const auto response = list(service);
    EXPECT_TEXT(data_of(response), "[]");
    EXPECT_TEXT(json::canonical(json_of(response)["pagination"]),
                R"({"has_more":false,"limit":100,"next_cursor":null,"offset":0,"total":0})");
}

ON_BOTH_ENGINES(conversations, lists_the_newest_first) {
    add_samples(service);
    add_conversation(service, other);
    const auto response = list(service);
    cr_assert(ids_of(response) == expected_ids(true, false));
    cr_assert_eq(json_of(response)["pagination"]["total"].GetInt64(), std::ssize(samples));
}

ON_BOTH_ENGINES(conversations, come_once_each_page_by_page) {
    add_samples(service);
    for_each_list([&](const std::string& query, const std::vector<std::int64_t>& expected) {
        cr_expect(ids_of(list(service, query)) == expected, "%s", query.c_str());
        for (const char* limit : {"&limit=1", "&limit=2", "&limit=3"}) {
            std::vector<std::int64_t> ids;
            std::string cursor;
            while (cursor != "&cursor=<null>") {
                const auto page = list(service, query + limit + cursor);
                for (const auto id : ids_of(page)) ids.push_back(id);
                cursor = "&cursor=" + next_cursor(page);
                if (ids.size() > 3) continue;
                // These sort before and after all others.
                add_conversation(service, me, a_moment - 9, a_moment - 9);
                add_conversation(service, me, a_moment + 99, a_moment + 99);
            }
            std::erase_if(ids, [](auto id) { return id > std::ssize(samples); });
            cr_expect(ids == expected, "%s%s", query.c_str(), limit);
            service.database().execute("DELETE FROM conversations WHERE id > " +
                                       std::to_string(std::size(samples)));
        }
    });
}

ON_BOTH_ENGINES(conversations, skips_an_offset) {
    add_samples(service);
    const auto expected = expected_ids(true, false);
    const auto page = list(service, "?limit=2&offset=4");
    cr_assert(ids_of(page) == std::vector(expected.begin() + 4, expected.begin() + 6));
    cr_assert(ids_of(list(service, "?cursor=" + next_cursor(page))) ==
              std::vector(expected.begin() + 6, expected.end()));
    cr_assert(ids_of(list(service, "?offset=2147483647")).empty());
}

ON_BOTH_ENGINES(conversations, a_cursor_belongs_to_its_list) {
    add_samples(service);
    for_each_list([&](const std::string& query, const auto&) {
        const auto cursor = next_cursor(list(service, query + "&limit=1"));
        for_each_list([&](const std::string& foreign, const auto&) {
            const auto response = list(service, foreign + "&cursor=" + cursor);
            if (foreign == query)
                cr_expect_eq(response.status(), 200);
            else
                expect_detail(response, "query.cursor", "value_error");
        });
        auto sent =
            service.with_token("GET", "/api/v1/other/conversations" + query + "&cursor=" + cursor);
        sent.authorization = service.bearer(other);
        expect_detail(service.send(sent), "query.cursor", "value_error");
        expect_detail(list(service, query + "&cursor=" + cursor.substr(0, cursor.size() - 2)),
                      "query.cursor", "value_error");
        expect_detail(list(service, query + "&offset=1&cursor=" + cursor), "query.offset",
                      "value_error");
    });
}

Test(conversations, refuses_bad_parameters) {
    Service service{endpoint(), Engine::sqlite};
    static constexpr struct {
        const char* query;
        const char* location;
        const char* type;
    } cases[] = {
        {"?limit=0", "query.limit", "greater_than_equal"},
        {"?limit=101", "query.limit", "less_than_equal"},
        {"?limit=x", "query.limit", "int_parsing"},
        {"?limit=1&limit=1", "query.limit", "value_error"},
        {"?offset=-1", "query.offset", "greater_than_equal"},
        {"?offset=2147483648", "query.offset", "less_than_equal"},
        {"?sort=title", "query.sort", "enum"},
        {"?sort=", "query.sort", "enum"},
        {"?order=ASC", "query.order", "enum"},
        {"?cursor=", "query.cursor", "value_error"},
        {"?cursor=x", "query.cursor", "value_error"},
    };
    for (const auto& [query, location, type] : cases)
        expect_detail(list(service, query), location, type);
    cr_assert_eq(list(service, "?status=x&last=x").status(), 200, "an unknown one is ignored");
}

ON_BOTH_ENGINES(conversations, are_not_modified_while_nothing_changes) {
    add_samples(service);
    auto sent = service.with_token("GET", my_conversations);
    sent.if_none_match = list(service).etag();
    cr_expect_eq(service.send(sent).status(), 304);
    add_conversation(service, other);
    cr_expect_eq(service.send(sent).status(), 304);
    sent.method = "HEAD";
    cr_expect_eq(service.send(sent).status(), 304);
    service.database().execute("UPDATE conversations SET updated_at = created_at WHERE id = 2");
    const auto changed = service.send(sent);
    cr_expect_eq(changed.status(), 200);
    EXPECT_TEXT(changed.body(), "");
}

ON_BOTH_ENGINES(conversations, are_their_owners_alone) {
    for (const char* method : {"GET", "POST"})
        expect_owner_only(service, service.with_token(method, my_conversations));
    cr_assert_eq(count(service, "conversations"), 0);
}

Test(conversations, lists_its_methods) {
    Service service{endpoint(), Engine::sqlite};
    const auto response = service.send(service.with_token("DELETE", my_conversations));
    expect_error(response, Error::method_not_allowed);
    EXPECT_TEXT(response.header("Allow"), "GET, HEAD, POST, OPTIONS");
}

ON_BOTH_ENGINES(conversations, limits_writes) {
    expect_limits_writes(service, service.with_token("POST", "/api/conversations"));
}

ON_BOTH_ENGINES(conversations, keeps_to_the_quota) {
    service.config().max_conversations_per_user = 2;
    const auto id = add_conversation(service);
    add_conversation(service, other);
    const auto sent = service.with_token("POST", "/api/conversations");
    cr_expect_eq(service.send(sent).status(), 201);
    expect_error(service.send(sent), Error::quota_exceeded);
    cr_expect_eq(count(service, "conversations"), 3);
    service.database().execute("DELETE FROM conversations WHERE id = " + std::to_string(id));
    cr_expect_eq(service.send(sent).status(), 201);
    expect_error(service.send(sent), Error::quota_exceeded);
    service.config().max_conversations_per_user.reset();
    cr_expect_eq(service.send(sent).status(), 201);
}

// Their body has no members, so there is no other one.
ON_BOTH_ENGINES(conversations, are_created_once_for_a_key) {
    expect_created_once(service, service.with_token("POST", "/api/conversations", "{}"), "",
                        "conversations", "UPDATE conversations SET created_at = updated_at",
                        "DELETE FROM conversations");
}

ON_BOTH_ENGINES(conversations, are_created_once_without_a_body) {
    auto sent = service.with_token("POST", my_conversations);
    sent.idempotency_key = "k";
    const auto first = service.send(sent);
    cr_expect_eq(first.status(), 201);
    sent.body = "{}";
    sent.content_type = "application/json";
    expect_same(service.send(sent), first);
    cr_expect_eq(count(service, "conversations"), 1);
}
