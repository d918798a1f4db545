// The audiences of the feed. Each event has one, which determines who may read it.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "shared/http/request.hpp"

// The audiences of a reader: "public" (only with a token unless BOARD_PUBLIC), "jobs" with an API
// key, "user:<id>" with a token. Null for those that the reader does not belong to.
struct Audiences {
    std::optional<std::string> everybody;
    std::optional<std::string> jobs;
    std::optional<std::string> user;

    Audiences(const Identity& reader, bool is_board_public) {
        if (is_board_public || !reader.user_id.empty()) everybody = "public";
        if (!reader.api_key.empty()) jobs = "jobs";
        if (!reader.user_id.empty()) user = "user:" + reader.user_id;
    }

    bool holds(std::string_view audience) const {
        return audience == everybody || audience == jobs || audience == user;
    }
};
