#include "shared/promise.hpp"

#include <array>
#include <stdexcept>
#include <string>

#include "tests/support/expect.hpp"

namespace {

// Waits for the promise and records the outcome.
Async<> note(Promise& promise, std::string& ending) {
    try {
        co_await promise.wait();
        ending = "delivered";
    } catch (const std::exception& error) {
        ending = error.what();
    }
}

// Owns its promise, as a database operation does.
Async<> own_and_wait(Promise*& promise, bool& is_done) {
    Promise own;
    promise = &own;
    co_await own.wait();
    is_done = true;
}

Async<> add_to(std::string& order, char name, Promise& promise) {
    co_await promise.wait();
    order += name;
}

void start(Loop& loop, Promise& promise, std::string& ending) {
    spawn(loop, note(promise, ending), rethrow);
    loop.restart();
    loop.poll();
}

std::exception_ptr failure(const char* reason) {
    return std::make_exception_ptr(std::runtime_error{reason});
}

}  // namespace

Test(promise, wakes_who_waits) {
    Loop loop{1};
    Promise promise;
    std::string ending;
    start(loop, promise, ending);
    EXPECT_TEXT(ending, "");
    promise.deliver();
    loop.restart();
    loop.poll();
    EXPECT_TEXT(ending, "delivered");
}

// deliver() returns first: the waiting coroutine may destroy objects that its caller still uses.
Test(promise, wakes_in_a_later_turn) {
    Loop loop{1};
    Promise promise;
    std::string ending;
    start(loop, promise, ending);
    boost::asio::post(loop, [&] {
        promise.deliver();
        EXPECT_TEXT(ending, "");
    });
    loop.restart();
    cr_expect_eq(loop.run_one(), 1U);
    EXPECT_TEXT(ending, "");
    loop.run();
    EXPECT_TEXT(ending, "delivered");
}

Test(promise, passes_a_failure_on) {
    Loop loop{1};
    Promise promise;
    std::string ending;
    start(loop, promise, ending);
    promise.deliver(failure("broken"));
    loop.restart();
    loop.poll();
    EXPECT_TEXT(ending, "broken");
}

Test(promise, may_be_delivered_before_anyone_waits) {
    Loop loop{1};
    Promise good;
    Promise bad;
    good.deliver();
    bad.deliver(failure("broken"));
    std::array<std::string, 2> endings;
    start(loop, good, endings[0]);
    start(loop, bad, endings[1]);
    EXPECT_TEXT(endings[0], "delivered");
    EXPECT_TEXT(endings[1], "broken");
}

Test(promise, keeps_what_was_delivered) {
    Loop loop{1};
    Promise promise;
    promise.deliver(failure("broken"));
    for (int i = 0; i < 2; ++i) {
        std::string ending;
        start(loop, promise, ending);
        EXPECT_TEXT(ending, "broken");
    }
}

Test(promise, counts_the_first_delivery_only) {
    Loop loop{1};
    Promise promise;
    std::string ending;
    start(loop, promise, ending);
    promise.deliver(failure("first"));
    promise.deliver();
    promise.deliver(failure("third"));
    loop.restart();
    loop.poll();
    EXPECT_TEXT(ending, "first");
    start(loop, promise, ending);
    EXPECT_TEXT(ending, "first");
}

Test(promise, may_end_with_the_coroutine_that_it_wakes) {
    Loop loop{1};
    Promise* inside = nullptr;
    bool is_done = false;
    spawn(loop, own_and_wait(inside, is_done), rethrow);
    loop.poll();
    cr_assert_not_null(inside);
    inside->deliver();
    loop.restart();
    loop.run();
    cr_expect(is_done);
}

Test(promise, wakes_many_in_the_order_of_delivery) {
    Loop loop{1};
    std::array<Promise, 5> promises;
    std::string order;
    for (std::size_t i = 0; i < promises.size(); ++i)
        spawn(loop, add_to(order, static_cast<char>('0' + i), promises[i]), rethrow);
    loop.poll();
    for (const std::size_t i : {3, 0, 4, 1, 2}) promises[i].deliver();
    loop.restart();
    loop.run();
    EXPECT_TEXT(order, "30412");
}

// If the loop is destroyed while a coroutine waits, it must not access the promise again.
Test(promise, may_be_left_undelivered) {
    std::string ending;
    Promise promise;
    {
        Loop loop{1};
        start(loop, promise, ending);
        promise.deliver();
    }
    EXPECT_TEXT(ending, "");
}
