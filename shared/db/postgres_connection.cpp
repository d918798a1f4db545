#include "shared/db/postgres_connection.hpp"

#include "shared/config/config.hpp"
#include "shared/db/postgres_rows.hpp"
#include "shared/db/sqlstate.hpp"
#include "shared/log.hpp"

// libpq loads libldap and with it GnuTLS, which would initialise itself in every process although
// nothing uses it: 0.8 MB and a tenth of the start-up time. This is GnuTLS's own hook to prevent
// that (gnutls.h, GNUTLS_SKIP_GLOBAL_INIT).
// NOLINTNEXTLINE(readability-identifier-naming)
extern "C" __attribute__((visibility("default"))) int _gnutls_global_init_skip() { return 1; }

namespace {

using boost::asio::redirect_error;
using boost::system::error_code;

// Batches in progress: enough to keep a distant server busy, and few enough that a slow statement
// does not delay hundreds of others.
constexpr std::size_t capacity = 256;

// A group waits for a lock no longer than this, in milliseconds, because all its batches wait, with
// what they have locked. It is far below deadlock_timeout (1 s), so groups that lock rows in
// opposite order part before they count as a deadlock.
constexpr std::int64_t group_lock_timeout = 200;

// A read that keeps others waiting for so much longer than the shortest answer took is not grouped
// for some time.
constexpr auto slow_read = std::chrono::milliseconds{50};

// A null leaves its limit as it is.
constexpr std::string_view limits[] = {"statement_timeout", "lock_timeout"};
constexpr Query limit_transaction{
    .name = "limit_transaction",
    .postgres =
        "SELECT set_config('statement_timeout', coalesce($1, "
        "current_setting('statement_timeout')), "
        "true), set_config('lock_timeout', coalesce($2, current_setting('lock_timeout')), true)",
    .parameters = limits};

// How often the server checks that the client it works for is still connected, in milliseconds.
constexpr int connection_check_interval = 50;

// With less time left a statement is not worth sending.
constexpr auto shortest_limit = std::chrono::milliseconds{20};

// Only an ERROR has undone the transaction. A FATAL, a PANIC and an error of libpq's own leave its
// outcome unknown, as a lost connection does.
std::string sqlstate_of(const PGresult* result) {
    const char* state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    const char* severity = PQresultErrorField(result, PG_DIAG_SEVERITY_NONLOCALIZED);
    const bool is_error = !severity || std::string_view{severity} == "ERROR";
    if (state && (is_error || is_connection_failure(state))) return state;
    return std::string{sqlstate::connection_failure};
}

// The first line only: libpq ends messages with a newline and puts hints on lines of their own.
std::string first_line(const char* message) {
    std::string_view text = message ? message : "";
    return std::string{text.substr(0, text.find('\n'))};
}

// The server ends a statement a little before this side gives it up, so that a request answered
// with 503 has no late effect. In milliseconds.
std::int64_t statement_timeout(std::int64_t time_left) {
    return time_left - std::min<std::int64_t>(time_left / 4, deadline_reserve.count());
}

// Temporary refusals as PQERRORS_VERBOSE words them: starting up, too many connections.
bool may_pass(std::string_view reason) {
    return reason.find(" 57P03: ") != reason.npos || reason.find(" 53300: ") != reason.npos;
}

}  // namespace

PostgresConnection::PostgresConnection(Loop& loop, const Config& config, PostgresGrouping& grouping,
                                       Events events)
    : loop_(loop),
      config_(config),
      events_(std::move(events)),
      socket_(loop),
      grouping_(grouping) {}

PostgresConnection::~PostgresConnection() { release(); }

// Runs a coroutine of this connection. An exception must not end the process.
void PostgresConnection::start(Async<> work) {
    spawn(loop_, std::move(work), [self = shared_from_this()](const std::exception_ptr& failure) {
        if (failure) self->fail(sqlstate::connection_failure, "internal error on the connection");
    });
}

