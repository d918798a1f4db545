// Conversations of a user with an assistant.
#pragma once

#include "shared/json/fields.hpp"

struct Conversation {
    std::int64_t id = 0;
    std::string user_id;
    Timestamp created_at;
    Timestamp updated_at;

    static consteval auto fields() {
        using json::field;
        return std::tuple{
            field("id", &Conversation::id),
            field("user_id", &Conversation::user_id).example("ada"),
            field("created_at", &Conversation::created_at),
            field("updated_at", &Conversation::updated_at)
                .describe("Time of the last message, or of creation"),
        };
    }
};

// A new conversation has no members to set.
struct NewConversation {
    static consteval auto fields() { return std::tuple{}; }
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
    Timestamp created_at;

    static consteval auto fields() {
        using json::field;
        return std::tuple{
            field("id", &Message::id),
            field("conversation_id", &Message::conversation_id),
            field("role", &Message::role).one_of("user|assistant"),
            field("content", &Message::content).length(1, 32'000).example("What is due today?"),
            field("created_at", &Message::created_at),
        };
    }
};

struct NewMessage {
    std::string role;
    std::string content;

    static consteval auto fields() {
        using json::field;
        return std::tuple{
            field("role", &NewMessage::role).one_of("user|assistant").example("user"),
            field("content", &NewMessage::content)
                .length(1, 32'000)
                .describe("Fewer characters if the whole body would exceed 64 KiB")
                .example("What is due today?"),
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
