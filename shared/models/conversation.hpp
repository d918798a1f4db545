// Conversations of a user with an assistant.
#pragma once

#include "shared/json/fields.hpp"

// The migration 0018_conversations has the same limits, in characters and in bytes.
inline constexpr std::size_t max_conversation_title_length = 200;
inline constexpr std::size_t max_content_length = 32'000;
inline constexpr std::size_t max_client_message_id_length = 255;
inline constexpr std::size_t max_metadata_bytes = 16'384;

inline constexpr std::string_view message_roles = "user|assistant|system|tool";

struct Conversation {
    std::int64_t id = 0;
    std::string user_id;
    std::optional<std::string> title;
    Timestamp created_at;
    Timestamp updated_at;

    static consteval auto fields() {
        using json::field;
        return std::tuple{
            field("id", &Conversation::id),
            field("user_id", &Conversation::user_id).example("ada"),
            field("title", &Conversation::title)
                .length(1, max_conversation_title_length)
                .describe("Null if it has none")
                .example("Plans for today"),
            field("created_at", &Conversation::created_at),
            field("updated_at", &Conversation::updated_at)
                .describe("Time of the last message or change of the title, or of creation"),
        };
    }
};

struct NewConversation {
    std::optional<std::string> title;

    static consteval auto fields() {
        using json::field;
        return std::tuple{
            field("title", &NewConversation::title)
                .trimmed()
                .length(1, max_conversation_title_length)
                .describe("White space at both ends is removed")
                .example("Plans for today"),
        };
    }
};

// The body of a PATCH.
struct ConversationChange {
    json::Maybe<std::optional<std::string>> title;

    static consteval auto fields() {
        using json::field;
        return std::tuple{
            field("title", &ConversationChange::title)
                .trimmed()
                .length(1, max_conversation_title_length)
                .describe("White space at both ends is removed; null removes the title")
                .example("Plans for tomorrow"),
        };
    }
};

struct ConversationQuery {
    std::string sort = "created_at";
    std::string order = "desc";
    std::int64_t limit = 100;
    std::int64_t offset = 0;
    std::optional<std::string> cursor;

    static consteval auto fields() {
        using json::field;
        return std::tuple{
            field("sort", &ConversationQuery::sort)
                .optional()
                .one_of("created_at|updated_at")
                .describe("The key"),
            field("order", &ConversationQuery::order)
                .optional()
                .one_of("asc|desc")
                .describe("The direction"),
            field("limit", &ConversationQuery::limit)
                .optional()
                .range(1, 100)
                .describe("The most conversations on a page"),
            field("offset", &ConversationQuery::offset)
                .optional()
                .range(0, 2'147'483'647)
                .describe("How many conversations to skip; not with `cursor`"),
            field("cursor", &ConversationQuery::cursor)
                .describe("next_cursor of the previous page, with the same sort and order"),
        };
    }
};

struct Message {
    std::int64_t id = 0;
    std::int64_t conversation_id = 0;
    std::string role;
    std::string content;
    json::Raw metadata;
    std::optional<std::string> client_message_id;
    Timestamp created_at;

    static consteval auto fields() {
        using json::field;
        return std::tuple{
            field("id", &Message::id),
            field("conversation_id", &Message::conversation_id),
            field("role", &Message::role).one_of(message_roles),
            field("content", &Message::content)
                .length(0, max_content_length)
                .describe("Empty only if there is metadata")
                .example("What is due today?"),
            field("metadata", &Message::metadata)
                .describe("Any JSON; null if there is none")
                .example(R"({"model":"example-1","usage":{"input_tokens":12}})"),
            field("client_message_id", &Message::client_message_id)
                .length(1, max_client_message_id_length)
                .describe("The id that the client gave it; null if there is none")
                .example("turn-1"),
            field("created_at", &Message::created_at),
        };
    }
};

struct NewMessage {
    std::string role;
    std::string content;
    json::Raw metadata;
    std::optional<std::string> client_message_id;

    static consteval auto fields() {
        using json::field;
        return std::tuple{
            field("role", &NewMessage::role).one_of(message_roles).example("user"),
            field("content", &NewMessage::content)
                .nullable()
                .length(0, max_content_length)
                .describe("May be empty if there is metadata, as in a message that consists of "
                          "tool calls; null is the empty text")
                .example("What is due today?"),
            field("metadata", &NewMessage::metadata)
                .optional()
                .length(0, max_metadata_bytes)
                .describe("What belongs to the message besides its text: tool calls, model, usage. "
                          "Any JSON of at most 16 KiB, with integers between -(2^53 - 1) and "
                          "2^53 - 1")
                .example(R"({"model":"example-1","usage":{"input_tokens":12}})"),
            field("client_message_id", &NewMessage::client_message_id)
                .length(1, max_client_message_id_length)
                .describe("Makes it safe to send the message again: a conversation has one message "
                          "with this id")
                .example("turn-1"),
        };
    }

    // A message has content, metadata, or both.
    static void check(const NewMessage& message, json::Faults& faults) {
        if (!message.content.empty() || message.metadata.text != "null" ||
            faults.concern("content"))
            return;
        static constexpr auto not_empty =
            json::field("content", &NewMessage::content).length(1, max_content_length).rules;
        faults.enter("content");
        json::Type<std::string>::parse("", not_empty, faults);
        faults.leave();
    }
};

struct MessageBatch {
    std::vector<NewMessage> messages;

    static consteval auto fields() {
        using json::field;
        return std::tuple{
            field("messages", &MessageBatch::messages)
                .items(1, 100)
                .describe("In the order in which they are added")
                .example(R"([{"client_message_id":"turn-1","content":"What is due today?",)"
                         R"("role":"user"},{"content":"","metadata":{"tool_calls":[{"id":"call-1",)"
                         R"("name":"list_tasks"}]},"role":"assistant"},{"content":"[]",)"
                         R"("metadata":{"tool_call_id":"call-1"},"role":"tool"}])"),
        };
    }
};

struct MessageQuery {
    std::int64_t limit = 100;
    std::int64_t offset = 0;
    std::optional<std::string> cursor;
    std::optional<std::int64_t> last;

    static consteval auto fields() {
        using json::field;
        return std::tuple{
            field("limit", &MessageQuery::limit)
                .optional()
                .range(1, 100)
                .describe("The most messages on a page"),
            field("offset", &MessageQuery::offset)
                .optional()
                .range(0, 2'147'483'647)
                .describe("How many messages to skip; not with `cursor`"),
            field("cursor", &MessageQuery::cursor).describe("next_cursor of the previous page"),
            field("last", &MessageQuery::last)
                .range(1, 100)
                .describe("Return this many of the newest messages; not with offset or cursor"),
        };
    }
};