Async<PostgresConnection::Outcome> PostgresConnection::connect(const Host& host, bool is_of_several,
                                                               Clock::time_point latest) {
    release();
    is_retired_ = false;
    // The URL overrides the parameters before it, and those after it override the URL. An empty
    // value counts as not set.
    const char* keywords[] = {"target_session_attrs",
                              "dbname",
                              "client_encoding",
                              "fallback_application_name",
                              "tcp_user_timeout",
                              "keepalives_idle",
                              "host",
                              "hostaddr",
                              "port",
                              nullptr};
    const char* values[] = {is_of_several ? "read-write" : "",
                            config_.database_url.text.c_str(),
                            "UTF8",
                            "steelthread",
                            "10000",
                            "30",
                            host.name.c_str(),
                            host.address.c_str(),
                            host.port.c_str(),
                            nullptr};
    connection_ = PQconnectStartParams(keywords, values, 1);
    Outcome outcome;
    if (connection_ && PQstatus(connection_) != CONNECTION_BAD) {
        PQsetErrorVerbosity(connection_, PQERRORS_VERBOSE);
        outcome.is_connected = co_await poll(latest);
        outcome.is_silent = !outcome.is_connected && Clock::now() >= latest;
        outcome.may_pass = outcome.is_silent || may_pass(reason());
    }
    if (!outcome.is_connected) {
        outcome.reason = outcome.is_silent ? "no answer in time" : reason();
        release();
        co_return outcome;
    }
    PQsetNoticeProcessor(
        connection_, [](void*, const char* message) { logging::debug(first_line(message)); },
        nullptr);
    PQsetnonblocking(connection_, 1);
    is_direct_ = co_await limit_session(latest);
    uses_names_ = config_.db_prepare == PreparedStatements::when_direct
                      ? is_direct_
                      : config_.db_prepare == PreparedStatements::on;
    if (PQstatus(connection_) != CONNECTION_OK || PQenterPipelineMode(connection_) != 1) {
        outcome = {.is_connected = false,
                   .is_silent = Clock::now() >= latest,
                   .may_pass = true,
                   .reason = reason()};
        release();
        co_return outcome;
    }
    if (is_retired_) {
        outcome = {.is_connected = false, .may_pass = true, .reason = "the server is read-only"};
        release();
        co_return outcome;
    }
    is_ready_ = true;
    idle_since_ = Clock::now();
    start(read_results());
    co_return outcome;
}

// Between two polls libpq may close its socket and open another (several addresses, TLS refused),
// even with the same number. So Asio gets the descriptor again for each wait.
Async<bool> PostgresConnection::poll(Clock::time_point latest) {
    auto status = PGRES_POLLING_WRITING;
    while (status == PGRES_POLLING_WRITING || status == PGRES_POLLING_READING) {
        if (Clock::now() >= latest) co_return false;
        socket_.assign(PQsocket(connection_));
        co_await wait(latest, status == PGRES_POLLING_READING ? Descriptor::wait_read
                                                              : Descriptor::wait_write);
        socket_.release();
        status = PQconnectPoll(connection_);
    }
    if (status != PGRES_POLLING_OK) co_return false;
    socket_.assign(PQsocket(connection_));
    co_return true;
}

