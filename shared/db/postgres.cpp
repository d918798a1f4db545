// PostgreSQL over pipelined libpq: a process has a few connections, and each carries the batches of
// many requests at the same time. Reads of one turn of the loop share a Sync, and so do batches
// that append; any other batch has its own (postgres_group.hpp). An error reaches no other batch.

#include <algorithm>
#include <array>
#include <random>
#include <tuple>
#include <unordered_map>

#include "shared/config/config.hpp"
#include "shared/db/engines.hpp"
#include "shared/db/postgres_connection.hpp"
#include "shared/db/sqlstate.hpp"
#include "shared/log.hpp"
#include "shared/metrics/counters.hpp"

namespace {

using boost::system::error_code;
using std::chrono::milliseconds;

// The interval at which deadlines are checked while batches are in progress.
constexpr auto deadline_tick = milliseconds{50};

// While a connection's oldest group has been in progress for less than this, other groups wait for
// it or join it. After that, other connections may help.
constexpr auto quick_read = milliseconds{2};
constexpr auto quick_commit = milliseconds{3};

// How long reads and batches that append wait for a connection on which nothing is written.
constexpr auto longest_wait_for_connection = milliseconds{50};

// The minimum time between two replacements of all connections.
constexpr auto shortest_retirement = std::chrono::seconds{1};

// A host that did not answer is tried after all others for this time.
constexpr auto silence_counts = std::chrono::seconds{30};

milliseconds jittered(milliseconds pause) {
    static std::minstd_rand random{std::random_device{}()};
    return milliseconds{
        std::uniform_int_distribution<long>(pause.count() / 2, pause.count())(random)};
}

class PostgresDatabase final : public Database {
public:
    PostgresDatabase(const Config& config, Loop& loop, milliseconds idle)
        : loop_(loop),
          config_(config),
          pool_size_(static_cast<std::size_t>(config.db_pool_size)),
          deadline_(config.db_deadline_ms),
          connect_timeout_(config.db_connect_timeout_ms),
          idle_limit_(idle),
          tick_(loop),
          idle_tick_(loop),
          commit_tick_(loop) {}

    Async<db::Results> run(db::Batch batch) override {
        const metrics::BatchTimer timer;
        const auto latest = Clock::now() + deadline_;
        // Undone with others: after the second time it goes alone, where every error is its own. A
        // read may stay in groups, because each time at least the one at fault gets its answer.
        int times_undone = 0;
        bool may_repeat = true;
        // A statement that is found stale takes the names of all others with it.
        int stale_left = 3;
        for (;;) {
            PostgresOperation operation{batch, latest, times_undone >= 2};
            submit(operation);
            co_await operation.promise.wait();
            if (!operation.failure) co_return std::move(operation.results);
            if (operation.again == PostgresOperation::Again::alone) {
                times_undone = 2;
                continue;
            }
            if (operation.again == PostgresOperation::Again::in_group) {
                if (operation.was_sent && !operation.reads_only()) ++times_undone;
                continue;
            }
            const auto& state = operation.failure->sqlstate();
            const bool is_stale = is_stale_statement(state);
            const bool has_attempts =
                is_stale ? stale_left-- > 0 : std::exchange(may_repeat, false);
            if (!has_attempts || !is_worth_repeating(operation, state))
                throw DbError{*operation.failure};
            co_await pause(milliseconds{20});
        }
    }

    void close() override {
        is_closing_ = true;
        for (const auto& connection : std::vector{connections_})
            connection->fail(sqlstate::admin_shutdown, "the service is stopping");
        fail_waiting(sqlstate::admin_shutdown, "the service is stopping");
        tick_.cancel();
        idle_tick_.cancel();
        commit_tick_.cancel();
    }

private:
    // Repeats only what certainly did not happen, or changes nothing: reads whose connection was
    // lost, statements that were rolled back, writes refused by a server that may no longer be the
    // primary, prepared statements that the server no longer knows, and what an idle session that
    // was ended has not read.
    static bool is_worth_repeating(const PostgresOperation& operation, std::string_view state) {
        if (is_serialization_failure(state)) return true;
        if (is_stale_statement(state)) return true;
        if (state == sqlstate::read_only_transaction) return true;
        if (state == sqlstate::idle_session_timeout) return true;
        return operation.was_sent && is_connection_failure(state) && operation.reads_only();
    }

