#include <libpq-fe.h>

#include <algorithm>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "shared/models/task.hpp"
#include "shared/server/serve.hpp"
#include "shared/text.hpp"
#include "tests/support/json_text.hpp"
#include "tests/support/literals.hpp"
#include "tests/support/once.hpp"
#include "tests/support/personal.hpp"

namespace {

const std::string path = my_tasks + "/batch";
const std::string path_without_user = "/api/tasks/batch";

using Texts = std::vector<std::string>;

// The body of a batch of these operations, each of them JSON.
std::string batch_of(const Texts& operations) {
    return R"({"operations":[)" + joined(operations, ",") + "]}";
}

Response change(Service& service, const Texts& operations, const std::string& target = path) {
    return service.send(service.with_token("POST", target, batch_of(operations)));
}

std::string create(const std::string& title) {
    return json_text(R"({"op":"create","title":$})", title);
}
// Further members follow: `"completed":true`.
std::string operation(const std::string& op, std::int64_t id, const std::string& more = "") {
    return json_text(R"({"op":$,"id":$)", op, id) + (more.empty() ? "" : ",") + more + "}";
}
std::string removal(std::int64_t id) { return operation("delete", id); }

// The canonical JSON of each result.
Texts results_of(const Response& response) {
    cr_assert_eq(response.status(), 200, "%s", shown(response.body()).c_str());
    data_of(response, "Tasks changed");
    EXPECT_TEXT(response.header("Location"), "");
    Texts results;
    const auto body = json_of(response);
    cr_assert_eq(body["data"].MemberCount(), 1);
    for (const auto& result : body["data"]["results"].GetArray())
        results.push_back(json::canonical(result));
    return results;
}

std::string member_of(const std::string& result, const char* name) {
    const auto task = json::parse(result);
    const auto* const value = json::find(task, name);
    cr_assert_not_null(value, "%s", shown(result).c_str());
    return json::canonical(*value);
}

// One member of each result that is a task.
Texts each(const Texts& results, const char* name) {
    Texts values;
    for (const auto& result : results)
        values.push_back(result == "null" ? "null" : member_of(result, name));
    return values;
}

// The rows of a query with one column.
std::string lines(Service& service, const std::string& text, const std::string& from) {
    return service.database().execute(
        is_sqlite(service) ? "SELECT group_concat(line, char(10)) FROM (SELECT " + text +
                                 " AS line FROM " + from + " ORDER BY id)"
                           : "SELECT string_agg(" + text + ", E'\\n' ORDER BY id) FROM " + from);
}

std::string stored_tasks(Service& service) {
    return is_sqlite(service) ? lines(service, "json", "task_json")
                              : lines(service, "task_json(tasks)", "tasks");
}

// Events of tasks that are newer than the first `after`, in their order: "task.created /tasks/1
// {…}".
std::string events(Service& service, std::int64_t after = 0, const std::string& where = "true") {
    return lines(service, "type || ' ' || subject || ' ' || CAST(data AS text)",
                 "(SELECT * FROM events ORDER BY id LIMIT 1000000 OFFSET " + std::to_string(after) +
                     ") AS events WHERE " + where);
}

// Everything that a refused batch must leave as it is.
std::string everything(Service& service) {
    return stored_tasks(service) + "\n" +
           lines(service, "folds || folded_title || folded_text", "tasks") + "\n" +
           events(service) + "\n" +
           service.database().execute(
               "SELECT (SELECT coalesce(sum(total), 0) FROM task_counts) || ' tasks, ' || "
               "(SELECT count(*) FROM request_keys) || ' keys'");
}

// The error's details as lines: `["body","operations",3,"id"] value_error`.
std::string details_of(const Response& response) {
    std::string faults;
    const auto body = json_of(response);
    cr_assert(body.HasMember("error") && body["error"].HasMember("details"), "%s",
              shown(response.body()).c_str());
    for (const auto& detail : body["error"]["details"].GetArray())
        faults += json::canonical(detail["loc"]) + " " + member(detail, "type") + "\n";
    return faults;
}

void expect_refused(const Response& response, Error error, const std::string& details) {
    expect_error(response, error);
    EXPECT_TEXT(details_of(response), details);
}

Sent with_key(const Service& service, const std::string& key, const Texts& operations,
              const std::string& target = path) {
    auto sent = service.with_token("POST", target, batch_of(operations));
    sent.idempotency_key = key;
    return sent;
}

constexpr const char* nasty_texts[] = {
    R"("quoted" 'single' `back` \back\slash /slash/ \" \\)",
    "control \x01\x02\b\t\n\x0b\f\r\x1c\x1d\x1e\x1f\x7f end",
    "\xc2\x80\xc2\x9f c1 controls inside",
    "x\xe2\x80\xa8line\xe2\x80\xa9paragraph x",
    "\xf0\x9f\x98\x80\xf0\x9f\x91\xa9\xe2\x80\x8d\xf0\x9f\x92\xbb emoji",
    "e\xcc\x81 is not \xc3\xa9",
    "\xd7\xa9\xd7\x9c\xd7\x95\xd7\x9d \xe2\x80\xaertl",
    "\xf4\x8f\xbf\xbf\xef\xbf\xbf\xef\xbf\xbe\xed\x9f\xbf\xee\x80\x80",
    "\xef\xbb\xbf no byte order mark",
    "<script>&amp;</script> %00 %s $1 {} '; DROP TABLE tasks; --",
    "null",
    "[1,{\"a\":\"b\"}]",
    "\\u0000 \\ud800",
};

// The columns that searches and the order by title use.
std::string folded_columns(Service& service, std::int64_t id) {
    return service.database().execute(
        "SELECT folded_title || '|' || folded_text || '|' || (folds > 0) FROM tasks WHERE id = " +
        std::to_string(id));
}
std::string folded_columns_of(Service& service, const std::string& title,
                              const std::string& description, const Texts& tags) {
    return folded_title(title) + "|" + folded_title(title) + "\x1e" + folded(description) + "\x1e" +
           folded_tags(tags) + "|" + (is_sqlite(service) ? "1" : "true");
}

// Counts round trips.
class Counting final : public Database {
public:
    explicit Counting(Database& database) : database_(database) {}

    Async<db::Results> run(db::Batch batch) override {
        ++round_trips;
        return database_.run(std::move(batch));
    }
    void close() override { database_.close(); }
    Database& lasting() override { return database_; }

