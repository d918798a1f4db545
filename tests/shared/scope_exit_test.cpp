#include "shared/scope_exit.hpp"

#include <stdexcept>

#include "tests/support/expect.hpp"

Test(scope_exit, acts_once_at_the_end_of_the_scope) {
    int calls = 0;
    {
        const ScopeExit exit{[&] { ++calls; }};
        cr_expect_eq(calls, 0);
    }
    cr_expect_eq(calls, 1);
}

Test(scope_exit, acts_when_the_scope_ends_by_an_exception) {
    int calls = 0;
    cr_expect(throws<std::runtime_error>([&] {
        const ScopeExit exit{[&] { ++calls; }};
        throw std::runtime_error{"failure"};
    }));
    cr_expect_eq(calls, 1);
}
