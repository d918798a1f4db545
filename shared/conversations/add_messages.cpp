#include "shared/conversations/add_messages.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "shared/models/existence.hpp"
#include "sql/messages.hpp"

namespace {

// An item of the parameter :messages.
struct SentMessage {
    std::string role;
    std::string content;
    std::string metadata;
    std::optional<std::string> client_message_id;

    static consteval auto fields() {
        using json::field;
        return std::tuple{
            field("role", &SentMessage::role),
            field("content", &SentMessage::content),
            field("metadata", &SentMessage::metadata),
            field("client_message_id", &SentMessage::client_message_id),
        };
    }
};

using ClientIds = std::vector<std::optional<std::string>>;

ClientIds client_ids_of(const std::vector<NewMessage>& sent) {
    ClientIds ids;
    ids.reserve(sent.size());
    for (const auto& message : sent) ids.push_back(message.client_message_id);
    return ids;
}

// Leaves out messages with the client_message_id of an earlier one.
std::vector<SentMessage> distinct(const std::vector<NewMessage>& sent) {
    std::set<std::string> ids;
    std::vector<SentMessage> kept;
    for (const auto& [role, content, metadata, id] : sent)
        if (!id || ids.insert(*id).second) kept.push_back({role, content, metadata.text, id});
    return kept;
}

struct StoredMessage {
    std::int64_t id = 0;
    std::optional<std::string> client_id;
    json::Raw text;
};

std::vector<StoredMessage> stored(const std::vector<Message>& messages) {
    std::vector<StoredMessage> all;
    all.reserve(messages.size());
    for (const auto& message : messages)
        all.push_back({message.id, message.client_message_id, {json::write(message)}});
    return all;
}

// The messages of an earlier answer. An earlier release may have written it, with fewer members.
std::vector<StoredMessage> stored(const FirstAnswer& first) {
    std::vector<StoredMessage> all;
    const auto array = first.items();
    for (const auto& message : array.GetArray()) {
        const auto* const id = json::find(message, "client_message_id");
        StoredMessage row{message["id"].GetInt64(), std::nullopt, {json::canonical(message)}};
        if (id && id->IsString()) row.client_id = json::text_of(*id);
        all.push_back(std::move(row));
    }
    return all;
}

// The messages that were sent with these ids. `added` has those that are new, in any order. Throws
// ApiError (not_found) if one is missing.
std::vector<json::Raw> in_order(const ClientIds& client_ids,
                                const std::vector<StoredMessage>& earlier,
                                std::vector<StoredMessage> added) {
    std::ranges::sort(added, {}, &StoredMessage::id);
    std::map<std::string, const StoredMessage*> of_client;
    for (const auto* messages : {&earlier, &std::as_const(added)})
        for (const auto& message : *messages)
            if (message.client_id) of_client[*message.client_id] = &message;
    auto next = added.begin();
    std::vector<json::Raw> all;
    for (const auto& id : client_ids) {
        if (id) {
            const auto found = of_client.find(*id);
            if (found == of_client.end()) throw ApiError{Error::not_found};
            all.push_back(found->second->text);
        } else {
            next = std::find_if(next, added.end(),
                                [](const auto& message) { return !message.client_id; });
            if (next == added.end()) throw ApiError{Error::not_found};
            all.push_back((next++)->text);
        }
    }
    return all;
}

}  // namespace

Async<AddedMessages> add_messages(Database& database, std::string user_id,
                                  std::int64_t conversation_id, std::vector<NewMessage> sent,
                                  std::optional<std::int64_t> max_messages, RequestKey key) {
    const auto client_ids = client_ids_of(sent);
    const auto wanted = distinct(sent);
    const auto messages = json::write(wanted);
    const auto statement = [&](const Query& query, auto... further) {
        return db::statement(query, db::named("user_id", user_id),
                             db::named("conversation_id", conversation_id), std::move(further)...);
    };
    db::Batch batch;
    batch.add(sql::queue_for_conversation, conversation_id);
    const auto found = batch.add<Existence>(statement(sql::lock_conversation));
    // Without ids all are new.
    std::optional<db::Slot<Message>> known;
    if (std::ranges::any_of(client_ids, [](const auto& id) { return id.has_value(); }))
        known =
            batch.add<Message>(statement(sql::find_sent_messages, db::named("messages", messages)));
    batch.add(statement(sql::touch_conversation, db::named("messages", messages),
                        db::named("max_messages", max_messages)));
    const auto inserted =
        batch.add<Message>(statement(sql::insert_messages, db::named("messages", messages),
                                     db::named("max_messages", max_messages)));
    const auto done = co_await key.run(database, std::move(batch), inserted, "message.created");
    if (done.first) {
        // What was there before the first request is not part of its answer.
        db::Batch again;
        const auto before =
            again.add<Message>(statement(sql::find_sent_messages, db::named("messages", messages)));
        const auto results = co_await database.run(std::move(again));
        co_return AddedMessages{
            in_order(client_ids, stored(results.all(before)), stored(*done.first)), true};
    }
    if (!done.results.one(found).exists) throw ApiError{Error::not_found};
    const auto earlier = known ? done.results.all(*known) : std::vector<Message>{};
    const auto added = done.results.all(inserted);
    if (earlier.size() + added.size() < wanted.size()) throw ApiError{Error::quota_exceeded};
    co_return AddedMessages{in_order(client_ids, stored(earlier), stored(added)), !added.empty()};
}
