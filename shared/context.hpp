// What a handler may use in addition to its request.
#pragma once

#include <any>
#include <concepts>
#include <string>
#include <typeindex>
#include <unordered_map>

#include "shared/auth/api_keys.hpp"
#include "shared/auth/password.hpp"
#include "shared/auth/token.hpp"
#include "shared/config/config.hpp"
#include "shared/db/database.hpp"
#include "shared/http/request.hpp"
#include "shared/http/target.hpp"
#include "shared/text.hpp"

// State that a process keeps between requests: one object of each type, created by the first get().
class ProcessState {
public:
    template <std::default_initializable T>
    T& get() {
        auto& slot = slots_[typeid(T)];
        if (!slot.has_value()) slot = T{};
        return std::any_cast<T&>(slot);
    }

private:
    std::unordered_map<std::type_index, std::any> slots_;
};

struct Context {
    const Config& config;
    Database& db;  // adds the caller's row to each batch (shared/accounts/users.hpp)
    const Tokens& tokens;
    const ApiKeys& api_keys;
    Passwords& passwords;
    ProcessState& state;

    // The path under which clients find the caller's own resources: "/api/v1/{user_id}", or "/api"
    // for a user whose id cannot be part of a path.
    std::string own_path(const Request& request) const {
        if (!is_path_segment(request.user_id())) return "/api";
        return config.api_prefix + "/" + percent_encode(request.user_id());
    }
};
