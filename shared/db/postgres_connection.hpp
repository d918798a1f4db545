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

#include "shared/db/postgres_group.hpp"
#include "shared/net/resolve.hpp"

class PostgresConnection : public std::enable_shared_from_this<PostgresConnection> {
public:
    struct Events {
        std::function<void()> has_room;  // takes() may be true again
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

    PostgresConnection(Loop& loop, const Config& config, PostgresGrouping& grouping, Events events);
    ~PostgresConnection();
    PostgresConnection(const PostgresConnection&) = delete;
    PostgresConnection& operator=(const PostgresConnection&) = delete;

    // To this address, or to the host of the URL. Of several hosts it accepts only one that takes
    // writes, unless the URL says otherwise.
    Async<Outcome> connect(const Host& host, bool is_of_several, Clock::time_point latest);

    bool is_ready() const { return is_ready_ && !is_retired_; }
    // Whether it may send the batch now. A batch that appends does not go behind others that are
    // being committed: what arrives meanwhile is committed together.
    bool takes(const PostgresOperation& operation, bool is_grouped) const;

    // Whether a batch of this kind would join others of this turn of the loop.
    bool collects(PostgresOperation::Kind kind) const;

    // The number of batches in progress.
    std::size_t load() const { return load_; }

    // Whether nothing is in progress, not even the end of a transaction.
    bool is_idle() const { return load_ == 0 && sent_.empty(); }

    // The number of those that write. Reads are better sent elsewhere, because a write that waits
    // for a lock delays everything sent after it.
    std::size_t writes() const { return writes_; }

    // Whether a group of batches that append is in progress.
    bool has_append_group() const { return append_groups_ > 0; }

    // Whether the answer to the oldest group is overdue, so that a new batch would wait behind it.
    bool is_stalled(Clock::time_point now) const;

    // Whether the oldest group is in progress for longer than this.
    bool is_busy_for(Clock::duration duration, Clock::time_point now) const;

    // Sends a batch at the end of this turn of the loop, in a group with others if `is_grouped`.
    // Its promise is delivered with the answer.
    void send(PostgresOperation& operation, bool is_grouped);

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
    // safe. Returns whether one has passed. Notes reads that keep others waiting.
    bool check_deadlines(Clock::time_point now);

private:
    Async<bool> poll(Clock::time_point latest);
    Async<bool> limit_session(Clock::time_point latest);
    void start(Async<> work);
    Async<> wait(Clock::time_point latest, boost::asio::posix::descriptor_base::wait_type what);
    Async<> read_results();
    Async<> write_rest();

    bool may_join(const PostgresGroup& group, PostgresOperation::Kind kind) const;
    void flush();
    bool send_group(PostgresGroup& group);
    bool send_limits(PostgresGroup& group);
    bool send_batch(PostgresGroup& group, std::size_t member, const db::Batch& batch);
    bool prepare(PostgresGroup& group, std::size_t member, const db::Statement& statement);
    bool send_statement(const db::Statement& statement);

    void consume();
    bool drain();
    void take(PGresult* result);
    void finish_front();
    void count_answers(std::size_t count, bool reads_only);
    std::string reason() const;
    void release();

    using Descriptor = boost::asio::posix::basic_stream_descriptor<Loop::executor_type>;

    Loop& loop_;
    const Config& config_;
    Events events_;
    PGconn* connection_ = nullptr;
    Descriptor socket_;
    PostgresGrouping& grouping_;
    std::deque<PostgresGroup> collected_;  // sent at the end of this turn
    std::deque<PostgresGroup> sent_;       // in the order of their answers
    std::unordered_map<const Query*, std::string> prepared_;
    int generation_ = 0;      // of the names in prepared_
    std::size_t load_ = 0;    // batches without an answer
    std::size_t writes_ = 0;  // of these
    std::size_t append_groups_ = 0;
    std::optional<Clock::duration> shortest_answer_;  // from sending a group to its end
    bool is_flush_due_ = false;
    bool is_direct_ = false;
    bool uses_names_ = false;
    bool is_ready_ = false;
    bool is_retired_ = false;
    bool is_writing_ = false;
    Clock::time_point idle_since_;
};
