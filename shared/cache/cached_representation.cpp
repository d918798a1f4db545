#include "shared/cache/cached_representation.hpp"

#include <boost/asio/this_coro.hpp>
#include <utility>

#include "shared/digest.hpp"

void CachedRepresentation::wake(Waiters& waiters, const std::exception_ptr& failure) {
    for (auto* const promise : std::exchange(waiters, {})) promise->deliver(failure);
}

Async<> CachedRepresentation::wait_among(Waiters& waiters) {
    Promise promise;
    waiters.push_back(&promise);
    co_await promise.wait();
}

Async<> CachedRepresentation::query(RepresentationSource& source) {
    auto reading = co_await source.read(revision_);
    if (!reading.body) co_return;
    content_.body = std::make_shared<const std::string>(std::move(*reading.body));
    content_.etag = entity_tag(*content_.body);
    revision_ = std::move(reading.revision);
}

Async<> CachedRepresentation::read(RepresentationSource& source) {
    is_being_read_ = true;
    std::exception_ptr failure;
    try {
        co_await query(source);
    } catch (...) {
        failure = std::current_exception();
    }
    is_being_read_ = false;
    wake(readers_, failure);
    if (failure) std::rethrow_exception(failure);
}

Async<> CachedRepresentation::refresh(RepresentationSource& source) {
    if (is_being_read_) {
        // The reading that is in progress may be older than this check, or may reach its revision.
        const auto current = co_await source.revision();
        if (revision_ == current) co_return;
        if (is_being_read_) co_await wait_among(readers_);
        if (revision_ == current) co_return;
    }
    // Another reading has begun since, which is late enough for this check.
    if (is_being_read_) {
        co_await wait_among(readers_);
        co_return;
    }
    co_await read(source);
}

Async<> CachedRepresentation::wait_for_turn() {
    co_await next_turn();
    if (checks_ == 0) co_return;
    const auto executor = co_await boost::asio::this_coro::executor;
    Timer timer{executor, last_check_ + check_interval};
    check_timer_ = &timer;
    co_await expired(timer);
    check_timer_ = nullptr;
}

Async<> CachedRepresentation::check(RepresentationSource& source) {
    if (next_check_) {
        co_await wait_among(*next_check_);
        co_return;
    }
    next_check_.emplace();
    co_await wait_for_turn();
    auto sharers = std::move(*next_check_);
    next_check_.reset();

    ++checks_;
    last_check_ = Clock::now();
    std::exception_ptr failure;
    try {
        co_await refresh(source);
    } catch (...) {
        failure = std::current_exception();
    }
    --checks_;
    if (check_timer_) check_timer_->cancel();
    wake(sharers, failure);
    if (failure) std::rethrow_exception(failure);
}

Async<CachedRepresentation::Content> CachedRepresentation::get(RepresentationSource& source) {
    co_await check(source);
    co_return content_;
}
