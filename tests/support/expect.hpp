// Assertions that show the actual text, and helpers for comparing texts.
#pragma once

#include <criterion/criterion.h>
#include <sys/mman.h>
#include <unistd.h>

#include <chrono>
#include <concepts>
#include <string>
#include <string_view>
#include <thread>
#include <variant>

#include "shared/error.hpp"
#include "shared/text.hpp"

// Keeps printable ASCII and shows every other byte as \xNN, so that a report shows NULs and bad
// UTF-8.
inline std::string shown(std::string_view text) {
    std::string printable;
    for (const char c : text) {
        if ((c >= 0x20 && c < 0x7f) || c == '\n')
            printable += c;
        else
            printable.append("\\x").append(hex({&c, 1}));
    }
    return printable;
}

#define EXPECT_TEXT(actual, expected)                                                        \
    do {                                                                                     \
        const std::string expect_actual_{actual};                                            \
        const std::string expect_wanted_{expected};                                          \
        cr_expect(expect_actual_ == expect_wanted_, "%s\n     got %s\n  wanted %s", #actual, \
                  shown(expect_actual_).c_str(), shown(expect_wanted_).c_str());             \
    } while (false)

// Returns whether `call` throws an Exception. Another exception propagates.
template <class Exception, std::invocable Call>
bool throws(Call call) {
    try {
        call();
    } catch (const Exception&) {
        return true;
    }
    return false;
}

// Returns what `call` writes to stderr.
template <std::invocable Call>
std::string written_by(Call call) {
    const int file = memfd_create("stderr", MFD_CLOEXEC);
    cr_assert_geq(file, 0);
    const int standard_error = dup(STDERR_FILENO);
    dup2(file, STDERR_FILENO);
    call();
    dup2(standard_error, STDERR_FILENO);
    close(standard_error);
    std::string text(static_cast<std::size_t>(lseek(file, 0, SEEK_END)), '\0');
    cr_assert_eq(pread(file, text.data(), text.size(), 0), static_cast<ssize_t>(text.size()));
    close(file);
    return text;
}

// Polls until `condition` is true. Fails the test after `seconds` with the text `what`.
template <std::predicate Condition>
void wait_until(const char* what, Condition condition, double seconds = 20) {
    const auto give_up = std::chrono::steady_clock::now() + std::chrono::duration<double>{seconds};
    while (!condition()) {
        cr_assert(std::chrono::steady_clock::now() < give_up, "not within %g s: %s", seconds, what);
        std::this_thread::sleep_for(std::chrono::milliseconds{5});
    }
}

// Returns how `call` was refused: a line "body/tasks/[2]/title: message (type)" for each detail of
// its ApiError, the name of the error if it has no details or is not a validation error, and an
// empty text if there was no error.
template <std::invocable Call>
std::string refusal(Call call) {
    try {
        call();
    } catch (const ApiError& error) {
        std::string text;
        if (error.error() != Error::validation_error || error.details().empty())
            text = entry(error.error()).name;
        for (const auto& detail : error.details()) {
            if (!text.empty()) text += '\n';
            std::string where;
            for (const auto& step : detail.location) {
                if (!where.empty()) where += '/';
                if (const auto* index = std::get_if<long>(&step))
                    where.append("[").append(std::to_string(*index)).append("]");
                else
                    where += std::get<std::string>(step);
            }
            text.append(where).append(": ").append(detail.message);
            text.append(" (").append(detail.type).append(")");
        }
        return text;
    }
    return {};
}
