// Personal tasks.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "shared/json/fields.hpp"
#include "shared/models/priority.hpp"
#include "shared/unicode.hpp"

// In characters. The migration 0004_tasks has the same limits.
inline constexpr std::size_t max_title_length = 200;
inline constexpr std::size_t max_description_length = 1000;

inline constexpr std::size_t max_tags = 16;
inline constexpr std::size_t max_tag_length = 32;

// The members that every body of a task has besides its texts and its state.
template <class T>
consteval auto due_date_field() {
    return json::field("due_date", &T::due_date)
        .describe("When the task is due, or null")
        .example("2026-01-09T17:00:00.000000Z");
}
template <class T>
consteval auto priority_field() {
    return json::field("priority", &T::priority)
        .describe("Read without regard to case; `normal` is `medium`")
        .example("high");
}
template <class T>
consteval auto tags_field() {
    return json::field("tags", &T::tags)
        .items(0, max_tags)
        .trimmed()
        .length(1, max_tag_length)
        .distinct_by(&case_folded)
        .describe(
            "In the order given; one that differs from an earlier one in case only is dropped")
        .example(R"(["home","shopping"])");
}

struct Task {
    std::int64_t id = 0;
    std::string user_id;
    std::string title;
    std::string description;
    bool completed = false;
    std::optional<Timestamp> due_date;
    Priority priority = Priority::none;
    std::vector<std::string> tags;
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
            due_date_field<Task>(),
            priority_field<Task>(),
            tags_field<Task>(),
            field("created_at", &Task::created_at),
            field("updated_at", &Task::updated_at),
        };
    }
};

struct NewTask {
    std::string title;
    std::string description;
    bool completed = false;
    std::optional<Timestamp> due_date;
    Priority priority = Priority::none;
    std::vector<std::string> tags;

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
            due_date_field<NewTask>(),
            priority_field<NewTask>().optional(),
            tags_field<NewTask>().optional(),
        };
    }
};

// The body of a PUT. Members that are younger than the first clients may be absent, and then stay
// unchanged.
struct TaskReplacement {
    std::string title;
    std::string description;
    bool completed = false;
    json::Maybe<std::optional<Timestamp>> due_date;
    json::Maybe<Priority> priority;
    json::Maybe<std::vector<std::string>> tags;

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
            due_date_field<TaskReplacement>(),
            priority_field<TaskReplacement>(),
            tags_field<TaskReplacement>(),
        };
    }
};

// The body of a PATCH. Members that are absent stay unchanged.
struct TaskChange {
    json::Maybe<std::string> title;
    json::Maybe<std::string> description;
    json::Maybe<bool> completed;
    json::Maybe<std::optional<Timestamp>> due_date;
    json::Maybe<Priority> priority;
    json::Maybe<std::vector<std::string>> tags;

    static consteval auto fields() {
        using json::field;
        return std::tuple{
            field("title", &TaskChange::title)
                .trimmed()
                .length(1, max_title_length)
                .example("Buy milk"),
            field("description", &TaskChange::description)
                .nullable()
                .length(0, max_description_length)
                .example("Two bottles"),
            field("completed", &TaskChange::completed).example("true"),
            due_date_field<TaskChange>(),
            priority_field<TaskChange>(),
            tags_field<TaskChange>(),
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

inline constexpr std::size_t max_operations = 1000;

// One of the operations of a batch. What it may have besides `op` depends on that.
struct TaskOperation : TaskChange {
    std::string op;
    json::Maybe<std::int64_t> id;

    static consteval auto fields() {
        using json::field;
        return std::tuple_cat(
            std::tuple{
                field("op", &TaskOperation::op)
                    .one_of("create|update|complete|delete")
                    .describe("`create` needs a title; `update` an id and a member to change; "
                              "`complete` an id, and sets `completed` to true unless it is false; "
                              "`delete` only an id")
                    .example("update"),
                field("id", &TaskOperation::id)
                    .range(1, json::largest_exact_integer)
                    .describe("The task; not for `create`"),
            },
            TaskChange::fields());
    }

    // Refuses members that the operation does not have, and misses those that it needs.
    static void check(const TaskOperation& operation, json::Faults& faults);
};

struct TaskBatch {
    std::vector<TaskOperation> operations;

    static consteval auto fields() {
        using json::field;
        return std::tuple{field("operations", &TaskBatch::operations)
                              .items(1, max_operations)
                              .example(R"([{"op":"create","tags":["home"],"title":"Bake bread"},)"
                                       R"({"due_date":null,"id":1,"op":"update","priority":"low"},)"
                                       R"({"id":2,"op":"complete"},{"id":3,"op":"delete"}])")};
    }
};

// The task after each operation; null after `delete`.
struct TaskResults {
    std::vector<std::optional<Task>> results;

    static consteval auto fields() {
        return std::tuple{json::field("results", &TaskResults::results)
                              .describe("In the order of the operations")};
    }
};

// The query of a list of tasks.
struct TaskQuery {
    std::string status = "all";
    std::optional<Timestamp> due_before;
    std::optional<Timestamp> due_after;
    std::optional<json::Separated<Priority>> priority;
    std::optional<json::Separated<std::string>> tag;
    std::optional<std::string> q;
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
            field("due_before", &TaskQuery::due_before)
                .describe("Only tasks that are due before this moment")
                .example("2026-01-10T00:00:00Z"),
            field("due_after", &TaskQuery::due_after)
                .describe("Only tasks that are due after this moment")
                .example("2026-01-09T00:00:00Z"),
            field("priority", &TaskQuery::priority)
                .describe("Only tasks of this priority, or of several, separated by commas")
                .example("high,urgent"),
            field("tag", &TaskQuery::tag)
                .items(1, max_tags)
                .length(1, max_tag_length)
                .describe("Only tasks with this tag, or with all of several, separated by commas; "
                          "without regard to case")
                .example("home,shopping"),
            field("q", &TaskQuery::q)
                .length(1, 100)
                .describe("Only tasks in which each of these words occurs, in the title, the "
                          "description or a tag, without regard to case and accents")
                .example("milk bottles"),
            field("sort", &TaskQuery::sort)
                .optional()
                .one_of("created_at|updated_at|title|due_date|priority")
                .describe("The key: titles without regard to case and accents, tasks without a due "
                          "date last in both orders, priorities from `none` to `urgent`"),
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
                .describe(
                    "next_cursor of the previous page, with the same filters, sort and order"),
        };
    }
};

// The texts by which a task is found and sorted (docs/adr/0015-folded-texts.md). Those of texts
// that a change leaves as they are have no value.
struct FoldedTexts {
    json::Maybe<std::string> folded_title;
    json::Maybe<std::string> folded_description;
    json::Maybe<std::string> folded_tags;

