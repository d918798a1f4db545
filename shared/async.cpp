#include "shared/async.hpp"

#include <boost/asio/co_spawn.hpp>
#include <utility>

void spawn(Loop& loop, Async<> work, std::function<void(const std::exception_ptr&)> ended) {
    boost::asio::co_spawn(loop, std::move(work), std::move(ended));
}

void rethrow(const std::exception_ptr& failure) {
    if (failure) std::rethrow_exception(failure);
}
