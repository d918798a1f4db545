// A task of the shared board.
#pragma once

#include "shared/json/fields.hpp"

struct CollabTask {
    Uuid id;
    std::string title;
    std::optional<std::string> description;
    std::int64_t version = 0;
    Timestamp created_at;
    Timestamp updated_at;

    static consteval auto fields() {
        using json::field;
        return std::tuple{
            field("id", &CollabTask::id),
            field("title", &CollabTask::title).length(1, 255).example("Buy milk"),
            field("description", &CollabTask::description).length(0, 1024).example("Two bottles"),
            field("version", &CollabTask::version).describe("Incremented by each change"),
            field("created_at", &CollabTask::created_at),
            field("updated_at", &CollabTask::updated_at),
        };
    }
};

struct NewCollabTask {
    std::string title;
    std::optional<std::string> description;

    static consteval auto fields() {
        using json::field;
        return std::tuple{
            field("title", &NewCollabTask::title).trimmed().length(1, 255).example("Buy milk"),
            field("description", &NewCollabTask::description)
                .length(0, 1024)
                .example("Two bottles"),
        };
    }
};

// The body of a PATCH. Members that are absent stay unchanged.
struct CollabTaskChange {
    json::Maybe<std::string> title;
    json::Maybe<std::optional<std::string>> description;

    static consteval auto fields() {
        using json::field;
        return std::tuple{
            field("title", &CollabTaskChange::title).trimmed().length(1, 255).example("Buy bread"),
            field("description", &CollabTaskChange::description).length(0, 1024),
        };
    }
};

// The whole board.
struct CollabState {
    std::string kind = "tasks";
    std::vector<CollabTask> items;

    static consteval auto fields() {
        using json::field;
        return std::tuple{
            field("kind", &CollabState::kind).example("tasks"),
            field("items", &CollabState::items).describe("In order of creation"),
        };
    }
};
