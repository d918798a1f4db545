// Who may read what of the feed: each event has one audience.
#pragma once

#include <string>
#include <string_view>

#include "shared/http/request.hpp"

// What a reader has proved: "public", "jobs" with an API key, "user:<id>" with a token. What it has
// not is empty.
struct Audiences {
    std::string everybody = "public";
    std::string jobs;
    std::string user;

    explicit Audiences(const Identity& reader)
        : jobs(reader.api_key.empty() ? "" : "jobs"),
          user(reader.user_id.empty() ? "" : "user:" + reader.user_id) {}

    bool holds(std::string_view audience) const {
        return audience == everybody ||
               (!audience.empty() && (audience == jobs || audience == user));
    }
};
