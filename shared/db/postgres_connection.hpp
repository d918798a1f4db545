// One pipelined connection to PostgreSQL.
#pragma once

#include <libpq-fe.h>

#include <boost/asio/posix/basic_stream_descriptor.hpp>
#include <boost/asio/redirect_error.hpp>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <unordered_map>

#include "shared/db/database.hpp"
#include "shared/net/resolve.hpp"
#include "shared/promise.hpp"

// A batch in progress. It is owned by the coroutine that waits for it.
struct PostgresOperation {
    PostgresOperation(const db::Batch& sent_batch, Clock::time_point latest)
        : batch(sent_batch), deadline(latest) {}

    void fail(std::string_view sqlstate, const std::string& reason) {
        promise.deliver(std::make_exception_ptr(DbError{sqlstate, reason}));
    }

    const db::Batch& batch;
    const bool reads_only = batch.reads_only();
    Clock::time_point deadline;
    bool was_sent = false;
    db::Results results{batch};
    Promise promise;
};

// The server does not know a prepared statement (any more), or its plan no longer fits the schema.
// The batch had no effect.
bool is_stale_statement(std::string_view sqlstate);

class PostgresConnection : public std::enable_shared_from_this<PostgresConnection> {
public:
    struct Events {
        std::function<void()> has_room;  // takes_more() may be true again
        std::function<void(const std::shared_ptr<PostgresConnection>&)> on_loss;
        std::function<void()>
            read_only;  // its server refused a write; those of other connections may, too
    };

    struct Outcome {
        bool is_connected = false;
        bool is_silent = false;
        bool may_pass = false;  // the server is starting, full or silent: a retry may help
        std::string reason;
    };

    PostgresConnection(Loop& loop, const Config& config, Events events);
    ~PostgresConnection();
    PostgresConnection(const PostgresConnection&) = delete;
    PostgresConnection& operator=(const PostgresConnection&) = delete;

    // To this address, or to the host of the URL. Of several hosts it accepts only one that takes
    // writes, unless the URL says otherwise.
    Async<Outcome> connect(const Host& host, bool is_of_several, Clock::time_point latest);

    bool is_ready() const { return is_ready_ && !is_retired_; }
    bool takes_more() const { return is_ready() && expected_.size() < capacity_; }

    // The number of batches in progress.
    std::size_t load() const { return expected_.size(); }

    // The number of those that write. Reads are better sent elsewhere, because a write that waits
    // for a lock delays everything sent after it.
    std::size_t writes() const { return writes_; }

    // Whether the answer to the oldest batch is overdue, so that a new batch would wait behind it.
    bool is_stalled(Clock::time_point now) const;

    // Sends a batch at once; its promise is delivered with the answer.
    void send(PostgresOperation& operation);

    // Gives the connection up: all batches in progress fail with this state, unless the server has
    // already given a reason.
    void fail(std::string_view sqlstate, const std::string& reason);

    // Takes no more batches, and closes after the last answer. If it is still connecting, it closes
    // when connected.
    void retire();

    // The time since which no batch has been in progress.
    Clock::time_point idle_since() const { return idle_since_; }

    // Gives the connection up if the deadline of any batch has passed. That batch fails as late
    // (57014), the others as on a lost connection (08006), so that they are repeated where that is
    // safe. Returns whether one has passed.
    bool check_deadlines(Clock::time_point now);

private:
    // The owners of the results up to the next Sync: first the time limit, if each batch sets its
    // own, then the statements that had to be prepared, then those of the batch.
    struct Expected {
        PostgresOperation* operation;
        Clock::time_point sent;
        bool is_limit_due = false;
        std::vector<const Query*> preparing = {};
        std::size_t prepared = 0;  // number of `preparing` done
        std::exception_ptr failure = nullptr;
    };

    Async<bool> poll(Clock::time_point latest);
    Async<bool> limit_session(Clock::time_point latest);
    void start(Async<> work);
    Async<> wait(Clock::time_point latest, boost::asio::posix::descriptor_base::wait_type what);
    Async<> read_results();
    Async<> write_rest();

    bool drain();
    void take(PGresult* result);
    void finish_front();
    bool send_statement(const db::Statement& statement);
    bool prepare(const db::Statement& statement, Expected& expected);
    bool limit_batch(Expected& expected);
    std::string reason() const;
    void release();

    using Descriptor = boost::asio::posix::basic_stream_descriptor<Loop::executor_type>;

    Loop& loop_;
    const Config& config_;
    Events events_;
    PGconn* connection_ = nullptr;
    Descriptor socket_;
    std::deque<Expected> expected_;
    std::unordered_map<const Query*, std::string> prepared_;
    int generation_ = 0;  // of the names in prepared_
    std::size_t capacity_ = 0;
    std::size_t writes_ = 0;
    bool is_direct_ = false;
    bool uses_names_ = false;
    bool is_ready_ = false;
    bool is_retired_ = false;
    bool is_writing_ = false;
    Clock::time_point idle_since_;
};
