// /api/v1/{user_id}/tasks/batch: several changes of the caller's own tasks, all of them or none.
// POST → 200 results | 401 | 403 | 404 | 413 | 415 | 422
#include <map>
#include <set>

#include "shared/db/sqlstate.hpp"
#include "shared/handler.hpp"
#include "shared/models/existence.hpp"
#include "shared/models/task.hpp"
#include "sql/tasks.hpp"

namespace {

// The failure of require_tasks.
constexpr std::string_view batch_refused = sqlstate::division_by_zero;

ErrorDetail fault_of_id(std::size_t position, const char* message) {
    return {{"body", "operations", static_cast<long>(position), "id"}, message, "value_error"};
}

// The operations in the order in which they are done: first all that create; then the changes, in
// rounds with at most one of each task, so that several of one task come in their order; last all
// that delete.
struct Plan {
    std::vector<StoredOperation> created;
    std::vector<std::vector<StoredOperation>> rounds;
    std::vector<std::int64_t> deleted;
    std::map<std::int64_t, std::size_t> positions;  // of the first operation on each task

    // Throws ApiError (404) if an operation follows the one that deletes its task.
    explicit Plan(const std::vector<TaskOperation>& operations) {
        std::map<std::int64_t, std::size_t> counts;
        std::set<std::int64_t> gone;
        std::vector<ErrorDetail> faults;
        for (std::size_t i = 0; i < operations.size(); ++i) {
            const auto& operation = operations[i];
            if (!operation.id) {
                created.emplace_back(operation, i);
                continue;
            }
            const auto id = *operation.id;
            positions.emplace(id, i);
            if (gone.contains(id)) {
                faults.push_back(fault_of_id(i, "An earlier operation deletes this task"));
            } else if (operation.op == "delete") {
                gone.insert(id);
                deleted.push_back(id);
            } else {
                const auto round = counts[id]++;
                if (round == rounds.size()) rounds.emplace_back();
                rounds[round].emplace_back(operation, i);
            }
        }
        if (!faults.empty()) throw ApiError{Error::not_found, std::move(faults)};
    }

    // How many more tasks the user has afterwards.
    std::int64_t added_count() const { return std::ssize(created) - std::ssize(deleted); }

    // The ids that the batch names, as a JSON array.
    std::string ids() const {
        std::vector<std::int64_t> all;
        all.reserve(positions.size());
        for (const auto& [id, position] : positions) all.push_back(id);
        return json::write(all);
    }
};

struct NamedTask {
    std::int64_t id = 0;
    bool is_own = false;

    static consteval auto fields() {
        return std::tuple{json::field("id", &NamedTask::id),
                          json::field("is_own", &NamedTask::is_own)};
    }
};

// Throws the reason why require_tasks has failed: 403 or 404 with the places of the tasks that are
// not the user's, or 403 for the quota. Returns if there is none: the batch may be repeated. A
// second round trip, which only a refused batch takes.
Async<> explain(const Request& request, Database& database, const Plan& plan,
                std::optional<std::int64_t> max_tasks) {
    db::Batch batch;
    const auto found =
        batch.add<NamedTask>(sql::find_named_tasks, db::named("user_id", request.user_id()),
                             db::named("ids", plan.ids()));
    const auto room = batch.add<Existence>(
        sql::has_room_for_tasks, db::named("user_id", request.user_id()),
        db::named("added_count", plan.added_count()), db::named("max_tasks", max_tasks));
    const auto results = co_await database.run(std::move(batch));
    std::map<std::int64_t, bool> is_own;
    for (const auto& task : results.all(found)) is_own[task.id] = task.is_own;
    std::vector<ErrorDetail> missing;
    std::vector<ErrorDetail> of_others;
    for (const auto& [id, position] : plan.positions) {
        const auto task = is_own.find(id);
        if (task != is_own.end() && task->second) continue;
        const bool is_forbidden = task != is_own.end() && !request.names_user();
        auto& faults = is_forbidden ? of_others : missing;
        faults.push_back(fault_of_id(
            position, is_forbidden ? "The task is another user's" : "The task does not exist"));
    }
    if (!of_others.empty()) throw ApiError{Error::forbidden, std::move(of_others)};
    if (!missing.empty()) throw ApiError{Error::not_found, std::move(missing)};
    if (!results.one(room).exists) throw ApiError{Error::quota_exceeded};
}

// A task as an operation has left it. Tasks are in the order in which the operations are done, and
// so are their events; those of one round are in any order.
struct Outcome {
    std::int64_t id = 0;
    json::Raw text;  // canonical JSON
};

std::vector<Outcome> outcomes(std::vector<Task> tasks) {
    std::ranges::sort(tasks, {}, &Task::id);
    std::vector<Outcome> all;
    all.reserve(tasks.size());
    for (const auto& task : tasks) all.push_back({task.id, {json::write(task)}});
    return all;
}

// Those of an earlier answer. An earlier release may have written it, with fewer members.
std::vector<Outcome> outcomes(const FirstAnswer& first) {
    std::vector<Outcome> all;
    const auto array = first.items();
    for (const auto& task : array.GetArray())
        all.push_back({task["id"].GetInt64(), {json::canonical(task)}});
    return all;
}

struct Results {
    std::vector<std::optional<json::Raw>> results;

