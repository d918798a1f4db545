// Passwords: bcrypt ("$2b$") by libxcrypt, in a thread pool so that one login cannot stall its process.
#pragma once

#include <boost/asio/thread_pool.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "shared/async.hpp"

// The longest password that bcrypt tells apart, in bytes.
inline constexpr std::size_t max_password_bytes = 72;
inline constexpr std::size_t min_password_bytes = 8;

// A new hash. Throws std::invalid_argument for a password over 72 bytes or with a NUL in it, and
// std::runtime_error when libxcrypt does not give a $2b$ hash.
std::string hash_password(const std::string& password, int cost);

// True when the password made this hash. Takes as long for any password and any hash of one cost.
bool matches_password(const std::string& password, const std::string& hash);

class Passwords {
public:
    // `cost` is that of new hashes and of the one that unknown accounts are compared with.
    explicit Passwords(int cost);
    ~Passwords();

    // Compares off the event loop. Without a hash (no such account) it takes the same time and is
    // false. Throws ApiError (503) when too many comparisons wait already.
    Async<bool> matches(std::string password, std::optional<std::string> hash);

private:
    int cost_;
    int waiting_ = 0;
    std::optional<std::string> decoy_;
    boost::asio::thread_pool threads_{1};
};