    int round_trips = 0;

private:
    Database& database_;
};

Async<> keep(const RawRequest& raw, const Endpoint& served, Context& context,
             std::optional<Response>& kept) {
    kept = co_await answer(raw, served, context);
}

struct CountedResponse {
    Response response;
    int round_trips;
};

CountedResponse send_counted(Service& service, const Sent& sent) {
    Counting counting{service.context().db};
    const auto& context = service.context();
    Context counted{context.config,   counting,          context.tokens,
                    context.api_keys, context.passwords, context.state};
    RawRequest raw;
    raw.method = sent.method;
    raw.target = sent.target;
    raw.body = sent.body;
    raw.content_type = sent.content_type;
    raw.authorization = sent.authorization;
    raw.idempotency_key = sent.idempotency_key;
    std::optional<Response> response;
    spawn(service.loop(), keep(raw, service.served(), counted, response), &rethrow);
    service.loop().restart();
    while (!response && service.loop().run_one() > 0) continue;
    cr_assert(response.has_value());
    return {std::move(*response), counting.round_trips};
}

}  // namespace

// --- what it does

ON_BOTH_ENGINES(tasks_batch, does_each_operation_in_its_place) {
    const auto changed = add_task(service, {.title = "to change", .tags = {"old"}});
    const auto completed = add_task(service, {.title = "to complete"});
    const auto deleted = add_task(service, {.title = "to delete"});
    const auto before = count(service, "events");
    const auto results = results_of(change(
        service,
        {removal(deleted),
         operation("update", changed, R"("title":" changed ","priority":"urgent")"),
         R"({"op":"create","title":" new ","description":"d","completed":true,)"
         R"("due_date":"1969-12-31T23:59:59.5Z","priority":"Normal","tags":["a","A"," b "]})",
         operation("complete", completed), create("plain")}));
    cr_assert_eq(results.size(), 5);
    EXPECT_TEXT(results[0], "null");
    EXPECT_TEXT(joined(each(results, "id"), " "), "null 1 4 2 5");
    EXPECT_TEXT(joined(each(results, "title"), " "),
                R"(null "changed" "new" "to complete" "plain")");
    EXPECT_TEXT(joined(each(results, "completed"), " "), "null false true true false");
    EXPECT_TEXT(joined(each(results, "priority"), " "), R"(null "urgent" "medium" "none" "none")");
    EXPECT_TEXT(joined(each(results, "tags"), " "), R"(null ["old"] ["a","b"] [] [])");
    EXPECT_TEXT(joined(each(results, "description"), " "),
                R"(null "two litres" "d" "two litres" "")");
    EXPECT_TEXT(joined(each(results, "due_date"), " "),
                R"(null null "1969-12-31T23:59:59.500000Z" null null)");
    for (const auto* created : {&results[2], &results[4]}) {
        EXPECT_TEXT(member_of(*created, "user_id"), json::write(me));
        EXPECT_TEXT(member_of(*created, "created_at"), member_of(*created, "updated_at"));
    }
    // One moment for all.
    EXPECT_TEXT(member_of(results[1], "updated_at"), member_of(results[4], "updated_at"));
    EXPECT_TEXT(stored_tasks(service),
                joined({results[1], results[3], results[2], results[4]}, "\n"));
    // Those of the two changes are in any order.
    const auto found = events(service, before);
    const auto parts = split(found, '\n');
    Texts all{parts.begin(), parts.end()};
    cr_assert_eq(all.size(), 5, "%s", shown(found).c_str());
    EXPECT_TEXT(all[0], "task.created /tasks/4 " + results[2]);
    EXPECT_TEXT(all[1], "task.created /tasks/5 " + results[4]);
    std::sort(all.begin() + 2, all.begin() + 4);
    EXPECT_TEXT(all[2], "task.updated /tasks/1 " + results[1]);
    EXPECT_TEXT(all[3], "task.updated /tasks/2 " + results[3]);
    cr_expect(all[4].starts_with("task.deleted /tasks/3 {"), "%s", shown(all[4]).c_str());
    cr_expect_eq(count(service, "events WHERE audience = 'user:" + me + "'"),
                 count(service, "events"));
}

ON_BOTH_ENGINES(tasks_batch, fills_in_what_a_new_task_lacks) {
    const auto results =
        results_of(change(service, {create("x"), R"({"op":"create","title":"y","description":null,)"
                                                 R"("due_date":null,"tags":[]})"}));
    for (const auto& result : results) {
        const auto task = json::parse(result);
        EXPECT_TEXT(member(task, "description"), "");
        EXPECT_TEXT(member(task, "due_date"), "<null>");
        EXPECT_TEXT(member(task, "priority"), "none");
        EXPECT_TEXT(json::canonical(task["tags"]), "[]");
        cr_expect(task["completed"].IsFalse());
    }
}

// Members that are absent stay; null clears a description and a due date.
ON_BOTH_ENGINES(tasks_batch, updates_what_it_names) {
    const TaskRow row{.title = "t",
                      .description = "d",
                      .completed = true,
                      .due_date = a_moment,
                      .priority = Priority::high,
                      .tags = {"x"}};
    static constexpr struct {
        const char* change;
        const char* name;
        const char* value;
    } cases[] = {
        {R"("title":"\u00a0new ")", "title", R"("new")"},
        {R"("description":" new ")", "description", R"(" new ")"},
        {R"("description":null)", "description", R"("")"},
        {R"("completed":false)", "completed", "false"},
        {R"("completed":true)", "completed", "true"},
        {R"("due_date":"0001-01-01T00:00:00Z")", "due_date", R"("0001-01-01T00:00:00.000000Z")"},
        {R"("due_date":null)", "due_date", "null"},
        {R"("priority":"none")", "priority", R"("none")"},
        {R"("tags":[])", "tags", "[]"},
        {R"("tags":["b","a"])", "tags", R"(["b","a"])"},
    };
    Texts operations;
    for (const auto& one : cases)
        operations.push_back(operation("update", add_task(service, row), one.change));
    const auto results = results_of(change(service, operations));
    std::size_t i = 0;
    for (const auto& [unused, name, value] : cases) {
        const std::map<std::string, std::string> expected{
            {"title", R"("t")"},
            {"description", R"("d")"},
            {"completed", "true"},
            {"due_date", R"("2026-01-08T12:34:56.123456Z")"},
            {"priority", R"("high")"},
            {"tags", R"(["x"])"},
            {"created_at", R"("2026-01-08T12:34:56.123456Z")"}};
        for (const auto& [other_name, kept] : expected)
            EXPECT_TEXT(member_of(results.at(i), other_name.c_str()),
                        other_name == name ? value : kept);
        cr_expect_neq(member_of(results.at(i), "updated_at"),
                      member_of(results.at(i), "created_at"));
        ++i;
    }
    EXPECT_TEXT(stored_tasks(service), joined(results, "\n"));
}

