// The row of a query named …_exists.
#pragma once

#include "shared/json/fields.hpp"

struct Existence {
    bool exists = false;

    static consteval auto fields() { return std::tuple{json::field("exists", &Existence::exists)}; }
};

// The row of a query named count_….
struct Total {
    std::int64_t total = 0;

    static consteval auto fields() { return std::tuple{json::field("total", &Total::total)}; }
};
