// The audiences of the feed. Each event has one, which determines who may read it.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "shared/http/request.hpp"

// The audiences of a reader: "public", "jobs" with an API key, "user:<id>" with a token. Null for
// those that the reader does not belong to.
struct Audiences {
    std::string everybody = "public";
    std::optional<std::string> jobs;
    std::optional<std::string> user;

    explicit Audiences(const Identity& reader) {
        if (!reader.api_key.empty()) jobs = "jobs";
        if (!reader.user_id.empty()) user = "user:" + reader.user_id;
    }

    bool holds(std::string_view audience) const {
        return audience == everybody || audience == jobs || audience == user;
    }
};