// Sets the time limits of the session if this client has the session to itself, and returns whether
// it does. A pooler gives its clients backend ids of its own, which differ from the id of the
// backend that answers. plan_cache_mode: for users with less than the average the server would
// plan a list anew each time, which costs more than an unchanged list does; the statements are
// written for one plan (tests/shared/db/plans_test.cpp). client_connection_check_interval: a server
// that works for a client which has disconnected stops, and does not run what was sent after it.
Async<bool> PostgresConnection::limit_session(Clock::time_point latest) {
    const auto own = "pg_backend_pid() = " + std::to_string(PQbackendPID(connection_));
    auto query =
        "SELECT pg_backend_pid(), CASE WHEN " + own + " THEN set_config('statement_timeout', '" +
        std::to_string(statement_timeout(config_.db_deadline_ms)) +
        "', false) || set_config('default_transaction_isolation', 'read committed', false) || "
        "set_config('plan_cache_mode', 'force_generic_plan', false)";
    if (PQserverVersion(connection_) >= 140'000)
        query += " || set_config('client_connection_check_interval', '" +
                 std::to_string(connection_check_interval) + "', false)";
    query += " END";
    if (PQsendQueryParams(connection_, query.c_str(), 0, nullptr, nullptr, nullptr, nullptr, 1) !=
        1)
        co_return false;
    while (PQflush(connection_) == 1 && Clock::now() < latest)
        co_await wait(latest, Descriptor::wait_write);
    bool is_direct = false;
    // One result, and the null that marks the connection as idle again.
    for (int i = 0; i < 2; ++i) {
        while (PQisBusy(connection_)) {
            if (Clock::now() >= latest) co_return false;
            co_await wait(latest, Descriptor::wait_read);
            if (!PQconsumeInput(connection_)) co_return false;
        }
        PostgresResult result{PQgetResult(connection_), &PQclear};
        if (PQresultStatus(result.get()) == PGRES_TUPLES_OK)
            is_direct = PostgresRows{std::move(result)}.integer(0, 0) == PQbackendPID(connection_);
    }
    co_return is_direct;
}

Async<> PostgresConnection::wait(Clock::time_point latest,
                                 boost::asio::posix::descriptor_base::wait_type what) {
    Timer timer{loop_, latest};
    // The timer may already have expired when the wait ends; its handler then runs later.
    timer.async_wait([self = shared_from_this()](error_code error) {
        if (!error && self->socket_.is_open()) self->socket_.cancel();
    });
    error_code error;
    co_await socket_.async_wait(what, redirect_error(use_awaitable, error));
}

bool PostgresConnection::is_stalled(Clock::time_point now) const {
    return is_busy_for(std::chrono::milliseconds{config_.db_deadline_ms} / 10, now);
}

bool PostgresConnection::is_busy_for(Clock::duration duration, Clock::time_point now) const {
    return !sent_.empty() && now - sent_.front().sent_at() > duration;
}

bool PostgresConnection::may_join(const PostgresGroup& group, PostgresOperation::Kind kind) const {
    return group.may_grow() && group.kind() == kind && group.size() < grouping_.most(kind);
}

bool PostgresConnection::collects(PostgresOperation::Kind kind) const {
    return std::any_of(collected_.begin(), collected_.end(),
                       [&](const auto& group) { return may_join(group, kind); });
}

bool PostgresConnection::takes(const PostgresOperation& operation, bool is_grouped) const {
    if (!is_ready() || load_ >= capacity) return false;
    if (is_grouped && collects(operation.kind)) return true;
    // A transaction pooler may assign the connection to another client after each Sync, and old
    // poolers fail if a second transaction is in progress.
    if (!uses_names_) return sent_.empty() && collected_.empty();
    return !is_grouped || operation.reads_only() || !has_append_group();
}

void PostgresConnection::send(PostgresOperation& operation, bool is_grouped) {
    if (operation.deadline - Clock::now() < shortest_limit)
        return operation.finish(
            DbError{sqlstate::query_canceled, "no time left within DB_DEADLINE_MS"});
    ++load_;
    if (!operation.reads_only()) ++writes_;
    auto group = std::find_if(collected_.begin(), collected_.end(), [&](const auto& candidate) {
        return is_grouped && may_join(candidate, operation.kind);
    });
    if (group == collected_.end()) {
        group = collected_.emplace(group, operation.kind, is_grouped);
        if (group->is_append_group()) ++append_groups_;
    }
    group->add(operation);
    if (std::exchange(is_flush_due_, true)) return;
    // Behind everything that this turn of the loop still does.
    boost::asio::post(loop_, [self = shared_from_this()] { self->flush(); });
}

// Sends reads first, because they wait for no commit.
void PostgresConnection::flush() {
    is_flush_due_ = false;
    std::stable_partition(collected_.begin(), collected_.end(),
                          [](const auto& group) { return group.reads_only(); });
    while (is_ready_ && !collected_.empty()) {
        sent_.push_back(std::move(collected_.front()));
        collected_.pop_front();
        if (!send_group(sent_.back())) fail(sqlstate::connection_failure, reason());
    }
    if (is_ready_ && !is_writing_ && PQflush(connection_) == 1) {
        is_writing_ = true;
        start(write_rest());
    }
}

bool PostgresConnection::send_group(PostgresGroup& group) {
    group.mark_sent(Clock::now());
    bool is_sent = send_limits(group);
    group.for_each([&](std::size_t member, const PostgresOperation& operation) {
        is_sent = is_sent && send_batch(group, member, operation.batch);
        // Otherwise the server keeps the results back until it has 8 kB, or until the Sync, and a
        // quick read would wait for a slow one behind it.
        if (group.reads_only() && member + 1 < group.size())
            is_sent = is_sent && PQsendFlushRequest(connection_) == 1;
    });
    // In libpq 15 this also writes as much as the socket takes.
    return is_sent && PQpipelineSync(connection_) == 1;
}

// Behind a pooler a setting lasts for one transaction only, and on a direct connection the
// session's limit is too long for batches that have waited. The limit is the time that the first of
// them has left.
bool PostgresConnection::send_limits(PostgresGroup& group) {
    std::optional<std::string> statement_limit;
    std::optional<std::string> lock_limit;
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        std::max<Clock::duration>(group.deadline() - group.sent_at(), shortest_limit));
    if (!is_direct_ || left.count() < statement_timeout(config_.db_deadline_ms))
        statement_limit = std::to_string(statement_timeout(left.count()));
    if (group.is_append_group() && group.size() > 1)
        lock_limit = std::to_string(group_lock_timeout);
    if (!statement_limit && !lock_limit) return true;
    const auto statement =
        db::statement(limit_transaction, db::named("statement_timeout", statement_limit),
                      db::named("lock_timeout", lock_limit));
    if (uses_names_ && !prepare(group, PostgresGroup::nobody, statement)) return false;
    group.expect_limits();
    return send_statement(statement);
}