    void submit(PostgresOperation& operation) {
        if (is_closing_)
            return operation.finish(DbError{sqlstate::admin_shutdown, "the service is stopping"});
        if (!is_connected()) operation.deadline += connect_timeout_;
        watch_deadlines();
        const bool is_every_one_busy =
            std::all_of(connections_.begin(), connections_.end(), [&](const auto& connection) {
                return connection->load() > 0 && !connection->collects(operation.kind);
            });
        auto& queue = queue_of(operation);
        // In the order of deadlines: a batch that is sent again does not begin at the end.
        queue.insert(std::upper_bound(queue.begin(), queue.end(), &operation,
                                      [](const auto* one, const auto* other) {
                                          return one->deadline < other->deadline;
                                      }),
                     &operation);
        send_waiting(queue);
        if ((is_every_one_busy || !queue.empty()) && connections_.size() < pool_size_)
            open_connection();
    }

    using Chosen = std::shared_ptr<PostgresConnection>;

    Chosen choose(const PostgresOperation& operation, bool is_grouped,
                  Clock::time_point now) const {
        return operation.reads_only() ? choose_for_read(operation, is_grouped, now)
                                      : choose_for_write(operation, is_grouped, now);
    }

    // A connection without writes, because they may wait for locks. A read that is grouped goes
    // where reads are collected already, or to a quick connection, so that groups are large and
    // avoid slow reads. Any other goes to the least busy one.
    Chosen choose_for_read(const PostgresOperation& operation, bool is_grouped,
                           Clock::time_point now) const {
        const bool may_follow_writes = pool_size_ == 1 || has_waited(operation, now);
        const auto is_allowed = [&](const auto& connection) {
            return connection->takes(operation, is_grouped) &&
                   (may_follow_writes || connection->writes() == 0);
        };
        return best(is_allowed, [&](const auto& connection) {
            const bool is_quick = is_grouped && !connection->is_busy_for(quick_read, now);
            return std::tuple{connection->is_stalled(now), connection->writes() > 0,
                              !(is_grouped && connection->collects(operation.kind)),
                              is_quick ? 0 : connection->load()};
        });
    }

    // A write that has not been sent has certainly not been done, so it waits here rather than
    // behind an overdue batch. One connection is reserved for reads, so that writes waiting for a
    // lock do not delay them. One commit for many batches is better than several at a time, unless
    // it takes long: then one transaction runs while the other commits.
    Chosen choose_for_write(const PostgresOperation& operation, bool is_grouped,
                            Clock::time_point now) const {
        const auto writing =
            std::count_if(connections_.begin(), connections_.end(),
                          [](const auto& connection) { return connection->writes() > 0; });
        const bool may_spread =
            static_cast<std::size_t>(writing) + 1 < std::max<std::size_t>(pool_size_, 2);
        const bool waits_for_commit =
            is_grouped &&
            std::any_of(connections_.begin(), connections_.end(), [&](const auto& connection) {
                return connection->has_append_group() &&
                       !connection->is_busy_for(quick_commit, now);
            });
        const bool may_follow_writes = !is_grouped || !may_spread || has_waited(operation, now);
        const auto joins = [&](const auto& connection) {
            return is_grouped && connection->collects(operation.kind);
        };
        const auto is_allowed = [&](const auto& connection) {
            if (!connection->takes(operation, is_grouped) || connection->is_stalled(now))
                return false;
            if (joins(connection)) return true;
            return !waits_for_commit && (connection->writes() > 0 ? may_follow_writes : may_spread);
        };
        return best(is_allowed, [&](const auto& connection) {
            return std::tuple{!joins(connection), connection->load()};
        });
    }

    // Whether it has waited so long that it takes a connection on which others write.
    static bool has_waited(const PostgresOperation& operation, Clock::time_point now) {
        return now - operation.began > longest_wait_for_connection;
    }

    // The allowed connection of the lowest rank.
    template <class IsAllowed, class Rank>
    Chosen best(IsAllowed is_allowed, Rank rank) const {
        Chosen found;
        for (const auto& connection : connections_)
            if (is_allowed(connection) && (!found || rank(connection) < rank(found)))
                found = connection;
        return found;
    }

    bool is_connected() const {
        return std::any_of(connections_.begin(), connections_.end(),
                           [](const auto& connection) { return connection->is_ready(); });
    }

    using Queue = std::deque<PostgresOperation*>;

    // A kind that cannot be sent does not hold up the others.
    Queue& queue_of(const PostgresOperation& operation) {
        using Kind = PostgresOperation::Kind;
        const bool goes_alone = !operation.may_share && !operation.reads_only();
        return waiting_[static_cast<std::size_t>(goes_alone ? Kind::changes : operation.kind)];
    }

    bool is_anything_waiting() const {
        return std::any_of(waiting_.begin(), waiting_.end(),
                           [](const auto& queue) { return !queue.empty(); });
    }

