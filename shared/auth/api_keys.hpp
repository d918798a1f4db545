// API keys: programs that process jobs send one of API_KEYS as X-API-Key.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "shared/config/config.hpp"
#include "shared/digest.hpp"
#include "shared/log.hpp"

// The keys of API_KEYS. Only their digests are compared, so the time this takes reveals nothing
// about the keys.
class ApiKeys {
public:
    // `config` must outlive the object; its keys are read when the first key is checked.
    explicit ApiKeys(const Config& config) : config_(config) {}

    // Returns the digest that identifies an accepted key in limits, logs and tickets: 32
    // hexadecimal digits, half of its SHA-256. Throws ApiError (401) for an absent and for an
    // unknown key, with the same answer.
    std::string verify(std::string_view key, const logging::RequestIds& request) const;

    // Returns what verify() returns for the accepted key whose digest starts with these digits,
    // which a ticket carries; nullopt if there is none.
    std::optional<std::string> find(std::string_view digits) const;

private:
    const std::vector<Digest>& accepted() const;

    const Config& config_;
    mutable std::optional<std::vector<Digest>> digests_;
};
