// The event feed.
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
                .describe("`public`, `jobs`, or `user:` followed by a user's id")
                .example("public"),
            field("created_at", &Event::created_at),
            field("data", &Event::data)
                .describe(
                    "The resource after the change or before its deletion; the details of a note")
                .example(R"({"title":"Buy milk"})"),
            field("id", &Event::id)
                .describe("Its position in the feed, after which a reader continues")
                .example("748-12-1f3c9a0e"),
            field("subject", &Event::subject)
                .describe("The path of the changed resource; the target of a note")
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
            field("events", &EventPage::events).describe("In commit order"),
            field("next_cursor", &EventPage::next_cursor)
                .describe("The next value of `after`, even if there are no more events yet")
                .example("748-12-1f3c9a0e"),
        };
    }
};

// The parameters that all readers of the feed have.
template <class Query>
consteval auto reading_fields() {
    using json::field;
    constexpr std::size_t longest_filter = 1024;  // code points
    return std::tuple{
        field("subject", &Query::subject)
            .length(1, longest_filter)
            .describe("Only events with this subject, or with one that begins with the text before "
                      "a final `*`: `/jobs/*`"),
        field("ticket", &Query::ticket).describe("A ticket from POST /events/ticket"),
        field("types", &Query::types)
            .length(1, longest_filter)
            .describe("Only events of these types, separated by commas; a final `*` stands for any "
                      "ending: `task.*,job.completed`"),
    };
}

struct EventQuery {
    std::optional<std::string> after;
    std::int64_t limit = 100;
    std::optional<std::string> subject;
    std::optional<std::string> ticket;
    std::optional<std::string> types;

    static consteval auto fields() {
        using json::field;
        return std::tuple_cat(
            std::tuple{
                field("after", &EventQuery::after)
                    .describe("The id of the last event read; 0, or absent, starts with the oldest "
                              "event kept"),
                field("limit", &EventQuery::limit)
                    .optional()
                    .range(1, 100)
                    .describe("A page has fewer events if they exceed 256 KiB, or if `types` or "
                              "`subject` leave out most of the next 1,000")},
            reading_fields<EventQuery>());
    }
};

// The parameters of a WebSocket.
struct SocketQuery {
    std::optional<std::string> after;
    std::optional<std::string> subject;
    std::optional<std::string> ticket;
    std::optional<std::string> types;

    static consteval auto fields() {
        using json::field;
        return std::tuple_cat(
            std::tuple{
                field("after", &SocketQuery::after)
                    .describe("The id of the last event read; without it the stream starts now")},
            reading_fields<SocketQuery>());
    }
};

// The parameters of a stream of Server-Sent Events.
struct TailQuery {
    std::optional<std::string> after;
    std::string event_names = "on";
    std::optional<std::string> subject;
    std::optional<std::string> ticket;
    std::optional<std::string> types;

    static consteval auto fields() {
        using json::field;
        return std::tuple_cat(
            std::tuple{
                field("after", &TailQuery::after)
                    .describe(
                        "The id of the last event read; without it and Last-Event-ID the stream "
                        "starts now"),
                field("event_names", &TailQuery::event_names)
                    .optional()
                    .one_of("on|off")
                    .describe("`off` leaves out the `event` lines, so that a browser passes every "
                              "event to `onmessage`")},
            reading_fields<TailQuery>());
    }
};

// An event that a client publishes on the public feed.
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
                .describe("The type of the event is `note.` followed by this")
                .example("review.requested"),
            field("target", &Note::target)
                .trimmed()
                .length(1, 255)
                .describe("What the note is about")
                .example("/collab/tasks"),
            field("details", &Note::details)
                .length(0, 16'384)
                .describe(
                    "Any JSON of at most 16 KiB, with integers between -(2^53 - 1) and 2^53 - 1")
                .example("{\"by\":\"Ann\"}"),
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
            field("id", &NoteId::id).example("748-12-1f3c9a0e"),
        };
    }
};

struct Ticket {
    std::string ticket;
    std::int64_t expires_in = 0;

    static consteval auto fields() {
        using json::field;
        return std::tuple{
            field("ticket", &Ticket::ticket)
                .example("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhZGEifQ.c2ln"),
            field("expires_in", &Ticket::expires_in).describe("In seconds").example("60"),
        };
    }
};
