#include <map>
#include <random>
#include <set>

#include "tests/support/json_text.hpp"
#include "tests/support/once.hpp"
#include "tests/support/personal.hpp"

namespace {

const std::string path = my_conversations + "/1/messages/batch";

// The body of a batch of these messages, each of them JSON.
std::string batch_of(const std::vector<std::string>& messages) {
    std::string items;
    for (const auto& message : messages) items.append(items.empty() ? "" : ",").append(message);
    return R"({"messages":[)" + items + "]}";
}

std::string message(const std::string& content, const std::string& client_id = "") {
    if (client_id.empty()) return json_text(R"({"role":"user","content":$})", content);
    return json_text(R"({"role":"user","content":$,"client_message_id":$})", content, client_id);
}

Response add(Service& service, const std::vector<std::string>& messages) {
    return service.send(service.with_token("POST", path, batch_of(messages)));
}

// One string or number of each message of a response.
std::vector<std::string> each(const Response& response, const char* name) {
    std::vector<std::string> values;
    const auto body = json_of(response);
    cr_assert(body.HasMember("data") && body["data"].IsArray(), "%s",
              shown(response.body()).c_str());
    for (const auto& one : body["data"].GetArray())
        values.push_back(one[name].IsInt64() ? std::to_string(one[name].GetInt64())
                                             : member(one, name));
    return values;
}

using Texts = std::vector<std::string>;

std::string updated_at(Service& service) {
    return service.database().execute("SELECT updated_at FROM conversations WHERE id = 1");
}

}  // namespace