    void open_connection() {
        auto connection = std::make_shared<PostgresConnection>(
            loop_, config_, grouping_,
            PostgresConnection::Events{[this] { send_waiting(); },
                                       [this](const auto& lost) { replace(lost); },
                                       [this] { retire_all(); }});
        connections_.push_back(connection);
        spawn(loop_, establish(connection), [this, connection](const std::exception_ptr& failure) {
            if (failure) give_up(connection, "internal error while connecting");
        });
    }

    // Connects, with repeated attempts within the budget: a server that is starting up, or a
    // serverless one that wakes up, needs a moment. A server that refuses outright is tried twice.
    Async<> establish(std::shared_ptr<PostgresConnection> connection) {
        const auto budget_end = Clock::now() + connect_timeout_ + deadline_;
        auto next_pause = milliseconds{50};
        std::string reason;
        for (int refusals = 0; !is_closing_ && refusals < 2 && Clock::now() < budget_end;) {
            const auto outcome = co_await connect_anywhere(connection, budget_end);
            if (outcome.is_connected) {
                if (is_closing_)
                    connection->fail(sqlstate::admin_shutdown, "the service is stopping");
                send_waiting();
                watch_idle();
                co_return;
            }
            reason = outcome.reason;
            if (!outcome.may_pass) ++refusals;
            if (refusals < 2) co_await pause(next_pause);
            next_pause = std::min(next_pause * 2, milliseconds{400});
        }
        give_up(connection, reason);
    }

    // Tries each address in turn, each for its share of the budget and at most for the time of one
    // attempt.
    Async<PostgresConnection::Outcome> connect_anywhere(
        std::shared_ptr<PostgresConnection> connection, Clock::time_point budget_end) {
        const auto looked_up_by = std::min(budget_end, Clock::now() + connect_timeout_);
        const auto& url = config_.database_url.postgres;
        auto resolved = co_await resolve_hosts(loop_, url.hosts, looked_up_by);
        const auto addresses = silent_ones_last(std::move(resolved));
        const auto timeout = url.timeout;
        const auto longest =
            timeout ? std::min<milliseconds>(connect_timeout_, *timeout) : connect_timeout_;
        PostgresConnection::Outcome all;
        if (addresses.empty()) all.reason = "the host name cannot be resolved";
        for (std::size_t i = 0; i < addresses.size() && !is_closing_; ++i) {
            const auto now = Clock::now();
            const auto share = (budget_end - now) / static_cast<int>(addresses.size() - i);
            auto outcome =
                co_await connection->connect(addresses[i], url.names_several_hosts(),
                                             now + std::min<Clock::duration>(longest, share));
            if (outcome.is_connected) co_return outcome;
            if (outcome.is_silent) silent_[place(addresses[i])] = Clock::now();
            all.may_pass = all.may_pass || outcome.may_pass;
            all.reason += (i == 0 ? "" : "; ") + outcome.reason;
        }
        co_return all;
    }

    static std::string place(const Host& host) {
        return host.name + " " + host.address + " " + host.port;
    }

    std::vector<Host> silent_ones_last(std::vector<Host> addresses) const {
        const auto counts_from = Clock::now() - silence_counts;
        std::stable_partition(addresses.begin(), addresses.end(), [&](const Host& host) {
            const auto found = silent_.find(place(host));
            return found == silent_.end() || found->second < counts_from;
        });
        return addresses;
    }

    void give_up(const std::shared_ptr<PostgresConnection>& connection, const std::string& reason) {
        if (is_closing_) return;
        logging::warning("database unreachable", {{"reason", std::string_view{reason}}});
        std::erase(connections_, connection);
        if (connections_.empty()) fail_waiting(sqlstate::unable_to_connect, reason);
    }

    Async<> pause(milliseconds longest) {
        Timer timer{loop_, jittered(longest)};
        co_await expired(timer);
    }

    // The kinds take turns in being the first, so that none takes all the room.
    void send_waiting() {
        bool is_any_sent = false;
        for (const auto kind : turns_)
            if (send_waiting(waiting_[kind])) is_any_sent = true;
        if (is_any_sent) std::rotate(turns_.begin(), turns_.begin() + 1, turns_.end());
    }

    // Returns whether any was sent.
    bool send_waiting(Queue& queue) {
        bool is_any_sent = false;
        while (!queue.empty()) {
            auto* const operation = queue.front();
            const auto now = Clock::now();
            const bool is_grouped = grouping_.may_group(*operation, now);
            const auto chosen = choose(*operation, is_grouped, now);
            if (!chosen) {
                if (is_grouped && !operation->reads_only()) watch_commit();
                break;
            }
            queue.pop_front();
            chosen->send(*operation, is_grouped);
            is_any_sent = true;
        }
        return is_any_sent;
    }