ON_BOTH_ENGINES(tasks_batch, completes_unless_it_says_otherwise) {
    Texts operations;
    for (const bool was_completed : {false, true}) {
        for (const char* member : {"", R"("completed":true)", R"("completed":false)"})
            operations.push_back(
                operation("complete", add_task(service, {.completed = was_completed}), member));
    }
    EXPECT_TEXT(joined(each(results_of(change(service, operations)), "completed"), " "),
                "true true false true true false");
}

ON_BOTH_ENGINES(tasks_batch, does_several_operations_on_one_task_in_their_order) {
    const auto first = add_task(service, {.title = "first"});
    const auto second = add_task(service, {.title = "second"});
    const auto before = count(service, "events");
    const auto results = results_of(change(
        service, {operation("update", first, R"("title":"one")"), operation("complete", first),
                  operation("update", second, R"("description":"a")"),
                  operation("update", first, R"("title":"two","completed":false)"),
                  operation("update", second, R"("description":"b")"), removal(second),
                  operation("update", first, R"("tags":["three"])")}));
    EXPECT_TEXT(joined(each(results, "title"), " "),
                R"("one" "one" "second" "two" "second" null "two")");
    EXPECT_TEXT(joined(each(results, "completed"), " "), "false true false false false null false");
    EXPECT_TEXT(joined(each(results, "description"), " "),
                R"("two litres" "two litres" "a" "two litres" "b" null "two litres")");
    EXPECT_TEXT(joined(each(results, "tags"), " "), R"([] [] [] [] [] null ["three"])");
    EXPECT_TEXT(stored_tasks(service), results.back());
    const auto of = [&](std::int64_t id) {
        return events(service, before, "subject = '/tasks/" + std::to_string(id) + "'");
    };
    Texts expected;
    for (const std::size_t i : {0, 1, 3, 6})
        expected.push_back("task.updated /tasks/1 " + results[i]);
    EXPECT_TEXT(of(first), joined(expected, "\n"));
    EXPECT_TEXT(of(second), "task.updated /tasks/2 " + results[2] + "\ntask.updated /tasks/2 " +
                                results[4] + "\ntask.deleted /tasks/2 " + results[4]);
    EXPECT_TEXT(folded_columns(service, first),
                folded_columns_of(service, "two", "two litres", {"three"}));
}

// A change that changes nothing leaves its event, also where updated_at stays.
ON_BOTH_ENGINES(tasks_batch, repeats_changes_that_change_nothing) {
    const auto future = Timestamp::now().microseconds + 1'000'000'000;
    const auto id = add_task(service, {.completed = true, .updated_at = future});
    const auto sent = with_key(service, "k",
                               {operation("complete", id), operation("complete", id),
                                operation("update", id, R"("completed":true)")});
    const auto first = service.send(sent);
    const auto results = results_of(first);
    cr_expect(results[0] == results[1] && results[1] == results[2]);
    cr_expect_eq(count(service, "events WHERE type = 'task.updated'"), 3);
    expect_same(service.send(sent), first);
}

ON_BOTH_ENGINES(tasks_batch, numbers_new_tasks_in_their_order) {
    Texts operations;
    for (int i = 0; i < 500; ++i) operations.push_back(create("task " + std::to_string(i)));
    const auto results = results_of(change(service, operations));
    for (std::size_t i = 0; i < results.size(); ++i) {
        EXPECT_TEXT(member_of(results[i], "title"), json::write("task " + std::to_string(i)));
        EXPECT_TEXT(member_of(results[i], "id"), std::to_string(i + 1));
    }
    EXPECT_TEXT(stored_tasks(service), joined(results, "\n"));
    EXPECT_TEXT(service.database().execute("SELECT sum(total) FROM task_counts"), "500");
}

ON_BOTH_ENGINES(tasks_batch, keeps_every_text_exactly) {
    Texts operations;
    std::vector<Texts> tags;
    for (const std::string text : nasty_texts) {
        auto tag = std::string{trimmed(text.substr(0, 32))};
        if (!is_utf8(tag)) tag = "x";
        tags.push_back({tag});
        const auto id = add_task(service, {.title = "x"});
        const auto members =
            json_text(R"("title":$,"description":$,"tags":$)", text, text, tags.back());
        operations.push_back(R"({"op":"create",)" + members + "}");
        operations.push_back(operation("update", id, members));
    }
    const auto before = count(service, "events");
    const auto sent = with_key(service, "k", operations);
    const auto first = service.send(sent);
    const auto results = results_of(first);
    for (std::size_t i = 0; i < results.size(); ++i) {
        const std::string text = nasty_texts[i / 2];
        EXPECT_TEXT(member_of(results[i], "title"), json::write(text));
        EXPECT_TEXT(member_of(results[i], "description"), json::write(text));
        EXPECT_TEXT(member_of(results[i], "tags"), json::write(tags[i / 2]));
        const auto id = std::stoll(member_of(results[i], "id"));
        EXPECT_TEXT(folded_columns(service, id),
                    folded_columns_of(service, text, text, tags[i / 2]));
        EXPECT_TEXT(events(service, before, "subject = '/tasks/" + std::to_string(id) + "'"),
                    (i % 2 == 0 ? "task.created /tasks/" : "task.updated /tasks/") +
                        std::to_string(id) + " " + results[i]);
    }
    expect_same(service.send(sent), first);
}

ON_BOTH_ENGINES(tasks_batch, takes_each_due_date) {
    static constexpr const char* cases[][2] = {
        {"0001-01-01T00:00:00Z", "0001-01-01T00:00:00.000000Z"},
        {"9999-12-31T23:59:59.999999Z", "9999-12-31T23:59:59.999999Z"},
        {"1969-12-31T23:59:59.999999Z", "1969-12-31T23:59:59.999999Z"},
        {"1969-12-31T23:59:59.000001Z", "1969-12-31T23:59:59.000001Z"},
        {"1970-01-01T00:00:00+00:01", "1969-12-31T23:59:00.000000Z"},
        {"0001-12-31T23:59:59.5Z", "0001-12-31T23:59:59.500000Z"},
        {"2026-01-08T12:34:56.1234567Z", "2026-01-08T12:34:56.123456Z"},
    };
    const auto id = add_task(service);
    Texts operations;
    for (const auto& [due_date, unused] : cases) {
        const auto member = json_text(R"("due_date":$)", due_date);
        operations.push_back(R"({"op":"create","title":"x",)" + member + "}");
        operations.push_back(operation("update", id, member));
    }
    const auto sent = with_key(service, "k", operations);
    const auto first = service.send(sent);
    const auto due_dates = each(results_of(first), "due_date");
    for (std::size_t i = 0; i < due_dates.size(); ++i)
        EXPECT_TEXT(due_dates[i], json::write(std::string{cases[i / 2][1]}));
    expect_same(service.send(sent), first);
}

