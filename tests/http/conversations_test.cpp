// Conversations through nginx: the largest messages, from the request to each reader of the feed.
#include "shared/json/fields.hpp"
#include "tests/support/stack/event_stream.hpp"
#include "tests/support/stack/stack.hpp"
#include "tests/support/web_socket.hpp"

namespace {

std::string repeated(const char* text, int times) {
    std::string all;
    for (int i = 0; i < times; ++i) all += text;
    return all;
}

// The conversation of a user of its own, with the path of its messages.
struct Conversation {
    const Stack& stack;
    std::string authorization = stack.authorization_of("ann");
    std::string messages = create();

    Reply post(const std::string& path, const std::string& body) const {
        return stack.send(
            {.method = "POST", .path = path, .body = body, .headers = {authorization}});
    }
    Reply get(const std::string& path) const {
        return stack.send({.path = path, .headers = {authorization}});
    }

private:
    std::string create() const {
        const auto made = post("/api/conversations", R"({"title":"long"})");
        cr_assert_eq(made.status, 201, "%s", made.body.c_str());
        return made.header("location") + "/messages";
    }
};

// 32,000 characters of four bytes each, and 16 KiB of metadata.
std::string longest_message() {
    static const auto content = repeated("\xf0\x9f\x98\x80", 32'000);
    return R"({"role":"tool","content":")" + content + R"(","metadata":")" +
           std::string(16'382, 'x') + R"("})";
}

// Pages hold events up to a size, so each of these may be alone on its page.
void expect_pages(const Conversation& conversation, std::size_t count, const std::string& data) {
    std::string cursor = "0";
    std::size_t found = 0;
    for (std::string before; before != cursor;) {
        const auto page = conversation.get("/events?types=message.*&after=" + cursor);
        cr_assert_eq(page.status, 200, "%s", page.body.c_str());
        const auto body = json::parse(page.body);
        for (const auto& event : body["events"].GetArray()) {
            ++found;
            cr_expect(json::canonical(event["data"]) == data);
        }
        before = std::exchange(cursor, json_member(page.body, "next_cursor"));
    }
    cr_expect_eq(found, count);
}

void reach_every_reader(Engine engine) {
    const Stack stack{engine};
    const Conversation conversation{stack};
    EventStream tail{stack.port(), "/events/tail?types=message.*", {conversation.authorization}};
    WebSocketClient socket{stack.port(), "/ws?types=message.*", {conversation.authorization}};
    EXPECT_TEXT(json_member(socket.next(), "type"), "connection");

    const auto made = conversation.post(conversation.messages, longest_message());
    cr_assert_eq(made.status, 201, "%s", made.body.substr(0, 500).c_str());
    const auto data = json::canonical(json::parse(made.body)["data"]);
    cr_expect_gt(data.size(), 144'000u);
    const auto event = tail.next();
    cr_assert(event.has_value());
    cr_expect(json::canonical(json::parse(event->data)["data"]) == data);
    const auto message = socket.next();
    cr_assert_neq(message, "<nothing>");
    cr_expect(json::canonical(json::parse(message)["event"]["data"]) == data);
    expect_pages(conversation, 1, data);
}

}  // namespace

Test(conversations, long_messages_reach_every_reader_on_sqlite) {
    reach_every_reader(Engine::sqlite);
}
Test(conversations, long_messages_reach_every_reader_on_postgres) {
    reach_every_reader(Engine::postgres);
}

// A reader that comes late, and a page of a list, get a hundred of them.
ON_BOTH(conversations, a_page_holds_the_longest_messages, Stack, stack) {
    const Conversation conversation{stack};
    constexpr int count = 100;
    for (int i = 0; i < count; ++i)
        cr_assert_eq(conversation.post(conversation.messages, longest_message()).status, 201);
    const auto page = conversation.get(conversation.messages);
    cr_assert_eq(page.status, 200, "%s", page.body.substr(0, 500).c_str());
    cr_expect_gt(page.body.size(), 14'400'000u);
    EXPECT_TEXT(json_member(page.body, "pagination.total"), std::to_string(count));
    EventStream tail{
        stack.port(), "/events/tail?after=0&types=message.*", {conversation.authorization}};
    for (int i = 0; i < count; ++i) cr_assert(tail.next().has_value(), "event %d", i);
}

Test(conversations, bodies_have_limits_of_their_own) {
    const Stack stack{Engine::sqlite};
    const Conversation conversation{stack};
    const auto padded = [](std::string body, std::size_t size) {
        body.resize(size, ' ');
        return body;
    };
    const std::string begin = R"({"role":"user","content":")";
    const auto escaped = begin + repeated(R"(\ud83d\ude00)", (262'144 - 30) / 12) + "\"}";
    const auto batch = R"({"messages":[)" + longest_message() + "," + longest_message() + "]}";
    const auto at_batch = conversation.messages + "/batch";
    for (const auto& [path, body, most] :
         {std::tuple{conversation.messages, escaped, 262'144UL}, {at_batch, batch, 1'048'576UL}}) {
        const auto taken = conversation.post(path, padded(body, most));
        cr_expect_eq(taken.status, 201, "%s", taken.body.substr(0, 500).c_str());
        const auto refused = conversation.post(path, padded(body, most + 1));
        cr_expect_eq(refused.status, 413);
        EXPECT_TEXT(json_member(refused.body, "error.code"), "PAYLOAD_TOO_LARGE");
    }
    cr_expect_eq(
        conversation
            .post(conversation.messages, begin + repeated(R"(\ud83d\ude00)", 32'000) + "\"}")
            .status,
        413);
}