    // A commit that takes longer than quick_commit no longer holds up the next group.
    void watch_commit() {
        if (std::exchange(is_watching_commit_, true)) return;
        commit_tick_.expires_after(quick_commit);
        commit_tick_.async_wait([this](error_code error) {
            is_watching_commit_ = false;
            if (!error) send_waiting();
        });
    }

    void replace(const std::shared_ptr<PostgresConnection>& lost) {
        std::erase(connections_, lost);
        if (is_closing_ || !is_anything_waiting()) return;
        send_waiting();
        if (is_anything_waiting() && connections_.size() < pool_size_) open_connection();
    }

    // If one server has become read-only, the servers of the other connections may have, too. A
    // server that stays read-only costs at most one set of connections a second.
    void retire_all() {
        const auto now = Clock::now();
        if (retired_at_ && now - *retired_at_ < shortest_retirement) return;
        retired_at_ = now;
        for (const auto& connection : std::vector{connections_}) connection->retire();
    }

    // A server that does not answer on one connection may be gone, and then each of the others
    // would cost a request its deadline. The server cancels statements before that by itself.
    void retire_idle_since(Clock::time_point moment) {
        for (const auto& connection : std::vector{connections_})
            if (connection->is_ready() && connection->is_idle() &&
                connection->idle_since() <= moment)
                connection->retire();
    }

    // Looks for idle connections while there is more than one connection.
    void watch_idle() {
        if (is_watching_idle_ || is_closing_ || connections_.size() < 2) return;
        is_watching_idle_ = true;
        idle_tick_.expires_after(idle_limit_ / 4);
        idle_tick_.async_wait([this](error_code error) {
            is_watching_idle_ = false;
            if (error) return;
            close_idle();
            watch_idle();
        });
    }

    void close_idle() {
        auto idle = connections_;
        std::erase_if(idle, [&](const auto& connection) {
            return !connection->is_ready() || !connection->is_idle() ||
                   connection->idle_since() > Clock::now() - idle_limit_;
        });
        std::sort(idle.begin(), idle.end(), [](const auto& one, const auto& other) {
            return one->idle_since() < other->idle_since();
        });
        for (const auto& connection : idle)
            if (connections_.size() > 1) connection->retire();
    }

    void fail_waiting(std::string_view sqlstate, const std::string& reason) {
        for (auto& queue : waiting_)
            for (auto* const operation : std::exchange(queue, {}))
                operation->finish(DbError{sqlstate, reason});
    }

    void watch_deadlines() {
        if (is_ticking_) return;
        is_ticking_ = true;
        tick_.expires_after(deadline_tick);
        tick_.async_wait([this](error_code error) {
            is_ticking_ = false;
            if (!error) check_deadlines();
        });
    }

    void check_deadlines() {
        const auto now = Clock::now();
        bool is_idle = !is_anything_waiting();
        bool is_any_silent = false;
        for (const auto& connection : std::vector{connections_}) {
            if (!connection->is_idle()) is_idle = false;
            if (connection->check_deadlines(now)) is_any_silent = true;
        }
        if (is_any_silent) retire_idle_since(now - deadline_);
        for (auto& queue : waiting_)
            while (!queue.empty() && queue.front()->deadline <= now) {
                queue.front()->finish(
                    DbError{sqlstate::query_canceled, "no connection free within DB_DEADLINE_MS"});
                queue.pop_front();
            }
        send_waiting();
        if (!is_idle) watch_deadlines();
    }

    Loop& loop_;
    const Config& config_;
    std::size_t pool_size_;
    milliseconds deadline_;
    milliseconds connect_timeout_;
    milliseconds idle_limit_;
    Timer tick_;
    Timer idle_tick_;
    Timer commit_tick_;
    std::vector<std::shared_ptr<PostgresConnection>> connections_;
    PostgresGrouping grouping_;
    std::array<Queue, 3> waiting_;  // see queue_of()
    std::array<std::size_t, 3> turns_{0, 1, 2};
    std::unordered_map<std::string, Clock::time_point>
        silent_;                                   // by place(): the time of the failure
    std::optional<Clock::time_point> retired_at_;  // the last replacement of all connections
    bool is_ticking_ = false;
    bool is_watching_idle_ = false;
    bool is_watching_commit_ = false;
    bool is_closing_ = false;
};

}  // namespace

std::unique_ptr<Database> open_postgres(const Config& config, Loop& loop, milliseconds idle) {
    return std::make_unique<PostgresDatabase>(config, loop, idle);
}
