// PostgreSQL over pipelined libpq: a process has a few connections, and each carries the batches of
// many requests at the same time. Each batch ends with its own Sync, so it is its own transaction
// and an error affects no other batch.

#include <algorithm>
#include <random>
#include <unordered_map>

#include "shared/config/config.hpp"
#include "shared/db/engines.hpp"
#include "shared/db/postgres_connection.hpp"
#include "shared/db/sqlstate.hpp"
#include "shared/log.hpp"

namespace {

using boost::system::error_code;
using std::chrono::milliseconds;

// The interval at which deadlines are checked while batches are in progress.
constexpr auto deadline_tick = milliseconds{50};

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
          idle_tick_(loop) {}

    Async<db::Results> run(db::Batch batch) override {
        const auto latest = Clock::now() + deadline_;
        PostgresOperation first{batch, latest};
        const auto failure = co_await attempt(first);
        if (!failure) co_return std::move(first.results);
        if (!is_worth_repeating(failure, first)) std::rethrow_exception(failure);

        co_await pause(milliseconds{20});
        PostgresOperation second{batch, latest};
        const auto second_failure = co_await attempt(second);
        if (second_failure) std::rethrow_exception(second_failure);
        co_return std::move(second.results);
    }

    void close() override {
        is_closing_ = true;
        for (const auto& connection : std::vector{connections_})
            connection->fail(sqlstate::admin_shutdown, "the service is stopping");
        fail_waiting(sqlstate::admin_shutdown, "the service is stopping");
        tick_.cancel();
        idle_tick_.cancel();
    }

private:
    Async<std::exception_ptr> attempt(PostgresOperation& operation) {
        submit(operation);
        try {
            co_await operation.promise.wait();
        } catch (...) {
            co_return std::current_exception();
        }
        co_return nullptr;
    }

    // Repeats only what certainly did not happen, or changes nothing: reads whose connection was
    // lost, statements that were rolled back, writes refused by a server that may no longer be the
    // primary, and prepared statements that the server no longer knows.
    static bool is_worth_repeating(const std::exception_ptr& failure,
                                   const PostgresOperation& operation) {
        try {
            std::rethrow_exception(failure);
        } catch (const DbError& error) {
            if (is_serialization_failure(error.sqlstate())) return true;
            if (is_stale_statement(error.sqlstate())) return true;
            if (error.sqlstate() == sqlstate::read_only_transaction) return true;
            if (error.sqlstate() == sqlstate::idle_session_timeout) return true;
            return operation.was_sent && is_connection_failure(error.sqlstate()) &&
                   operation.reads_only;
        } catch (...) {
            return false;
        }
    }

    void submit(PostgresOperation& operation) {
        if (is_closing_) {
            operation.fail(sqlstate::admin_shutdown, "the service is stopping");
            return;
        }
        if (!is_connected()) operation.deadline += connect_timeout_;
        watch_deadlines();
        const auto chosen = choose(operation.reads_only);
        if ((!chosen || chosen->load() > 0) && connections_.size() < pool_size_) open_connection();
        if (chosen)
            chosen->send(operation);
        else
            waiting(operation.reads_only).push_back(&operation);
    }

    // The least busy of the ready connections; for a read, preferably one without writes. One
    // connection is reserved for reads, so that writes waiting for a lock do not delay them.
    std::shared_ptr<PostgresConnection> choose(bool reads_only) const {
        std::size_t writing = 0;
        for (const auto& connection : connections_) writing += connection->writes() > 0 ? 1 : 0;
        const bool may_spread = writing + 1 < std::max<std::size_t>(pool_size_, 2);
        std::shared_ptr<PostgresConnection> best;
        const auto now = Clock::now();
        const auto rank = [&](const PostgresConnection& connection) {
            return std::tuple{connection.is_stalled(now), reads_only && connection.writes() > 0,
                              connection.load()};
        };
        for (const auto& connection : connections_) {
            // A write that has not been sent has certainly not been done, so it waits here.
            const bool is_allowed = reads_only || ((may_spread || connection->writes() > 0) &&
                                                   !connection->is_stalled(now));
            if (is_allowed && connection->takes_more() &&
                (!best || rank(*connection) < rank(*best)))
                best = connection;
        }
        return best;
    }

    bool is_connected() const {
        return std::any_of(connections_.begin(), connections_.end(),
                           [](const auto& connection) { return connection->is_ready(); });
    }

    std::deque<PostgresOperation*>& waiting(bool reads_only) {
        return waiting_[reads_only ? 0 : 1];
    }

    bool is_anything_waiting() const { return !waiting_[0].empty() || !waiting_[1].empty(); }

    void open_connection() {
        auto connection = std::make_shared<PostgresConnection>(
            loop_, config_,
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

    void send_waiting() {
        for (const bool reads_only : {true, false})
            while (!waiting(reads_only).empty()) {
                const auto chosen = choose(reads_only);
                if (!chosen) break;
                auto* const operation = waiting(reads_only).front();
                waiting(reads_only).pop_front();
                chosen->send(*operation);
            }
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
            if (connection->is_ready() && connection->load() == 0 &&
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
            return !connection->is_ready() || connection->load() > 0 ||
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
                operation->fail(sqlstate, reason);
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
            if (connection->load() > 0) is_idle = false;
            if (connection->check_deadlines(now)) is_any_silent = true;
        }
        if (is_any_silent) retire_idle_since(now - deadline_);
        for (auto& queue : waiting_)
            while (!queue.empty() && queue.front()->deadline <= now) {
                queue.front()->fail(sqlstate::query_canceled,
                                    "no connection free within DB_DEADLINE_MS");
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
    std::vector<std::shared_ptr<PostgresConnection>> connections_;
    std::array<std::deque<PostgresOperation*>, 2> waiting_;  // reads, writes
    std::unordered_map<std::string, Clock::time_point>
        silent_;                                   // by place(): the time of the failure
    std::optional<Clock::time_point> retired_at_;  // the last replacement of all connections
    bool is_ticking_ = false;
    bool is_watching_idle_ = false;
    bool is_closing_ = false;
};

}  // namespace

std::unique_ptr<Database> open_postgres(const Config& config, Loop& loop, milliseconds idle) {
    return std::make_unique<PostgresDatabase>(config, loop, idle);
}