ON_BOTH_ENGINES(tasks_batch, folds_what_it_changes) {
    const auto id =
        add_task(service, {.title = "\xc3\x84pfel", .description = "ROT", .tags = {"OBST"}});
    const auto expect = [&](const std::string& title, const std::string& description,
                            const Texts& tags) {
        EXPECT_TEXT(folded_columns(service, id),
                    folded_columns_of(service, title, description, tags));
    };
    expect("\xc3\x84pfel", "ROT", {"OBST"});
    results_of(change(service, {operation("update", id, R"("title":"BIRNEN")")}));
    expect("BIRNEN", "ROT", {"OBST"});
    results_of(change(service, {operation("update", id, R"("description":"GR\u00dcN")"),
                                operation("update", id, R"("tags":["A","B\u00c9"])")}));
    expect("BIRNEN", "GR\xc3\x9cN", {"A", "B\xc3\x89"});
    results_of(change(service, {operation("complete", id),
                                operation("update", id, R"("description":null,"tags":[])")}));
    expect("BIRNEN", "", {});
}

// What another program has written stays to be folded, because only some of its texts may change.
ON_BOTH_ENGINES(tasks_batch, leaves_what_is_to_be_folded) {
    const auto id = add_task(service);
    service.database().execute("UPDATE tasks SET description = 'BY ANOTHER'");
    cr_assert_eq(count(service, "tasks WHERE folds = 0"), 1);
    results_of(
        change(service, {operation("update", id, R"("title":"x")"), operation("complete", id)}));
    cr_expect_eq(count(service, "tasks WHERE folds = 0"), 1);
}

ON_BOTH_ENGINES(tasks_batch, updated_at_never_goes_back) {
    const auto future = Timestamp::now().microseconds + 1'000'000'000;
    const auto id = add_task(service, {.updated_at = future});
    const auto results =
        results_of(change(service, {operation("complete", id), operation("complete", id)}));
    for (const auto& result : results)
        EXPECT_TEXT(member_of(result, "updated_at"), json::write(Timestamp{future}.text()));
}

// Random batches, compared with a model: the title and state of each task, by its id.
ON_BOTH_ENGINES(tasks_batch, agrees_with_a_model) {
    std::mt19937 random{7};
    std::map<std::int64_t, std::pair<std::string, bool>> tasks;
    for (int round = 0; round < 40; ++round) {
        std::vector<std::int64_t> ids;
        for (const auto& [id, unused] : tasks) ids.push_back(id);
        Texts operations;
        Texts expected;  // title and state
        const auto before = count(service, "events");
        for (auto number = 1 + random() % 12; number > 0; --number) {
            const auto title = "title " + std::to_string(random());
            const auto kind = ids.empty() ? 0 : random() % 5;
            if (kind == 0) {
                operations.push_back(create(title));
                expected.push_back(json::write(title) + " false");
                continue;
            }
            const auto at = random() % ids.size();
            const auto id = ids[at];
            auto& [own_title, is_completed] = tasks[id];
            if (kind == 1) {
                operations.push_back(removal(id));
                expected.emplace_back("null");
                tasks.erase(id);
                ids.erase(ids.begin() + static_cast<std::ptrdiff_t>(at));
                continue;
            }
            if (kind == 2) {
                is_completed = random() % 2 == 0;
                operations.push_back(
                    operation("complete", id, is_completed ? "" : R"("completed":false)"));
            } else {
                own_title = title;
                operations.push_back(operation("update", id, json_text(R"("title":$)", title)));
            }
            expected.push_back(json::write(own_title) + (is_completed ? " true" : " false"));
        }
        const auto sent = with_key(service, std::to_string(round), operations);
        const auto first = service.send(sent);
        const auto results = results_of(first);
        cr_assert_eq(results.size(), expected.size());
        for (std::size_t i = 0; i < results.size(); ++i) {
            const auto& result = results[i];
            EXPECT_TEXT(result == "null"
                            ? result
                            : member_of(result, "title") + " " + member_of(result, "completed"),
                        expected[i]);
            if (!operations[i].starts_with(R"({"op":"create")")) continue;
            const auto title = member_of(result, "title");
            tasks[std::stoll(member_of(result, "id"))] = {title.substr(1, title.size() - 2), false};
        }
        cr_expect_eq(count(service, "events"), before + std::ssize(operations));
        expect_same(service.send(sent), first);
    }
    std::string stored;
    for (const auto& [id, task] : tasks)
        stored += std::to_string(id) + task.first + (task.second ? "1" : "0") + "\n";
    EXPECT_TEXT(
        lines(service, "id || title || CASE WHEN completed THEN 1 ELSE 0 END", "tasks") + "\n",
        stored);
    EXPECT_TEXT(service.database().execute("SELECT sum(total) FROM task_counts"),
                std::to_string(tasks.size()));
}

// --- what it refuses

