// Where a Redis is: redis://[user:password@]host[:port][/database].
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

struct RedisUrl {
    std::string host;  // a name or an address, without brackets
    std::uint16_t port = 6379;
    std::string user;      // empty for Redis' default user
    std::string password;  // empty where none is asked for
    int database = 0;

    // "host:port", for the log.
    std::string place() const;
};

// User and password may hold any byte but NUL, percent-encoded where it is no unreserved character.
// Nullopt for anything else, parameters and rediss:// included.
std::optional<RedisUrl> parse_redis_url(std::string_view text);
