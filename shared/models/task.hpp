// Personal tasks.
#pragma once

#include "shared/json/fields.hpp"

// In characters. The migration 0004_tasks has the same limits.
inline constexpr std::size_t max_title_length = 200;
inline constexpr std::size_t max_description_length = 1000;

struct Task {
    std::int64_t id = 0;
    std::string user_id;
    std::string title;
    std::string description;
    bool completed = false;
    Timestamp created_at;
    Timestamp updated_at;

    static consteval auto fields() {
        using json::field;
        return std::tuple{
            field("id", &Task::id),
            field("user_id", &Task::user_id).example("ada"),
            field("title", &Task::title).length(1, max_title_length).example("Buy milk"),
            field("description", &Task::description)
                .length(0, max_description_length)
                .example("Two bottles"),
            field("completed", &Task::completed).example("false"),
            field("created_at", &Task::created_at),
            field("updated_at", &Task::updated_at),
        };
    }
};

struct NewTask {
    std::string title;
    std::string description;
    bool completed = false;

    static consteval auto fields() {
        using json::field;
        return std::tuple{
            field("title", &NewTask::title)
                .trimmed()
                .length(1, max_title_length)
                .example("Buy milk"),
            field("description", &NewTask::description)
                .optional()
                .nullable()
                .length(0, max_description_length)
                .example("Two bottles"),
            field("completed", &NewTask::completed).optional(),
        };
    }
};

// The body of a PUT: every member that the user may set.
struct TaskReplacement {
    std::string title;
    std::string description;
    bool completed = false;

    static consteval auto fields() {
        using json::field;
        return std::tuple{
            field("title", &TaskReplacement::title)
                .trimmed()
                .length(1, max_title_length)
                .example("Buy milk"),
            field("description", &TaskReplacement::description)
                .nullable()
                .length(0, max_description_length)
                .example("Two bottles"),
            field("completed", &TaskReplacement::completed).example("true"),
        };
    }
};

// The body of a PATCH. Members that are absent stay unchanged.
struct TaskChange {
    json::Maybe<std::string> title;
    json::Maybe<std::string> description;
    json::Maybe<bool> completed;

    static consteval auto fields() {
        using json::field;
        return std::tuple{
            field("title", &TaskChange::title).trimmed().length(1, max_title_length),
            field("description", &TaskChange::description)
                .nullable()
                .length(0, max_description_length),
            field("completed", &TaskChange::completed).example("true"),
        };
    }
};

struct Completion {
    json::Maybe<bool> completed;

    static consteval auto fields() {
        using json::field;
        return std::tuple{
            field("completed", &Completion::completed)
                .describe("If absent, the task is toggled")
                .example("true"),
        };
    }
};

// The query of a list of tasks.
struct TaskQuery {
    std::string status = "all";
    std::string sort = "created_at";
    std::string order = "desc";
    std::int64_t limit = 100;
    std::int64_t offset = 0;
    std::optional<std::string> cursor;

    static consteval auto fields() {
        using json::field;
        return std::tuple{
            field("status", &TaskQuery::status)
                .optional()
                .one_of("all|pending|completed")
                .describe("Which tasks"),
            field("sort", &TaskQuery::sort)
                .optional()
                .one_of("created_at|updated_at|title")
                .describe(
                    "The key; titles are sorted by code point, so `Zebra` comes before `apple`"),
            field("order", &TaskQuery::order)
                .optional()
                .one_of("asc|desc")
                .describe("The direction"),
            field("limit", &TaskQuery::limit)
                .optional()
                .range(1, 100)
                .describe("The most tasks on a page"),
            field("offset", &TaskQuery::offset)
                .optional()
                .range(0, 2'147'483'647)
                .describe("How many tasks to skip; not with `cursor`"),
            field("cursor", &TaskQuery::cursor)
                .describe("next_cursor of the previous page, with the same status, sort and order"),
        };
    }
};
