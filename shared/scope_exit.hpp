// What a scope does at its end, however it ends.
#pragma once

#include <concepts>
#include <utility>

// Calls `action`, which must not throw, when the object is destroyed.
template <std::invocable Action>
class ScopeExit {
public:
    explicit ScopeExit(Action action) : action_(std::move(action)) {}
    ~ScopeExit() { action_(); }
    ScopeExit(const ScopeExit&) = delete;
    ScopeExit& operator=(const ScopeExit&) = delete;

private:
    Action action_;
};
