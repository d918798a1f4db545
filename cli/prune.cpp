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
Async<> prune_request_keys(Database& database) {
    for (bool is_done = false; !is_done;) {
        const auto before = Clock::now();
        db::Batch batch;
        const auto pruned = batch.add(sql::prune_request_keys, batch_rows);
        const auto results = co_await database.run(std::move(batch));
        is_done = results.rows(pruned).size() < static_cast<std::size_t>(batch_rows);
        co_await sleep_for(Clock::now() - before);
    }
}

Async<> prune_all(Database& database, Ages ages, std::ostream& out) {
    if (ages.events) {
        const auto count = co_await prune_events(database, *ages.events);
        out << "pruned " << count << (count == 1 ? " event\n" : " events\n");
    }
    if (ages.jobs) {
        std::int64_t count = 0;
        for (const std::string status : ended) {
            const auto of_status = co_await prune_jobs(database, status, *ages.jobs);
            count += of_status;
        }
        out << "pruned " << count << (count == 1 ? " job\n" : " jobs\n");
    }
    co_await prune_request_keys(database);
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
    arguments.end();
    if (!ages.events && !ages.jobs)
        arguments.fail("--events-older-than AGE or --jobs-older-than AGE is missing");
    return ages;
}

void prune(const Config& config, const Ages& ages, std::ostream& out) {
    with_database(config, [&](Database& database) { return prune_all(database, ages, out); });
}