    static consteval auto fields() {
        using json::field;
        return std::tuple{
            field("folded_title", &FoldedTexts::folded_title),
            field("folded_description", &FoldedTexts::folded_description),
            field("folded_tags", &FoldedTexts::folded_tags),
        };
    }
};

// At most a thousand bytes, which is more than 200 characters take unless they stand for others, so
// that an index can hold it.
std::string folded_title(std::string_view title);
std::string folded_tags(const std::vector<std::string>& tags);

// `Input` is a NewTask, a TaskReplacement or a TaskChange.
template <class Input>
FoldedTexts folded_texts(const Input& input) {
    const auto mapped = [](const auto& value, auto fold) -> json::Maybe<std::string> {
        if constexpr (requires { value.has_value(); })
            return value ? json::Maybe<std::string>{fold(*value)} : json::Maybe<std::string>{};
        else
            return fold(value);
    };
    return {mapped(input.title, &folded_title), mapped(input.description, &folded),
            mapped(input.tags, &folded_tags)};
}

// What must occur in the folded texts of a task that the query lists, as a JSON array; nullopt if
// it searches nothing. Throws ApiError (422, value_error) if nothing is left of `q` when it is
// folded.
std::optional<std::string> search_parts(const TaskQuery& query);

// An operation as its statement takes it: an item of the parameter :operations. `position` is that
// of the operation in its batch.
struct StoredOperation {
    std::int64_t position = 0;
    std::optional<std::int64_t> id;
    std::optional<std::string> title;
    std::optional<std::string> description;
    std::optional<bool> completed;
    std::optional<Timestamp> due_date;
    bool has_due_date = false;
    std::optional<std::int64_t> priority;
    std::optional<std::string> tags;
    std::optional<std::string> folded_title;
    std::optional<std::string> folded_description;
    std::optional<std::string> folded_tags;

    StoredOperation(const TaskOperation& operation, std::size_t at)
        : position(static_cast<std::int64_t>(at)),
          id(operation.id),
          title(operation.title),
          description(operation.description),
          // As an optional: a bool could also be made from whether it has a value.
          completed(static_cast<const std::optional<bool>&>(operation.completed)),
          due_date(operation.due_date.value_or(std::nullopt)),
          has_due_date(operation.due_date.has_value()) {
        if (operation.op == "complete") completed = operation.completed.value_or(true);
        if (operation.priority) priority = static_cast<std::int64_t>(*operation.priority);
        if (operation.tags) tags = json::write(*operation.tags);
        const auto folded = folded_texts(operation);
        folded_title = folded.folded_title;
        folded_description = folded.folded_description;
        folded_tags = folded.folded_tags;
    }

    static consteval auto fields() {
        using json::field;
        return std::tuple{field("position", &StoredOperation::position),
                          field("id", &StoredOperation::id),
                          field("title", &StoredOperation::title),
                          field("description", &StoredOperation::description),
                          field("completed", &StoredOperation::completed),
                          field("due_date", &StoredOperation::due_date),
                          field("has_due_date", &StoredOperation::has_due_date),
                          field("priority", &StoredOperation::priority),
                          field("tags", &StoredOperation::tags),
                          field("folded_title", &StoredOperation::folded_title),
                          field("folded_description", &StoredOperation::folded_description),
                          field("folded_tags", &StoredOperation::folded_tags)};
    }
};
