// A streamed answer: a handler writes to it for as long as the client listens.
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

    // Returns when the kernel has accepted all of the bytes. Throws std::system_error if the peer
    // has closed the connection or the write takes longer than half a minute.
    virtual Async<> write(std::string_view bytes) = 0;

    // Aborts a write() that waits for the peer. Nothing can be written afterwards.
    virtual void abort() = 0;

    // Returns at `until`, or earlier after wake() or end(), even if that was called before.
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

    // Whether the peer has closed the connection or the server stops. The writer should finish
    // then.
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

// Writes a whole stream. It outlives the request, so it must hold copies of what it needs.
using StreamBody = std::function<Async<>(Stream&)>;
