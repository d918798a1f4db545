// What a query named …_exists returns.
#pragma once

#include "shared/json/fields.hpp"

struct Existence {
    bool exists = false;

    static consteval auto fields() { return std::tuple{json::field("exists", &Existence::exists)}; }
};

// What a query named count_… returns.
struct Total {
    std::int64_t total = 0;

    static consteval auto fields() { return std::tuple{json::field("total", &Total::total)}; }
};
