#include "cli/database.hpp"

#include <algorithm>
#include <filesystem>
#include <optional>
#include <stdexcept>
#include <utility>

#include "shared/events/feed_mark.hpp"
#include "shared/run_dir.hpp"
#include "sql/events.hpp"

namespace {

namespace fs = std::filesystem;

Async<> check_feed(Database& database, FeedMark mark) {
    auto bounds = co_await database.one<EventBounds>(sql::event_bounds);
    co_await mark.check(database, std::move(bounds));
}

bool has_feed_mark(const Config& config) {
    const auto path = fs::path{config.run_dir} / feed_mark_file;
    std::error_code ignored;
    return config.sqlite_path() && fs::exists(path, ignored);
}

// Checks the feed before the first batch that may write.
class CommandDatabase final : public Database {
public:
    CommandDatabase(Database& database, const Config& config)
        : database_(database), config_(config) {}

    Async<db::Results> run(db::Batch batch) override {
        if (!batch.reads_only() && !std::exchange(may_write_, true) && has_feed_mark(config_))
            co_await check_feed(database_, FeedMark{config_});
        co_return co_await database_.run(std::move(batch));
    }
    void close() override { database_.close(); }

private:
    Database& database_;
    const Config& config_;
    bool may_write_ = false;
};

void run_in_loop(const Config& config, const std::function<Async<>(Database&)>& work) {
    require_sqlite_file(config);
    Loop loop{1};
    const auto database = open_database(config, loop);
    std::exception_ptr failure;
    spawn(loop, work(*database), [&](const std::exception_ptr& reason) {
        failure = reason;
        database->close();
    });
    loop.run();
    rethrow(failure);
}

}  // namespace

bool lacks_sqlite_file(const Config& config) {
    const auto path = config.sqlite_path();
    return path && *path != ":memory:" && !fs::exists(*path);
}

bool is_in_run_dir(const Config& config) {
    const auto file = config.sqlite_path();
    if (!file) return false;
    const auto folder = fs::weakly_canonical(fs::absolute(*file).parent_path());
    const fs::path run_dir = resolve_run_dir(config.run_dir);
    return std::mismatch(run_dir.begin(), run_dir.end(), folder.begin(), folder.end()).first ==
           run_dir.end();
}

std::string fault_of_sqlite_folder(const Config& config) {
    const auto file = config.sqlite_path();
    if (!file || !lacks_sqlite_file(config) || is_in_run_dir(config)) return {};
    const auto folder = fs::absolute(*file).parent_path();
    if (fs::exists(folder)) return {};
    return "DATABASE_URL: the folder " + folder.string() + " does not exist: create it";
}

void make_sqlite_place(const Config& config) {
    const auto file = config.sqlite_path();
    if (!file || !lacks_sqlite_file(config)) return;
    if (const auto fault = fault_of_sqlite_folder(config); !fault.empty()) throw ConfigError(fault);
    if (!is_in_run_dir(config)) return;
    claim_run_dir(config.run_dir);
    fs::create_directories(fs::absolute(*file).parent_path());
}

void require_sqlite_file(const Config& config) {
    const auto path = config.sqlite_path();
    if (path && lacks_sqlite_file(config))
        throw std::runtime_error(*path + " does not exist: run `steelthread migrate up`");
}

void with_database(const Config& config, const std::function<Async<>(Database&)>& work) {
    std::optional<CommandDatabase> checked;
    run_in_loop(config, [&](Database& database) {
        checked.emplace(database, config);
        return work(*checked);
    });
}

void notice_older_file(const Config& config) {
    if (!config.sqlite_path()) return;
    run_in_loop(config, [&](Database& database) { return check_feed(database, FeedMark{config}); });
}