ON_BOTH_ENGINES(tasks_batch, locates_faults) {
    const auto id = add_task(service);
    const auto before = everything(service);
    static constexpr struct {
        const char* bad;
        const char* location;
        const char* type;
    } cases[] = {
        {"{}", "body.operations.1.op", "missing"},
        {R"({"op":"create"})", "body.operations.1.title", "missing"},
        {R"({"op":"create","title":""})", "body.operations.1.title", "string_too_short"},
        {R"({"op":"create","title":" \u2003"})", "body.operations.1.title", "string_too_short"},
        {R"({"op":"create","title":null})", "body.operations.1.title", "string_type"},
        {R"({"op":"create","title":1})", "body.operations.1.title", "string_type"},
        {R"({"op":"create","title":"x","id":1})", "body.operations.1.id", "extra_forbidden"},
        {R"({"op":"create","title":"x","user_id":"x"})", "body.operations.1.user_id",
         "extra_forbidden"},
        {R"({"op":"create","title":"x","completed":null})", "body.operations.1.completed",
         "bool_type"},
        {R"({"op":"create","title":"x","tags":["a",""]})", "body.operations.1.tags.1",
         "string_too_short"},
        {R"({"op":"create","title":"x","priority":"highest"})", "body.operations.1.priority",
         "enum"},
        {R"({"op":"create","title":"x","due_date":"2026-02-29T17:00:00Z"})",
         "body.operations.1.due_date", "datetime_parsing"},
        {R"({"op":"update","title":"x"})", "body.operations.1.id", "missing"},
        {R"({"op":"update","id":1})", "body.operations.1", "value_error"},
        {R"({"op":"update","id":1,"title":null})", "body.operations.1.title", "string_type"},
        {R"({"op":"update","id":1,"priority":null})", "body.operations.1.priority", "string_type"},
        {R"({"op":"update","id":1,"tags":null})", "body.operations.1.tags", "list_type"},
        {R"({"op":"update","id":0,"title":"x"})", "body.operations.1.id", "greater_than_equal"},
        {R"({"op":"update","id":9007199254740992,"title":"x"})", "body.operations.1.id",
         "less_than_equal"},
        {R"({"op":"update","id":"1","title":"x"})", "body.operations.1.id", "int_type"},
        {R"({"op":"update","id":null,"title":"x"})", "body.operations.1.id", "int_type"},
        {R"({"op":"complete"})", "body.operations.1.id", "missing"},
        {R"({"op":"complete","id":1,"completed":1})", "body.operations.1.completed", "bool_type"},
        {R"({"op":"complete","id":1,"title":"x"})", "body.operations.1.title", "extra_forbidden"},
        {R"({"op":"complete","id":1,"description":""})", "body.operations.1.description",
         "extra_forbidden"},
        {R"({"op":"complete","id":1,"due_date":null})", "body.operations.1.due_date",
         "extra_forbidden"},
        {R"({"op":"complete","id":1,"priority":"low"})", "body.operations.1.priority",
         "extra_forbidden"},
        {R"({"op":"complete","id":1,"tags":[]})", "body.operations.1.tags", "extra_forbidden"},
        {R"({"op":"delete"})", "body.operations.1.id", "missing"},
        {R"({"op":"delete","id":1,"completed":true})", "body.operations.1.completed",
         "extra_forbidden"},
        {R"({"op":"delete","id":1,"title":"x"})", "body.operations.1.title", "extra_forbidden"},
        {R"({"op":"delete","id":1,"due_date":null})", "body.operations.1.due_date",
         "extra_forbidden"},
        {R"({"op":"Delete","id":1})", "body.operations.1.op", "enum"},
        {R"({"op":"toggle","id":1})", "body.operations.1.op", "enum"},
        {R"({"op":"","id":1})", "body.operations.1.op", "enum"},
        {R"({"op":1,"id":1})", "body.operations.1.op", "string_type"},
        {R"({"op":"delete","id":1,"id":1})", "body.operations.1.id", "value_error"},
        {"null", "body.operations.1", "model_attributes_type"},
        {"[]", "body.operations.1", "model_attributes_type"},
    };
    for (const auto& [bad, location, type] : cases)
        expect_detail(change(service, {create("before"), bad, removal(id)}), location, type);
    static constexpr struct {
        const char* body;
        const char* location;
        const char* type;
    } bodies[] = {
        {R"({"operations":[]})", "body.operations", "too_short"},
        {R"({"operations":{}})", "body.operations", "list_type"},
        {R"({"operations":null})", "body.operations", "list_type"},
        {R"({"operations":[{"op":"delete","id":1}],"x":1})", "body.x", "extra_forbidden"},
        {"{}", "body.operations", "missing"},
        {"[]", "body", "model_attributes_type"},
        {"", "body", "missing"},
    };
    for (const auto& [body, location, type] : bodies)
        expect_detail(service.send(service.with_token("POST", path, body)), location, type);
    EXPECT_TEXT(everything(service), before);
}

// Every fault is reported, also in one operation.
Test(tasks_batch, reports_all_faults) {
    Service service{endpoint(), Engine::sqlite};
    expect_refused(
        change(service, {R"({"op":"delete","title":"x","tags":[]})", create("x"),
                         R"({"op":"create","title":"","id":1})", R"({"op":"update","completed":1})",
                         R"({"op":"complete","id":0})"}),
        Error::validation_error,
        "[\"body\",\"operations\",0,\"id\"] missing\n"
        "[\"body\",\"operations\",0,\"tags\"] extra_forbidden\n"
        "[\"body\",\"operations\",0,\"title\"] extra_forbidden\n"
        "[\"body\",\"operations\",2,\"title\"] string_too_short\n"
        "[\"body\",\"operations\",2,\"id\"] extra_forbidden\n"
        "[\"body\",\"operations\",3,\"completed\"] bool_type\n"
        "[\"body\",\"operations\",3,\"id\"] missing\n"
        "[\"body\",\"operations\",4,\"id\"] greater_than_equal\n");
}

ON_BOTH_ENGINES(tasks_batch, takes_a_thousand_operations) {
    const auto id = add_task(service);
    cr_expect_eq(results_of(change(service, Texts(1000, operation("complete", id)))).size(), 1000);
    cr_expect_eq(count(service, "events WHERE type = 'task.updated'"), 1000);
    const auto before = everything(service);
    expect_detail(change(service, Texts(1001, operation("complete", id))), "body.operations",
                  "too_long");
    EXPECT_TEXT(everything(service), before);
}

ON_BOTH_ENGINES(tasks_batch, takes_a_mebibyte) {
    // Almost as much as can be: 1,000 characters of four bytes each.
    std::string longest;
    for (int i = 0; i < 1000; ++i) longest += "\xf0\x9f\x98\x80";
    Texts operations(250, json_text(R"({"op":"create","title":"x","description":$})", longest));
    auto body = batch_of(operations);
    body.resize(1'048'576, ' ');
    const auto results = results_of(service.send(service.with_token("POST", path, body)));
    for (const auto& description : each(results, "description"))
        cr_expect(description == json::write(longest));
    const auto before = count(service, "events");
    expect_error(service.send(service.with_token("POST", path, body + " ")),
                 Error::payload_too_large);
    auto sent = service.with_token("POST", path, "{}");
    sent.content_type = "text/plain";
    expect_error(service.send(sent), Error::unsupported_media_type);
    cr_expect_eq(count(service, "tasks"), 250);
    cr_expect_eq(count(service, "events"), before);
}

