#include "shared/async.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/impl/src.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/this_coro.hpp>
#include <utility>

void spawn(Loop& loop, Async<> work, std::function<void(const std::exception_ptr&)> ended) {
    boost::asio::co_spawn(loop, std::move(work), std::move(ended));
}

Async<> expired(Timer& timer) {
    boost::system::error_code error;
    co_await timer.async_wait(boost::asio::redirect_error(use_awaitable, error));
}

Async<> sleep_for(Clock::duration duration) {
    const auto executor = co_await boost::asio::this_coro::executor;
    Timer timer{executor, duration};
    co_await expired(timer);
}

Async<> next_turn() { co_await boost::asio::post(use_awaitable); }

void rethrow(const std::exception_ptr& failure) {
    if (failure) std::rethrow_exception(failure);
}