    static consteval auto fields() { return std::tuple{json::field("results", &Results::results)}; }
};

// Puts the outcomes in the places of their operations.
Response answer(const Plan& plan, std::size_t count, const std::vector<Outcome>& outcomes) {
    Results answer;
    answer.results.resize(count);
    auto next = outcomes.begin();
    for (const auto& operation : plan.created)
        answer.results[static_cast<std::size_t>(operation.position)] = (next++)->text;
    for (const auto& round : plan.rounds) {
        std::map<std::int64_t, const json::Raw*> of_round;
        for (std::size_t i = 0; i < round.size(); ++i, ++next) of_round[next->id] = &next->text;
        for (const auto& operation : round)
            answer.results[static_cast<std::size_t>(operation.position)] =
                *of_round.at(operation.id.value_or(0));
    }
    return Response::ok(answer);
}

struct Statements {
    db::Batch batch;
    std::vector<db::Slot<Task>> written;  // in the order of the outcomes
};

Statements statements(const Plan& plan, const std::string& user_id,
                      std::optional<std::int64_t> max_tasks) {
    Statements made;
    auto& batch = made.batch;
    batch.add(sql::require_tasks, db::named("user_id", user_id), db::named("ids", plan.ids()),
              db::named("id_count", std::int64_t{std::ssize(plan.positions)}),
              db::named("added_count", plan.added_count()), db::named("max_tasks", max_tasks));
    if (!plan.created.empty())
        made.written.push_back(batch.add<Task>(sql::insert_tasks, db::named("user_id", user_id),
                                               db::named("operations", json::write(plan.created))));
    for (const auto& round : plan.rounds)
        made.written.push_back(batch.add<Task>(sql::update_tasks, db::named("user_id", user_id),
                                               db::named("operations", json::write(round))));
    if (!plan.deleted.empty())
        batch.add(sql::delete_tasks, db::named("user_id", user_id),
                  db::named("ids", json::write(plan.deleted)));
    return made;
}

// Returns nullopt if the batch was refused.
Async<std::optional<Response>> try_once(const Plan& plan, std::size_t count, const RequestKey& key,
                                        const Request& request, Context& context) {
    auto made = statements(plan, request.user_id(), context.config.max_tasks_per_user);
    std::optional<KeyedResults> done;
    try {
        done = co_await key.run(context.db, std::move(made.batch), static_cast<std::int64_t>(count),
                                "task.");
    } catch (const DbError& error) {
        if (error.sqlstate() != batch_refused) throw;
    }
    if (!done) co_return std::nullopt;
    if (done->first) co_return answer(plan, count, outcomes(*done->first));
    std::vector<Outcome> all;
    for (const auto& slot : made.written)
        std::ranges::move(outcomes(done->results.all(slot)), std::back_inserter(all));
    co_return answer(plan, count, all);
}

Async<Response> run(const Request& request, Context& context) {
    const auto input = request.body<TaskBatch>();
    const Plan plan{input.operations};
    const RequestKey key{request, "batches of tasks"};
    const auto count = input.operations.size();
    constexpr int most_attempts = 10;
    for (int attempt = 0; attempt < most_attempts; ++attempt) {
        auto response = co_await try_once(plan, count, key, request, context);
        if (response) co_return *std::move(response);
        // Repeated, a batch that has deleted tasks does not find them.
        const auto first = co_await key.find_first(context.db);
        if (first) co_return answer(plan, count, outcomes(*first));
        co_await explain(request, context.db, plan, context.config.max_tasks_per_user);
    }
    throw ApiError{Error::service_unavailable};
}

}  // namespace

Endpoint endpoint() {
    return {
        .path = "/api/v1/{user_id}/tasks/batch",
        .also_at = {"/api/{user_id}/tasks/batch", "/api/tasks/batch"},
        .shape = Shape::enveloped,
        .max_body = 1'048'576,
        .operations = {{.method = Method::post,
                        .handler = run,
                        .auth = Auth::owner,
                        .name = "changeTasks",
                        .summary = "Create, change and delete several tasks at once",
                        .description =
                            "Does up to 1,000 operations, all of them or none. `results` has the "
                            "task after each operation, in their order, and null after `delete`. "
                            "If one is refused, nothing is done, and `details` names its place: "
                            "`[\"body\",\"operations\",3,\"id\"]`. Several operations on one task "
                            "are done in their order. The body has at most 1 MiB.",
                        .request_schema = schema_of<TaskBatch>,
                        .answer = ok<TaskResults>(),
                        .message = "Tasks changed",
                        .takes_idempotency_key = true,
                        .errors = {Error::quota_exceeded, Error::not_found}}},
    };
}