ON_BOTH_ENGINES(tasks_batch, needs_each_task) {
    const auto id = add_task(service);
    const auto before = everything(service);
    expect_refused(
        change(service, {create("x"), operation("complete", id), removal(id), removal(98),
                         operation("update", 99, R"("title":"x")"), operation("complete", 98)}),
        Error::not_found, "[\"body\",\"operations\",5,\"id\"] value_error\n");
    expect_refused(change(service, {create("x"), operation("complete", id), removal(98),
                                    operation("update", 99, R"("title":"x")")}),
                   Error::not_found,
                   "[\"body\",\"operations\",2,\"id\"] value_error\n"
                   "[\"body\",\"operations\",3,\"id\"] value_error\n");
    // A task that the batch creates has no id yet.
    expect_refused(change(service, {create("x"), operation("complete", id + 1)}), Error::not_found,
                   "[\"body\",\"operations\",1,\"id\"] value_error\n");
    expect_refused(change(service, {operation("complete", 9'007'199'254'740'991)}),
                   Error::not_found, "[\"body\",\"operations\",0,\"id\"] value_error\n");
    EXPECT_TEXT(everything(service), before);
}

ON_BOTH_ENGINES(tasks_batch, does_not_find_what_it_has_deleted) {
    const auto id = add_task(service);
    const auto kept = add_task(service);
    const auto before = everything(service);
    for (const auto& after :
         {operation("complete", id), removal(id), operation("update", id, R"("title":"x")")})
        expect_refused(change(service, {create("x"), removal(id), operation("complete", kept),
                                        after, operation("complete", kept)}),
                       Error::not_found, "[\"body\",\"operations\",3,\"id\"] value_error\n");
    expect_refused(change(service, {removal(id), removal(id), removal(id)}), Error::not_found,
                   "[\"body\",\"operations\",1,\"id\"] value_error\n"
                   "[\"body\",\"operations\",2,\"id\"] value_error\n");
    EXPECT_TEXT(everything(service), before);
}

ON_BOTH_ENGINES(tasks_batch, of_anothers_tasks_is_refused) {
    const auto own = add_task(service);
    const auto foreign = add_task(service, {.user_id = other, .title = "secret"});
    const auto before = everything(service);
    const Texts operations[] = {
        {operation("complete", own), create("x"), removal(foreign)},
        {operation("complete", own), create("x"), operation("update", foreign, R"("title":"x")")},
        {operation("complete", own), create("x"), operation("complete", foreign), removal(foreign)},
    };
    const std::string place = "[\"body\",\"operations\",2,\"id\"] value_error\n";
    for (const auto& batch : operations) {
        for (const auto& target : {path, "/api/" + me + "/tasks/batch"}) {
            const auto response = change(service, batch, target);
            expect_refused(response, Error::not_found, place);
            cr_expect_eq(response.body().find("secret"), response.body().npos);
        }
        expect_refused(change(service, batch, path_without_user), Error::forbidden, place);
    }
    // A missing task is missing at either path.
    expect_refused(change(service, {operation("complete", own), removal(99)}, path_without_user),
                   Error::not_found, "[\"body\",\"operations\",1,\"id\"] value_error\n");
    expect_refused(change(service, {removal(99), removal(foreign)}, path_without_user),
                   Error::forbidden, "[\"body\",\"operations\",1,\"id\"] value_error\n");
    EXPECT_TEXT(everything(service), before);
}

ON_BOTH_ENGINES(tasks_batch, is_its_owners_alone) {
    expect_owner_only(service, service.with_token("POST", path, batch_of({create("x")})));
    cr_assert_eq(count(service, "tasks"), 0);
}

// --- the quota

ON_BOTH_ENGINES(tasks_batch, keeps_to_the_quota) {
    service.config().max_tasks_per_user = 4;
    const auto first = add_task(service);
    const auto second = add_task(service);
    add_task(service, {.user_id = other});
    const auto before = everything(service);
    expect_error(change(service, {create("3"), create("4"), create("5")}), Error::quota_exceeded);
    expect_error(
        change(service, {create("3"), create("4"), create("5"), create("6"), removal(first)}),
        Error::quota_exceeded);
    EXPECT_TEXT(everything(service), before);
    // What it deletes makes room, wherever it stands.
    results_of(change(service, {create("3"), create("4"), create("5"), removal(first)}));
    cr_expect_eq(count(service, "tasks WHERE user_id = '" + me + "'"), 4);
    expect_error(change(service, {create("5")}), Error::quota_exceeded);
    results_of(change(service, {create("5"), removal(second)}));
    results_of(change(service, {operation("complete", 4)}));
    // A missing task is the reason rather than the quota.
    expect_refused(change(service, {create("5"), removal(99)}), Error::not_found,
                   "[\"body\",\"operations\",1,\"id\"] value_error\n");
    service.config().max_tasks_per_user.reset();
    results_of(change(service, Texts(100, create("x"))));
    cr_expect_eq(count(service, "tasks WHERE user_id = '" + me + "'"), 104);
}

// So is each task alone.
ON_BOTH_ENGINES(tasks_batch, above_the_quota_tasks_stay_changeable) {
    service.config().max_tasks_per_user = 1;
    for (int i = 0; i < 5; ++i) add_task(service);
    results_of(change(service, {operation("complete", 1)}));
    results_of(change(service, {create("x"), removal(2)}));
    results_of(change(service, {removal(3), operation("complete", 1)}));
    expect_error(change(service, {create("x"), create("y"), removal(4)}), Error::quota_exceeded);
    cr_expect_eq(count(service, "tasks"), 4);
}

// --- round trips

ON_BOTH_ENGINES(tasks_batch, takes_one_round_trip) {
    Texts operations;
    for (int i = 0; i < 100; ++i) {
        const auto id = add_task(service);
        const auto gone = add_task(service);
        for (int j = 0; j < 3; ++j) operations.push_back(create("new"));
        operations.push_back(operation("update", id, R"("title":"changed")"));
        for (int j = 0; j < 4; ++j) operations.push_back(operation("complete", id));
        operations.push_back(operation("update", gone, R"("tags":["x"])"));
        operations.push_back(removal(gone));
    }
    cr_assert_eq(operations.size(), 1000);
    // The first request of a user checks the account.
    results_of(change(service, {create("x")}));
    auto sent = with_key(service, "k", operations);
    const auto keyed = send_counted(service, sent);
    cr_expect_eq(results_of(keyed.response).size(), 1000);
    cr_expect_eq(keyed.round_trips, 1);
    const auto repeated = send_counted(service, sent);
    cr_expect_eq(repeated.round_trips, 2);
    expect_same(repeated.response, keyed.response);

    sent.idempotency_key.clear();
    // Only a refused batch looks for the reason.
    const auto refused = send_counted(service, sent);
    expect_error(refused.response, Error::not_found);
    cr_expect_eq(refused.round_trips, 2);
    std::erase_if(operations, [](const auto& one) {
        return one.find("delete") != one.npos || one.find("tags") != one.npos;
    });
    sent.body = batch_of(operations);
    const auto plain = send_counted(service, sent);
    cr_expect_eq(results_of(plain.response).size(), 800);
    cr_expect_eq(plain.round_trips, 1);
}

// --- at once

ON_BOTH_ENGINES(tasks_batch, that_race_in_opposite_orders_all_succeed) {
    std::vector<std::int64_t> ids;
    for (int i = 0; i < 20; ++i) ids.push_back(add_task(service));
    auto reversed = ids;
    std::ranges::reverse(reversed);
    for (int round = 0; round < 5; ++round) {
        std::vector<Sent> sent;
        for (int i = 0; i < 12; ++i) {
            Texts operations;
            const auto title = json_text(R"("title":$)", std::to_string(i));
            for (const auto id : i % 2 == 0 ? ids : reversed) {
                operations.push_back(operation("update", id, title));
                operations.push_back(operation("complete", id));
            }
            operations.push_back(create("new"));
            sent.push_back(service.with_token("POST", path, batch_of(operations)));
        }
        for (const auto& response : service.send_all(sent)) {
            const auto results = results_of(response);
            cr_expect_eq(results.size(), 41);
        }
        // The last one has changed all of them.
        cr_expect_eq(std::stoi(service.database().execute(
                         "SELECT count(DISTINCT title) FROM tasks WHERE id <= " +
                         std::to_string(ids.back()))),
                     1);
    }
    cr_expect_eq(count(service, "tasks"), 20 + 60);
    cr_expect_eq(count(service, "events WHERE type = 'task.updated'"), 60 * 40);
}

// One of them finds the tasks, and the others find none.
ON_BOTH_ENGINES(tasks_batch, that_race_to_delete_do_it_once) {
    std::vector<std::int64_t> ids;
    for (int i = 0; i < 10; ++i) ids.push_back(add_task(service));
    std::vector<Sent> sent;
    for (int i = 0; i < 8; ++i) {
        Texts operations;
        for (const auto id : ids) operations.push_back(removal(id));
        operations.push_back(create("in their place"));
        sent.push_back(service.with_token("POST", path, batch_of(operations)));
        std::ranges::reverse(ids);
    }
    int succeeded = 0;
    for (const auto& response : service.send_all(sent)) {
        if (response.status() == 200)
            ++succeeded;
        else
            expect_error(response, Error::not_found);
    }
    cr_expect_eq(succeeded, 1);
    cr_expect_eq(count(service, "tasks"), 1);
    cr_expect_eq(count(service, "events WHERE type = 'task.deleted'"), 10);
}

// The batch waits for another transaction, and then does not find the task.
Test(tasks_batch, does_not_find_what_is_deleted_meanwhile) {
    Service service{endpoint(), Engine::postgres};
    const auto deleted = add_task(service);
    const auto kept = add_task(service);
    const auto sent = service.with_token(
        "POST", path, batch_of({create("x"), operation("complete", kept), removal(deleted)}));
    service.database().execute("BEGIN; DELETE FROM tasks WHERE id = " + std::to_string(deleted));
    std::thread other_client{[&] {
        wait_until("the batch waits", [&] {
            return service.database().execute(
                       "SELECT pg_stat_clear_snapshot(); SELECT count(*) FROM pg_stat_activity "
                       "WHERE datname = current_database() AND wait_event_type = 'Lock'") != "0";
        });
        service.database().execute("COMMIT");
    }};
    const auto response = service.send(sent);
    other_client.join();
    expect_refused(response, Error::not_found, "[\"body\",\"operations\",2,\"id\"] value_error\n");
    cr_expect_eq(count(service, "tasks WHERE completed"), 0);
    cr_expect_eq(count(service, "tasks"), 1);
    cr_expect_eq(count(service, "events WHERE type = 'task.updated'"), 0);
}

// The batch has locked the first task and waits for the second one while the third one is changed,
// which the feed must show before its deletion.
Test(tasks_batch, come_after_what_a_later_transaction_has_changed) {
    Service service{endpoint(), Engine::postgres};
    const auto first = add_task(service);
    const auto held = std::to_string(add_task(service));
    const auto last = add_task(service);
    const auto sent =
        service.with_token("POST", path,
                           batch_of({operation("complete", first),
                                     operation("complete", std::stol(held)), removal(last)}));
    const PgConnection later{PQconnectdb(service.database().url().c_str())};
    service.database().execute("BEGIN; SELECT id FROM tasks WHERE id = " + held + " FOR UPDATE");
    std::thread other_client{[&] {
        wait_until("the batch waits", [&] {
            return service.database().execute(
                       "SELECT pg_stat_clear_snapshot(); SELECT count(*) FROM pg_stat_activity "
                       "WHERE datname = current_database() AND wait_event_type = 'Lock'") != "0";
        });
        const auto update = "UPDATE tasks SET title = 'later' WHERE id = " + std::to_string(last);
        PQclear(PQexec(later.get(), update.c_str()));
        service.database().execute("COMMIT");
    }};
    const auto response = service.send(sent);
    other_client.join();
    cr_assert_eq(response.status(), 200, "%s", shown(response.body()).c_str());
    EXPECT_TEXT(service.database().execute(
                    "SELECT string_agg(type, ' ' ORDER BY transaction_id, id) FROM events "
                    "WHERE subject = '/tasks/" +
                    std::to_string(last) + "'"),
                "task.created task.updated task.deleted");
}

// --- Idempotency-Key

ON_BOTH_ENGINES(tasks_batch, are_done_once_for_a_key) {
    expect_created_once(
        service, service.with_token("POST", path_without_user, batch_of({create("\"x\" \\ é\n")})),
        batch_of({create("y")}), "tasks", "UPDATE tasks SET title = 'changed'",
        "DELETE FROM tasks");
}

ON_BOTH_ENGINES(tasks_batch, are_repeated_after_everything_is_gone) {
    const auto changed = add_task(service);
    const auto deleted = add_task(service);
    const auto sent =
        with_key(service, "k",
                 {removal(deleted), create("a"), operation("update", changed, R"("title":"é \"'")"),
                  create("b"), operation("complete", changed), operation("complete", changed)});
    const auto first = service.send(sent);
    cr_assert_eq(results_of(first).size(), 6);
    const auto before = everything(service);
    for (int i = 0; i < 2; ++i) expect_same(service.send(sent), first);
    EXPECT_TEXT(everything(service), before);
    auto elsewhere = sent;
    for (const auto& target : {path_without_user, "/api/" + me + "/tasks/batch"}) {
        elsewhere.target = target;
        expect_same(service.send(elsewhere), first);
    }
    auto other_batch = sent;
    for (const auto& body : {batch_of({create("a")}), batch_of({removal(deleted)})}) {
        other_batch.body = body;
        expect_detail(service.send(other_batch), "header.Idempotency-Key", "value_error");
    }
    EXPECT_TEXT(everything(service), before);
    results_of(change(service, {removal(changed), removal(changed + 2), removal(changed + 3)}));
    cr_assert_eq(count(service, "tasks"), 0);
    expect_same(service.send(sent), first);
    service.config().max_tasks_per_user = 0;
    expect_same(service.send(sent), first);
}

ON_BOTH_ENGINES(tasks_batch, that_only_deletes_is_repeated) {
    const auto id = add_task(service);
    const auto sent = with_key(service, "k", {removal(id)});
    const auto first = service.send(sent);
    EXPECT_TEXT(joined(results_of(first), " "), "null");
    expect_same(service.send(sent), first);
    cr_expect_eq(count(service, "events WHERE type = 'task.deleted'"), 1);
}

ON_BOTH_ENGINES(tasks_batch, leave_a_key_unused_if_refused) {
    const auto id = add_task(service);
    service.config().max_tasks_per_user = 1;
    const auto before = everything(service);
    auto sent = with_key(service, "k", {create("x"), removal(99)});
    expect_error(service.send(sent), Error::not_found);
    sent.body = batch_of({create("x"), removal(id), removal(id)});
    expect_error(service.send(sent), Error::not_found);
    sent.body = batch_of({create("x"), R"({"op":"x"})"});
    expect_error(service.send(sent), Error::validation_error);
    sent.body = batch_of({create("x")});
    expect_error(service.send(sent), Error::quota_exceeded);
    EXPECT_TEXT(everything(service), before);
    service.config().max_tasks_per_user.reset();
    const auto first = service.send(sent);
    results_of(first);
    expect_same(service.send(sent), first);
    cr_expect_eq(count(service, "tasks"), 2);
}

// A due date that becomes null is not one that stays.
ON_BOTH_ENGINES(tasks_batch, with_another_member_are_another_request) {
    const auto id = add_task(service, {.due_date = a_moment});
    auto sent = with_key(service, "k", {operation("update", id, R"("title":"x")")});
    const auto first = service.send(sent);
    results_of(first);
    sent.body = R"({ "operations" : [ { "title" : "\u0078", "op" : "update", "id" : 1 } ] })";
    expect_same(service.send(sent), first);
    for (const char* members : {R"("title":"x","due_date":null)", R"("title":"x","tags":[])",
                                R"("title":"x","completed":false)", R"("description":"x")"}) {
        sent.body = batch_of({operation("update", id, members)});
        expect_detail(service.send(sent), "header.Idempotency-Key", "value_error");
    }
    EXPECT_TEXT(stored_tasks(service), results_of(first).front());
}

// The user of a repeated request is checked like any other, also if the tasks are gone.
ON_BOTH_ENGINES(tasks_batch, repeat_nothing_for_a_disabled_user) {
    const auto sent = with_key(service, "k", {create("x"), removal(add_task(service))});
    const auto first = service.send(sent);
    results_of(first);
    service.database().execute("UPDATE users SET disabled_at = created_at");
    expect_error(service.send(sent), Error::invalid_token);
    expect_error(change(service, {create("x")}), Error::invalid_token);
    expect_error(change(service, {removal(99)}), Error::invalid_token);
    service.database().execute("UPDATE users SET disabled_at = NULL");
    expect_same(service.send(sent), first);
    cr_expect_eq(count(service, "tasks"), 1);
}

// A user without a row needs none to be told that there is no such task.
ON_BOTH_ENGINES(tasks_batch, make_a_row_of_a_new_user) {
    auto sent = service.with_token("POST", path_without_user, batch_of({removal(99)}));
    sent.authorization = service.foreign_bearer("a newcomer");
    expect_error(service.send(sent), Error::not_found);
    sent.body = batch_of({create("x"), create("y")});
    sent.idempotency_key = "k";
    const auto first = service.send(sent);
    EXPECT_TEXT(joined(each(results_of(first), "user_id"), " "), R"("a newcomer" "a newcomer")");
    expect_same(service.send(sent), first);
    cr_expect_eq(count(service, "users WHERE id = 'a newcomer'"), 1);
    cr_expect_eq(count(service, "tasks"), 2);
}

// Each deletes tasks that the others no longer find.
ON_BOTH_ENGINES(tasks_batch, twenty_at_once_with_one_key_are_one) {
    for (int round = 0; round < 3; ++round) {
        const auto before = count(service, "events");
        const auto deleted = add_task(service);
        const auto changed = add_task(service);
        const auto responses = service.send_all(std::vector<Sent>(
            20, with_key(service, std::to_string(round),
                         {create("x"), operation("complete", changed), removal(deleted)})));
        results_of(responses.front());
        for (const auto& response : responses) expect_same(response, responses.front());
        cr_expect_eq(count(service, "events"), before + 5);
    }
    cr_expect_eq(count(service, "tasks"), 6);
    cr_expect_eq(count(service, "request_keys"), 3);
}

// --- everything else

Test(tasks_batch, lists_its_methods) {
    Service service{endpoint(), Engine::sqlite};
    const auto response = service.send(service.with_token("GET", path));
    expect_error(response, Error::method_not_allowed);
    EXPECT_TEXT(response.header("Allow"), "POST, OPTIONS");
}

ON_BOTH_ENGINES(tasks_batch, limits_writes) {
    expect_limits_writes(service,
                         service.with_token("POST", path_without_user, batch_of({create("x")})));
}
