// One pipelined connection to PostgreSQL.
#pragma once

#include <libpq-fe.h>

#include <boost/asio/posix/basic_stream_descriptor.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <unordered_map>

#include "shared/db/database.hpp"
#include "shared/promise.hpp"

using Clock = std::chrono::steady_clock;
using Timer =
    boost::asio::basic_waitable_timer<Clock, boost::asio::wait_traits<Clock>, Loop::executor_type>;

// A batch under way. It lives in the coroutine that waits for it.
struct PostgresOperation {
    PostgresOperation(const db::Batch& sent_batch, Clock::time_point latest)
        : batch(sent_batch), deadline(latest) {}

    void fail(const std::string& sqlstate, const std::string& reason) {
        promise.deliver(std::make_exception_ptr(DbError{sqlstate, reason}));
    }

    const db::Batch& batch;
    Clock::time_point deadline;
    bool was_sent = false;
    db::Results results;
    Promise promise;
};

// The server does not know a prepared statement (any more), or its plan no longer fits the schema.
// Nothing was done.
bool is_stale_statement(std::string_view sqlstate);

class PostgresConnection : public std::enable_shared_from_this<PostgresConnection> {
public:
    struct Events {
        std::function<void()> has_room;  // takes_more() may be true again
        std::function<void(const std::shared_ptr<PostgresConnection>&)> lost;
    };

    struct Outcome {
        bool is_connected = false;
        bool was_reached = false;  // the server, or something in its place, accepted or timed out
        std::string reason;
    };

    // `prepare` is DB_PREPARE.
    PostgresConnection(Loop& loop, std::string url, std::string prepare, Events events);
    ~PostgresConnection();
    PostgresConnection(const PostgresConnection&) = delete;
    PostgresConnection& operator=(const PostgresConnection&) = delete;

    Async<Outcome> connect(Clock::time_point latest);

    bool takes_more() const { return is_ready_ && expected_.size() < capacity_; }

    // The number of batches under way.
    std::size_t load() const { return expected_.size(); }

    // Of the batch that has been under way for longest; there must be one.
    Clock::time_point oldest_deadline() const { return expected_.front().deadline; }

    // Sends a batch at once; its promise is delivered when the answer is there.
    void send(PostgresOperation& operation);

    // Gives the connection up: everything under way fails with this state, unless the server has
    // already given a reason of its own.
    void fail(const std::string& sqlstate, const std::string& reason);

private:
    // What the results up to the next Sync belong to: first those of the statements that had to be
    // prepared, then those of the batch.
    struct Expected {
        PostgresOperation* operation;
        Clock::time_point deadline;
        std::vector<const Query*> preparing = {};
        std::size_t prepared = 0;  // of `preparing`
        std::exception_ptr failure = nullptr;
    };

    Async<bool> poll(Clock::time_point latest);
    Async<> learn_whether_pooled(Clock::time_point latest);
    Async<> wait(Clock::time_point latest, boost::asio::posix::descriptor_base::wait_type what);
    Async<> read_results();
    Async<> write_rest();

    void watch_socket();
    bool drain();
    void take(PGresult* result);
    void finish_front();
    bool send_statement(const db::Statement& statement);
    bool prepare(const db::Statement& statement, Expected& expected);
    std::string reason() const;
    void release();

    using Descriptor = boost::asio::posix::basic_stream_descriptor<Loop::executor_type>;

    Loop& loop_;
    std::string url_;
    std::string prepare_;
    Events events_;
    PGconn* connection_ = nullptr;
    Descriptor socket_;
    std::deque<Expected> expected_;
    std::unordered_map<const Query*, std::string> prepared_;
    int generation_ = 0;  // of the names in prepared_
    std::size_t capacity_ = 0;
    bool uses_names_ = false;
    bool is_ready_ = false;
    bool is_writing_ = false;
};
