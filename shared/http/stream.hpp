// An answer that goes on: what a handler writes to for as long as the client listens.
#pragma once

#include <functional>
#include <string_view>

#include "shared/async.hpp"

class Stream {
public:
    explicit Stream(Loop& loop) : timer_(loop) {}
    virtual ~Stream() = default;
    Stream(const Stream&) = delete;
    Stream& operator=(const Stream&) = delete;

    // Returns when the kernel has all of the bytes. Throws std::system_error when the peer has
    // gone, or all of this takes longer than half a minute.
    virtual Async<> write(std::string_view bytes) = 0;

    // Ends a write() that waits for the peer; nothing can be written afterwards.
    virtual void abort() = 0;

    // Returns at `until`, or earlier after wake() or end(): before the call as well.
    Async<> wait(Clock::time_point until) {
        if (!is_awake_ && !is_over_) {
            timer_.expires_at(until);
            co_await expired(timer_);
        }
        is_awake_ = false;
    }
    void wake() {
        is_awake_ = true;
        timer_.cancel();
    }

    // The peer has gone, or the server stops: what writes should come to its end.
    bool is_over() const { return is_over_; }
    void end() {
        is_over_ = true;
        timer_.cancel();
    }

private:
    Timer timer_;
    bool is_awake_ = false;
    bool is_over_ = false;
};

// Writes all of a stream. It outlives the request, of which it must have copied what it needs.
using StreamBody = std::function<Async<>(Stream&)>;
