#include "cli/prune.hpp"

#include <array>
#include <ostream>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>

#include "cli/database.hpp"
#include "shared/age.hpp"
#include "shared/async.hpp"
#include "shared/db/database.hpp"
#include "shared/json/fields.hpp"
#include "shared/log.hpp"
#include "shared/timestamp.hpp"
#include "shared/uuid.hpp"
#include "sql/prune.hpp"

namespace {

using std::chrono::seconds;

constexpr std::int64_t batch_rows = 1000;
constexpr std::array<std::pair<std::string_view, std::optional<seconds> Ages::*>, 2> flags = {
    {{"--events-older-than", &Ages::events}, {"--jobs-older-than", &Ages::jobs}}};

// Jobs in these states have ended.
constexpr std::array<const char*, 3> ended = {"completed", "failed", "cancelled"};

struct LastOfBatch {
    std::optional<std::int64_t> id;  // null after the last event

    static consteval auto fields() { return std::tuple{json::field("id", &LastOfBatch::id)}; }
};

Timestamp moment_before(seconds age) {
    return {Timestamp::now().microseconds - std::chrono::microseconds{age}.count()};
}

// Goes on to the end, even after a batch of which nothing was deleted: if the clock was ahead for a
// while, events from the future come before old ones.
Async<std::int64_t> prune_events(Database& database, seconds age) {
    const auto limit = moment_before(age);
    std::int64_t count = 0;
    for (std::int64_t last_id = 0;;) {
        const auto before = Clock::now();
        db::Batch batch;
        const auto found = batch.add<LastOfBatch>(
            sql::prunable_events, db::named("after_id", last_id), db::named("limit", batch_rows));
        const auto pruned =
            batch.add(sql::prune_events, db::named("after_id", last_id),
                      db::named("limit", batch_rows), db::named("created_before", limit));
        const auto results = co_await database.run(std::move(batch));
        const auto last = results.one(found).id;
        if (!last) co_return count;
        count += static_cast<std::int64_t>(results.rows(pruned).size());
        last_id = *last;
        co_await sleep_for(Clock::now() - before);
    }
}

struct Prunable {
    Uuid id;
    Timestamp created_at;

    static consteval auto fields() {
        return std::tuple{json::field("id", &Prunable::id),
                          json::field("created_at", &Prunable::created_at)};
    }
};

Async<std::int64_t> prune_jobs(Database& database, std::string status, seconds age) {
    const auto limit = moment_before(age);
    std::int64_t count = 0;
    for (Prunable last;;) {
        const auto before = Clock::now();
        db::Batch batch;
        const auto found =
            batch.add<Prunable>(sql::prunable_jobs, db::named("status", status),
                                db::named("after", last.created_at), db::named("after_id", last.id),
                                db::named("created_before", limit), db::named("limit", batch_rows));
        const auto pruned =
            batch.add(sql::prune_jobs, db::named("status", status),
                      db::named("after", last.created_at), db::named("after_id", last.id),
                      db::named("created_before", limit), db::named("limit", batch_rows));
        const auto results = co_await database.run(std::move(batch));
        const auto seen = results.all(found);
        if (seen.empty()) co_return count;
        count += static_cast<std::int64_t>(results.rows(pruned).size());
        last = seen.back();
        co_await sleep_for(Clock::now() - before);
    }
}

// Those of the requests of users.
Async<std::int64_t> prune_request_keys(Database& database) {
    std::int64_t count = 0;
    for (bool is_done = false; !is_done;) {
        const auto before = Clock::now();
        db::Batch batch;
        const auto pruned = batch.add(sql::prune_request_keys, batch_rows);
        const auto results = co_await database.run(std::move(batch));
        const auto size = static_cast<std::int64_t>(results.rows(pruned).size());
        count += size;
        is_done = size < batch_rows;
        co_await sleep_for(Clock::now() - before);
    }
    co_return count;
}

Async<> prune_all(Database& database, Ages ages, Pruned& pruned) {
    if (ages.events) {
        const auto events = co_await prune_events(database, *ages.events);
        pruned.events = events;
    }
    if (ages.jobs) {
        std::int64_t jobs = 0;
        for (const std::string status : ended) {
            const auto of_status = co_await prune_jobs(database, status, *ages.jobs);
            jobs += of_status;
        }
        pruned.jobs = jobs;
    }
    const auto keys = co_await prune_request_keys(database);
    pruned.request_keys = keys;
}

void print_line(std::optional<std::int64_t> count, const char* noun, std::ostream& out) {
    if (count) out << "pruned " << *count << ' ' << noun << (*count == 1 ? "\n" : "s\n");
}

}  // namespace

Ages take_ages(Arguments& arguments) {
    Ages ages;
    for (const auto& [flag, age] : flags) {
        const auto text = arguments.option(flag);
        if (!text) continue;
        ages.*age = parse_age(*text);
        if (!(ages.*age))
            arguments.fail('"' + *text + "\" is not an age: 7d, 12h, 15m or 90s, up to 36500d");
    }
    return ages;
}

Ages ages_of(const Config& config) { return {config.events_keep, config.jobs_keep}; }

Pruned prune(const Config& config, const Ages& ages) {
    Pruned pruned;
    with_database(config, [&](Database& database) { return prune_all(database, ages, pruned); });
    return pruned;
}

void print(const Pruned& pruned, std::ostream& out) {
    print_line(pruned.events, "event", out);
    print_line(pruned.jobs, "job", out);
    const bool is_alone = !pruned.events && !pruned.jobs;
    if (is_alone || pruned.request_keys > 0) print_line(pruned.request_keys, "expired key", out);
}

void log(const Pruned& pruned) {
    const auto events = pruned.events.value_or(0);
    const auto jobs = pruned.jobs.value_or(0);
    const bool is_nothing = events + jobs + pruned.request_keys == 0;
    logging::write(is_nothing ? logging::Level::debug : logging::Level::info, "pruned",
                   {{"events", events}, {"jobs", jobs}, {"expired_keys", pruned.request_keys}});
}
