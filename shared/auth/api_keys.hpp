// API keys: programs that work with jobs send one of API_KEYS as X-API-Key.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "shared/config/config.hpp"
#include "shared/digest.hpp"

// The keys of API_KEYS. Only their digests are compared: how long that takes reveals nothing about
// the keys.
class ApiKeys {
public:
    // `config` outlives it; its keys are read when the first one is checked.
    explicit ApiKeys(const Config& config) : config_(config) {}

    // The digest that names an accepted key in limits, logs and tickets: 32 hexadecimal digits,
    // half of its SHA-256. Throws ApiError (401) for no key and, with the same answer, for any
    // other.
    std::string verify(std::string_view key, std::string_view request_id) const;

    // Whether the digest of an accepted key starts with these digits: those that a ticket carries.
    bool accepts_named(std::string_view digits) const;

private:
    const std::vector<Digest>& accepted() const;

    const Config& config_;
    mutable std::optional<std::vector<Digest>> digests_;
};
