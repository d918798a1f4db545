// A result that one coroutine waits for and that other code on the same loop delivers.
#pragma once

#include <boost/asio/async_result.hpp>
#include <boost/asio/post.hpp>
#include <exception>
#include <optional>

#include "shared/async.hpp"

class Promise {
public:
    // Suspends until deliver() and rethrows the delivered exception. The promise must not move.
    Async<> wait() {
        if (is_delivered_) {
            if (failure_) std::rethrow_exception(failure_);
            co_return;
        }
        co_await boost::asio::async_initiate<const UseAwaitable, void(std::exception_ptr)>(
            [this](auto handler) { handler_.emplace(std::move(handler)); }, use_awaitable);
    }

    // Wakes the waiting coroutine in a later turn of the loop, never inside this call. Only the
    // first delivery counts.
    void deliver(const std::exception_ptr& failure = nullptr) {
        if (is_delivered_) return;
        is_delivered_ = true;
        failure_ = failure;
        if (!handler_) return;
        auto handler = std::move(*handler_);
        handler_.reset();
        const auto executor = boost::asio::get_associated_executor(handler);
        boost::asio::post(executor, [handler = std::move(handler), failure]() mutable {
            std::move(handler)(failure);
        });
    }

private:
    using Handler = boost::asio::async_result<UseAwaitable, void(std::exception_ptr)>::handler_type;

    std::optional<Handler> handler_;
    std::exception_ptr failure_;
    bool is_delivered_ = false;
};