bool PostgresConnection::send_batch(PostgresGroup& group, std::size_t member,
                                    const db::Batch& batch) {
    if (uses_names_)
        for (const auto& statement : batch.statements())
            if (!prepare(group, member, statement)) return false;
    for (const auto& statement : batch.statements()) {
        group.expect_rows(member);
        if (!send_statement(statement)) return false;
    }
    return true;
}

// Sent before the batch and within its Sync, so that preparing a statement needs no round trip.
// Later batches rely on it; if it fails, they fail as stale and are repeated.
bool PostgresConnection::prepare(PostgresGroup& group, std::size_t member,
                                 const db::Statement& statement) {
    const auto* const query = statement.query;
    if (prepared_.contains(query)) return true;
    const auto& name = prepared_[query] =
        std::string{query->name} + "_" + std::to_string(generation_);
    group.expect_preparation(member, *query);
    const PostgresParameters parameters{statement.parameters};
    return PQsendPrepare(connection_, name.c_str(), query->postgres, parameters.count(),
                         parameters.types()) == 1;
}

bool PostgresConnection::send_statement(const db::Statement& statement) {
    const PostgresParameters parameters{statement.parameters};
    constexpr int binary = 1;
    if (uses_names_)
        return PQsendQueryPrepared(connection_, prepared_.at(statement.query).c_str(),
                                   parameters.count(), parameters.values(), parameters.lengths(),
                                   parameters.formats(), binary) == 1;
    return PQsendQueryParams(connection_, statement.query->postgres, parameters.count(),
                             parameters.types(), parameters.values(), parameters.lengths(),
                             parameters.formats(), binary) == 1;
}

Async<> PostgresConnection::write_rest() {
    while (is_ready_ && PQflush(connection_) == 1) {
        consume();  // a flush that would block may have read results
        if (!is_ready_) break;
        error_code error;
        co_await socket_.async_wait(Descriptor::wait_write, redirect_error(use_awaitable, error));
    }
    is_writing_ = false;
}

Async<> PostgresConnection::read_results() {
    const auto self = shared_from_this();
    while (is_ready_) {
        error_code error;
        co_await socket_.async_wait(Descriptor::wait_read, redirect_error(use_awaitable, error));
        if (is_ready_) consume();
    }
}

void PostgresConnection::consume() {
    const bool is_open = PQconsumeInput(connection_) == 1;
    if (!drain() || !is_open || PQstatus(connection_) == CONNECTION_BAD)
        fail(sqlstate::connection_failure, reason());
    else if (is_retired_ && is_idle())
        fail(sqlstate::connection_failure, "the connection was retired");
    else if (is_ready())
        events_.has_room();
}