ON_BOTH_ENGINES(messages_batch, adds_all_in_order) {
    add_conversation(service);
    const auto events = count(service, "events");
    const auto response =
        add(service, {R"({"role":"system","content":"be brief"})",
                      R"({"role":"user","content":"What is due?","client_message_id":"turn-1"})",
                      R"({"role":"assistant","content":null,"metadata":{"b":[1.0],"a":"\u2028"}})",
                      R"({"role":"tool","content":"'\"\\","metadata":"x"})"});
    cr_assert_eq(response.status(), 201, "%s", shown(response.body()).c_str());
    const auto moment = each(response, "created_at").front();
    EXPECT_TEXT(
        data_of(response, "Messages created"),
        json_text(
            R"([{"client_message_id":null,"content":"be brief","conversation_id":1,)"
            R"("created_at":$,"id":1,"metadata":null,"role":"system"},)"
            R"({"client_message_id":"turn-1","content":"What is due?","conversation_id":1,)"
            R"("created_at":$,"id":2,"metadata":null,"role":"user"},)"
            R"({"client_message_id":null,"content":"","conversation_id":1,"created_at":$,"id":3,)"
            "\"metadata\":{\"a\":\"\xe2\x80\xa8\",\"b\":[1]},\"role\":\"assistant\"},"
            R"({"client_message_id":null,"content":"'\"\\","conversation_id":1,"created_at":$,)"
            R"("id":4,"metadata":"x","role":"tool"}])",
            moment, moment, moment, moment));
    EXPECT_TEXT(response.header("Location"), "");
    EXPECT_TEXT(response.etag(), "");
    // The conversation is touched once.
    cr_expect_eq(count(service, "events"), events + 5);
    cr_expect_eq(count(service, "events WHERE type = 'conversation.updated'"), 1);
    cr_expect_eq(count(service, "conversations, messages WHERE updated_at = messages.created_at"),
                 4);
    EXPECT_TEXT(last_event(service), "message.created user:" + me +
                                         " /conversations/1/messages/4 " +
                                         json::canonical(json_of(response)["data"][3]));
}

ON_BOTH_ENGINES(messages_batch, returns_those_that_exist_in_their_place) {
    add_conversation(service);
    add(service, {message("one", "1"), message("two", "2")});
    const auto mixed = add(
        service, {message("new"), message("other", "2"), message("three", "3"), message("last")});
    cr_assert_eq(mixed.status(), 201, "%s", shown(mixed.body()).c_str());
    cr_expect(each(mixed, "content") == (Texts{"new", "two", "three", "last"}));
    cr_expect(each(mixed, "id") == (Texts{"3", "2", "4", "5"}));

    const auto events = count(service, "events");
    const auto before = updated_at(service);
    const auto again = add(service, {message("x", "3"), message("x", "1"), message("x", "3")});
    cr_expect_eq(again.status(), 200);
    cr_expect(json_of(again)["message"].IsNull());
    cr_expect(each(again, "content") == (Texts{"three", "one", "three"}));
    cr_expect_eq(count(service, "events"), events);
    cr_expect_eq(count(service, "messages"), 5);
    EXPECT_TEXT(updated_at(service), before);
}

ON_BOTH_ENGINES(messages_batch, adds_an_id_that_it_has_twice_once) {
    add_conversation(service);
    const auto response = add(service, {message("first", "a"), message("between"),
                                        message("second", "a"), message("third", "a")});
    cr_assert_eq(response.status(), 201, "%s", shown(response.body()).c_str());
    cr_expect(each(response, "content") == (Texts{"first", "between", "first", "first"}));
    cr_expect(each(response, "id") == (Texts{"1", "2", "1", "1"}));
    cr_expect_eq(count(service, "messages"), 2);
}

ON_BOTH_ENGINES(messages_batch, locates_faults) {
    add_conversation(service);
    const auto good = message("x");
    static constexpr struct {
        const char* bad;
        const char* location;
        const char* type;
    } cases[] = {
        {R"({"role":"user","content":""})", "body.messages.1.content", "string_too_short"},
        {R"({"role":"user","content":"","metadata":null})", "body.messages.1.content",
         "string_too_short"},
        {R"({"role":"user"})", "body.messages.1.content", "missing"},
        {R"({"role":"x","content":"x"})", "body.messages.1.role", "enum"},
        {R"({"role":"user","content":"x","id":1})", "body.messages.1.id", "extra_forbidden"},
        {R"({"role":"user","content":"x","client_message_id":""})",
         "body.messages.1.client_message_id", "string_too_short"},
        {"null", "body.messages.1", "model_attributes_type"},
    };
    for (const auto& [bad, location, type] : cases)
        expect_detail(add(service, {good, bad, good}), location, type);
    const auto too_long =
        json_text(R"({"role":"user","content":"x","metadata":$})", std::string(16'383, 'x'));
    expect_detail(add(service, {too_long}), "body.messages.0.metadata", "too_long");
    expect_detail(add(service, {}), "body.messages", "too_short");
    expect_detail(add(service, Texts(101, good)), "body.messages", "too_long");
    const auto send = [&](const std::string& body) {
        return service.send(service.with_token("POST", path, body));
    };
    expect_detail(send("{}"), "body.messages", "missing");
    expect_detail(send(R"({"messages":{}})"), "body.messages", "list_type");
    expect_detail(send("[]"), "body", "model_attributes_type");
    expect_detail(send(""), "body", "missing");
    cr_assert_eq(count(service, "messages"), 0);
    cr_assert_eq(count(service, "conversations WHERE updated_at = created_at"), 1);
}

// Every fault is reported, also in one message.
Test(messages_batch, reports_all_faults) {
    Service service{endpoint(), Engine::sqlite};
    const auto response =
        add(service, {R"({"role":"x","content":""})", message("x"), R"({"content":1})"});
    std::string faults;
    const auto body = json_of(response);
    for (const auto& detail : body["error"]["details"].GetArray())
        faults += json::canonical(detail["loc"]) + " " + member(detail, "type") + "\n";
    EXPECT_TEXT(faults,
                "[\"body\",\"messages\",0,\"role\"] enum\n"
                "[\"body\",\"messages\",0,\"content\"] string_too_short\n"
                "[\"body\",\"messages\",2,\"content\"] string_type\n"
                "[\"body\",\"messages\",2,\"role\"] missing\n");
}

ON_BOTH_ENGINES(messages_batch, takes_a_mebibyte) {
    add_conversation(service);
    std::string longest;
    for (int i = 0; i < 32'000; ++i) longest += "\xf0\x9f\x98\x80";
    const auto response = add(service, Texts(8, message(longest)));
    cr_assert_eq(response.status(), 201, "%s", shown(response.body()).c_str());
    for (const auto& content : each(response, "content")) cr_expect(content == longest);
    auto body = batch_of(Texts(100, message("x")));
    body.resize(1'048'576, ' ');
    cr_expect_eq(service.send(service.with_token("POST", path, body)).status(), 201);
    expect_error(service.send(service.with_token("POST", path, body + " ")),
                 Error::payload_too_large);
    auto sent = service.with_token("POST", path, "{}");
    sent.content_type = "text/plain";
    expect_error(service.send(sent), Error::unsupported_media_type);
    cr_expect_eq(count(service, "messages"), 108);
}

ON_BOTH_ENGINES(messages_batch, needs_its_conversation) {
    add_message(service, add_conversation(service, other), "secret", other);
    for (const char* id : {"1", "2", "9223372036854775807"})
        expect_error(
            service.send(service.with_token("POST", my_conversations + "/" + id + "/messages/batch",
                                            batch_of({message("x"), message("x", "1")}))),
            Error::not_found);
    for (const char* id : {"0", "-1", "x"})
        expect_error(
            service.send(service.with_token("POST", my_conversations + "/" + id + "/messages/batch",
                                            batch_of({message("x")}))),
            Error::validation_error);
    cr_assert_eq(count(service, "messages"), 1);
    cr_assert_eq(count(service, "conversations WHERE updated_at = created_at"), 1);
}

ON_BOTH_ENGINES(messages_batch, is_its_owners_alone) {
    add_conversation(service);
    expect_owner_only(service, service.with_token("POST", path, batch_of({message("x")})));
    cr_assert_eq(count(service, "messages"), 0);
}

// If not all new messages fit, none is stored.
ON_BOTH_ENGINES(messages_batch, keeps_to_the_quota) {
    service.config().max_messages_per_conversation = 4;
    add_conversation(service);
    cr_expect_eq(add(service, {message("one", "1"), message("two", "2")}).status(), 201);
    const auto events = count(service, "events");
    const auto before = updated_at(service);
    expect_error(add(service, {message("3"), message("4"), message("5")}), Error::quota_exceeded);
    expect_error(add(service, {message("one", "1"), message("3"), message("4"), message("5")}),
                 Error::quota_exceeded);
    cr_expect_eq(count(service, "events"), events);
    EXPECT_TEXT(updated_at(service), before);
    // Only new messages need room.
    cr_expect_eq(add(service, {message("x", "1"), message("3", "3"), message("x", "3"),
                               message("x", "2"), message("4")})
                     .status(),
                 201);
    cr_expect_eq(add(service, {message("x", "1"), message("x", "3")}).status(), 200);
    expect_error(add(service, {message("5")}), Error::quota_exceeded);
    cr_expect_eq(count(service, "messages"), 4);
    service.database().execute("DELETE FROM messages WHERE client_message_id = '1'");
    expect_error(add(service, {message("5"), message("6")}), Error::quota_exceeded);
    cr_expect_eq(add(service, {message("5")}).status(), 201);
    service.config().max_messages_per_conversation.reset();
    cr_expect_eq(add(service, Texts(100, message("x"))).status(), 201);
}

// Random batches, compared with a model.
ON_BOTH_ENGINES(messages_batch, agrees_with_a_model) {
    add_conversation(service);
    std::mt19937 random{1};
    std::map<std::string, std::string> contents;  // of a client's id
    Texts all;
    for (int round = 0; round < 40; ++round) {
        Texts sent;
        Texts expected;
        const auto before = all.size();
        for (auto count = 1 + random() % 8; count > 0; --count) {
            const auto content = "content " + std::to_string(random());
            const auto number = random() % 20;
            const auto id = number < 5 ? "" : "id " + std::to_string(number);
            sent.push_back(message(content, id));
            const auto is_new = id.empty() || contents.emplace(id, content).second;
            if (is_new) all.push_back(content);
            expected.push_back(id.empty() ? content : contents.at(id));
        }
        const auto response = add(service, sent);
        cr_assert_eq(response.status(), all.size() > before ? 201 : 200, "%s",
                     shown(response.body()).c_str());
        cr_expect(each(response, "content") == expected);
    }
    Texts stored;
    for (std::size_t i = 1; i <= all.size(); ++i)
        stored.push_back(service.database().execute("SELECT content FROM messages WHERE id = " +
                                                    std::to_string(i)));
    cr_expect(stored == all);
}

// Each id has one message, wherever the batches overlap, and a batch is stored as a whole.
ON_BOTH_ENGINES(messages_batch, that_race_add_each_id_once) {
    add_conversation(service);
    for (int round = 0; round < 5; ++round) {
        std::vector<Sent> sent;
        const auto id = [&](int number) {
            return std::to_string(round) + "-" + std::to_string(number);
        };
        for (int i = 0; i < 8; ++i)
            sent.push_back(
                service.with_token("POST", path,
                                   batch_of({message(std::to_string(i), id(i)), message("alone"),
                                             message(std::to_string(i), id(7 - i)),
                                             message(std::to_string(i), id((i + 3) % 8))})));
        std::map<std::string, std::set<std::string>> found;
        for (const auto& response : service.send_all(sent)) {
            cr_assert_eq(response.status(), 201, "%s", shown(response.body()).c_str());
            const auto clients = each(response, "client_message_id");
            const auto ids = each(response, "id");
            for (std::size_t i = 0; i < ids.size(); ++i)
                if (i != 1) found[clients[i]].insert(ids[i]);
        }
        cr_expect_eq(found.size(), 8u);
        for (const auto& [client, ids] : found) cr_expect_eq(ids.size(), 1u, "%s", client.c_str());
    }
    cr_expect_eq(count(service, "messages"), 5 * 16);
    EXPECT_TEXT(service.database().execute("SELECT total FROM message_counts"), "80");
}

Test(messages_batch, lists_its_methods) {
    Service service{endpoint(), Engine::sqlite};
    const auto response = service.send(service.with_token("GET", path));
    expect_error(response, Error::method_not_allowed);
    EXPECT_TEXT(response.header("Allow"), "POST, OPTIONS");
}

ON_BOTH_ENGINES(messages_batch, limits_writes) {
    const auto id = std::to_string(add_conversation(service));
    expect_limits_writes(service,
                         service.with_token("POST", "/api/conversations/" + id + "/messages/batch",
                                            batch_of({message("x")})));
}

// --- Idempotency-Key

ON_BOTH_ENGINES(messages_batch, are_added_once_for_a_key) {
    add_conversation(service);
    expect_created_once(service,
                        service.with_token("POST", "/api/conversations/1/messages/batch",
                                           batch_of({message("\"x\" \\ \xc3\xa9\n")})),
                        batch_of({message("y")}), "messages",
                        "UPDATE messages SET content = 'changed'", "DELETE FROM messages");
}

// New messages, with and without ids, among those that were there before.
ON_BOTH_ENGINES(messages_batch, are_repeated_as_a_whole) {
    add_conversation(service);
    add(service, {message("old", "1")});
    auto sent = service.with_token(
        "POST", path,
        batch_of({message("a"), message("b", "2"), message("x", "1"), message("c", "3"),
                  message("y", "2"), message("\xf0\x9f\x98\x80 \"'\\")}));
    sent.idempotency_key = "k";
    const auto first = service.send(sent);
    cr_assert_eq(first.status(), 201, "%s", shown(first.body()).c_str());
    cr_expect(each(first, "content") ==
              (Texts{"a", "b", "old", "c", "b", "\xf0\x9f\x98\x80 \"'\\"}));
    const auto events = count(service, "events");
    const auto touched = updated_at(service);
    add(service, {message("later", "4")});
    for (int i = 0; i < 2; ++i) expect_same(service.send(sent), first);
    cr_expect_eq(count(service, "messages"), 6);
    cr_expect_eq(count(service, "events"), events + 2);
    cr_expect_neq(updated_at(service), touched);
    auto other_body = sent;
    other_body.body = batch_of({message("a")});
    expect_detail(service.send(other_body), "header.Idempotency-Key", "value_error");
    other_body.body = sent.body;
    other_body.target = my_conversations + "/2/messages/batch";
    expect_detail(service.send(other_body), "header.Idempotency-Key", "value_error");
    service.config().max_messages_per_conversation = 1;
    expect_same(service.send(sent), first);
}

// What was there before is not part of what a key keeps.
ON_BOTH_ENGINES(messages_batch, are_repeated_without_their_conversation) {
    auto sent = service.with_token("POST", path,
                                   batch_of({message("a"), message("b", "2"), message("c", "2")}));
    sent.idempotency_key = "k";
    for (int i = 0; i < 2; ++i) expect_error(service.send(sent), Error::not_found);
    cr_expect_eq(count(service, "request_keys"), 0);
    add_conversation(service);
    const auto first = service.send(sent);
    cr_assert_eq(first.status(), 201, "%s", shown(first.body()).c_str());
    auto with_older = sent;
    with_older.idempotency_key = "older";
    with_older.body = batch_of({message("x", "2"), message("d")});
    cr_expect_eq(service.send(with_older).status(), 201);
    remove_all(service, "conversations");
    expect_same(service.send(sent), first);
    expect_error(service.send(with_older), Error::not_found);
}

// A batch that adds nothing leaves its key unused.
ON_BOTH_ENGINES(messages_batch, leave_a_key_unused_if_they_add_nothing) {
    service.config().max_messages_per_conversation = 1;
    add_conversation(service);
    add(service, {message("one", "1")});
    auto sent = service.with_token("POST", path, batch_of({message("x", "1"), message("y", "1")}));
    sent.idempotency_key = "k";
    const auto first = service.send(sent);
    cr_expect_eq(first.status(), 200);
    expect_same(service.send(sent), first);
    sent.body = batch_of({message("x", "1"), message("new")});
    expect_error(service.send(sent), Error::quota_exceeded);
    cr_expect_eq(count(service, "request_keys"), 0);
    service.config().max_messages_per_conversation.reset();
    cr_expect_eq(service.send(sent).status(), 201);
    cr_expect_eq(count(service, "request_keys"), 1);
    cr_expect_eq(count(service, "messages"), 2);
}

ON_BOTH_ENGINES(messages_batch, twenty_at_once_with_one_key_are_one) {
    add_conversation(service);
    auto sent = service.with_token("POST", path, batch_of({message("a"), message("b", "1")}));
    sent.idempotency_key = "k";
    const auto responses = service.send_all(std::vector<Sent>(20, sent));
    cr_expect_eq(responses.front().status(), 201);
    for (const auto& response : responses) expect_same(response, responses.front());
    cr_expect_eq(count(service, "messages"), 2);
    cr_expect_eq(count(service, "events WHERE type = 'message.created'"), 2);
}
