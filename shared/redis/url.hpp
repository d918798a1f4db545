// The address of a Redis server: redis://[user:password@]host[:port][/database].
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

struct RedisUrl {
    std::string host;  // a name or an address, without brackets
    std::uint16_t port = 6379;
    std::string user;      // empty for Redis' default user
    std::string password;  // empty if none is needed
    int database = 0;

    // "host:port", for the log.
    std::string place() const;
};

// User and password may contain any byte but NUL; all but unreserved characters are
// percent-encoded. Returns nullopt for anything else, parameters and rediss:// included.
std::optional<RedisUrl> parse_redis_url(std::string_view text);