// Takes every result that has arrived. Returns false if libpq has none although more are expected.
bool PostgresConnection::drain() {
    bool was_null = false;
    while (!sent_.empty() && !PQisBusy(connection_)) {
        PGresult* const result = PQgetResult(connection_);
        // A null ends each statement; two in a row mean that no batch is in progress.
        if (!result && was_null) return false;
        was_null = !result;
        if (result) take(result);
    }
    return true;
}

void PostgresConnection::take(PGresult* raw) {
    PostgresResult result{raw, &PQclear};
    auto& group = sent_.front();
    switch (PQresultStatus(raw)) {
        case PGRES_PIPELINE_SYNC: return finish_front();
        case PGRES_PIPELINE_ABORTED: return;
        case PGRES_TUPLES_OK:
        case PGRES_COMMAND_OK: {
            const auto before = group.unanswered();
            group.take(std::make_unique<PostgresRows>(std::move(result)), Clock::now());
            return count_answers(before - group.unanswered(), group.reads_only());
        }
        default: break;
    }
    const auto state = sqlstate_of(raw);
    const char* message = PQresultErrorField(raw, PG_DIAG_MESSAGE_PRIMARY);
    group.fail(DbError{state, first_line(message ? message : PQresultErrorMessage(raw))});
    if (is_stale_statement(state)) {
        prepared_.clear();
        ++generation_;
    }
    if (state == sqlstate::read_only_transaction) events_.read_only();
}

void PostgresConnection::finish_front() {
    auto done = std::move(sent_.front());
    sent_.pop_front();
    // Later attempts use new names, because some of these may exist after all.
    const auto unprepared = done.unprepared();
    if (!unprepared.empty()) ++generation_;
    for (const auto* const query : unprepared) prepared_.erase(query);
    if (done.is_append_group()) --append_groups_;
    if (done.is_counted()) grouping_.count_appends(done.size(), done.has_failed());
    const auto left = done.unanswered();
    done.finish();
    count_answers(left, done.reads_only());
    const auto now = Clock::now();
    const auto took = now - done.sent_at();
    shortest_answer_ = std::min(shortest_answer_.value_or(took), took);
    if (!sent_.empty()) sent_.front().mark_first(now);
    if (load_ == 0) idle_since_ = now;
}

void PostgresConnection::count_answers(std::size_t count, bool reads_only) {
    load_ -= count;
    if (!reads_only) writes_ -= count;
}

void PostgresConnection::retire() {
    is_retired_ = true;
    if (is_ready_ && is_idle()) fail(sqlstate::connection_failure, "the connection was retired");
}

void PostgresConnection::fail(std::string_view state, const std::string& why) {
    const auto self = shared_from_this();
    is_ready_ = false;
    load_ = writes_ = append_groups_ = 0;
    auto lost = std::exchange(sent_, {});
    auto unsent = std::exchange(collected_, {});
    release();
    events_.on_loss(self);
    // After this error the server has read nothing more.
    constexpr auto ended_idle = sqlstate::idle_session_timeout;
    const bool has_ended_idle = !lost.empty() && lost.front().has_failed_with(ended_idle);
    const DbError error{has_ended_idle ? ended_idle : state, why};
    for (auto* const groups : {&lost, &unsent})
        for (auto& group : *groups) group.lose(error);
}

bool PostgresConnection::check_deadlines(Clock::time_point now) {
    if (!is_ready_) return false;
    // What has arrived is not late.
    consume();
    bool is_any_late = false;
    for (auto& group : sent_)
        if (group.mark_late(now)) is_any_late = true;
    if (is_any_late) {
        logging::warning("database deadline passed");
        fail(sqlstate::connection_failure, "no answer within DB_DEADLINE_MS");
    } else if (!sent_.empty() && shortest_answer_) {
        if (const auto* const read = sent_.front().slow_read(now, *shortest_answer_ + slow_read))
            grouping_.count_slow(read->batch, now);
    }
    return is_any_late;
}

std::string PostgresConnection::reason() const {
    return connection_ ? first_line(PQerrorMessage(connection_)) : "out of memory";
}

// libpq owns the descriptor; Asio only watches it.
void PostgresConnection::release() {
    if (socket_.is_open()) socket_.release();
    if (connection_) PQfinish(connection_);
    connection_ = nullptr;
    prepared_.clear();
}
