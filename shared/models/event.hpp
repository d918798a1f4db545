// The feed of events.
#pragma once

#include "shared/json/fields.hpp"

struct Event {
    std::string audience;
    Timestamp created_at;
    json::Raw data;
    std::string id;
    std::string subject;
    std::string type;

    static consteval auto fields() {
        using json::field;
        return std::tuple{
            field("audience", &Event::audience)
                .describe("`public`, `jobs`, or `user:` and the id of a user")
                .example("public"),
            field("created_at", &Event::created_at),
            field("data", &Event::data)
                .describe("What has changed, as it is now, or as it was before it was deleted"),
            field("id", &Event::id)
                .describe("Its place in the feed: a reader goes on behind it")
                .example("748-12"),
            field("subject", &Event::subject)
                .describe("The path of what has changed")
                .example("/collab/tasks/0b0c2a3e-9d1f-4f6c-8a52-3b1f5e3f7a10"),
            field("type", &Event::type).example("task.created"),
        };
    }
};

struct EventPage {
    std::vector<Event> events;
    std::string next_cursor;

    static consteval auto fields() {
        using json::field;
        return std::tuple{
            field("events", &EventPage::events).describe("In the order of their commits"),
            field("next_cursor", &EventPage::next_cursor)
                .describe("For `after`, also when there is nothing more yet")
                .example("748-12"),
        };
    }
};

struct EventQuery {
    std::optional<std::string> after;
    std::int64_t limit = 100;
    std::optional<std::string> ticket;

    static consteval auto fields() {
        using json::field;
        return std::tuple{
            field("after", &EventQuery::after)
                .describe("The id of the last event that was read; 0, or nothing, for all that "
                          "are kept"),
            field("limit", &EventQuery::limit)
                .optional()
                .range(1, 100)
                .describe("Fewer come where they are more than 256 KiB"),
            field("ticket", &EventQuery::ticket).describe("From POST /events/ticket"),
        };
    }
};

struct TailQuery {
    std::optional<std::string> after;
    std::optional<std::string> ticket;

    static consteval auto fields() {
        using json::field;
        return std::tuple{
            field("after", &TailQuery::after)
                .describe("The id of the last event that was read; without it, and without "
                          "Last-Event-ID, what happens from now on"),
            field("ticket", &TailQuery::ticket).describe("From POST /events/ticket"),
        };
    }
};

// A client's own event on the public feed.
struct Note {
    std::string event;
    std::string target;
    std::optional<json::Raw> details;

    static consteval auto fields() {
        using json::field;
        return std::tuple{
            field("event", &Note::event)
                .trimmed()
                .length(1, 64)
                .describe("Its type becomes `note.` and this")
                .example("review.requested"),
            field("target", &Note::target)
                .trimmed()
                .length(1, 255)
                .describe("What it is about")
                .example("/collab/tasks"),
            field("details", &Note::details).length(0, 16'384).example("{\"by\":\"Ann\"}"),
        };
    }
};

struct NoteId {
    bool ok = true;
    std::string id;

    static consteval auto fields() {
        using json::field;
        return std::tuple{
            field("ok", &NoteId::ok).example("true"),
            field("id", &NoteId::id).example("748-12"),
        };
    }
};

struct Ticket {
    std::string ticket;
    std::int64_t expires_in = 0;

    static consteval auto fields() {
        using json::field;
        return std::tuple{
            field("ticket", &Ticket::ticket),
            field("expires_in", &Ticket::expires_in).describe("Seconds").example("60"),
        };
    }
};
