// The coroutine type of every asynchronous function, and the loop they run on.
//
// The executor is named in the type: type-erased executors (`any_io_executor`) cost a tenth of the
// throughput of a small request.
//
// GCC 12 miscompiles some `co_await`s inside braced initialisers and conditional expressions:
// await into a named local first.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <exception>
#include <functional>

using Loop = boost::asio::io_context;

template <class T = void>
using Async = boost::asio::awaitable<T, Loop::executor_type>;

using UseAwaitable = boost::asio::use_awaitable_t<Loop::executor_type>;
inline constexpr UseAwaitable use_awaitable{};

using Clock = std::chrono::steady_clock;
using Timer =
    boost::asio::basic_waitable_timer<Clock, boost::asio::wait_traits<Clock>, Loop::executor_type>;

// Runs a coroutine on the loop; `ended` gets the exception that it threw, or null. A function of
// its own because each instance of Asio's co_spawn takes seconds to compile.
void spawn(Loop& loop, Async<> work, std::function<void(const std::exception_ptr&)> ended);

// Returns when the timer has expired, or was cancelled.
Async<> expired(Timer& timer);

// Returns after this time.
Async<> sleep_for(Clock::duration duration);

// Returns in a later turn of the loop, after everything that is ready in this one.
Async<> next_turn();

// A handler for `ended`: rethrows the exception out of the loop's run().
void rethrow(const std::exception_ptr& failure);
