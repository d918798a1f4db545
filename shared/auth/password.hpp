// Passwords: bcrypt ("$2b$") by libxcrypt, in a thread so that one login cannot stall its process.
#pragma once

#include <boost/asio/thread_pool.hpp>
#include <chrono>
#include <cstddef>
#include <functional>
#include <optional>
#include <string>

#include "shared/async.hpp"

// The most hashes that wait in one process, the running one included.
inline constexpr int max_waiting_passwords = 64;

// What has waited longer for its turn is given up: the client should rather come back.
inline constexpr std::chrono::seconds max_password_wait{3};

// A new hash; `cost` is 4 to 31. Throws std::invalid_argument for a password over 72 bytes or with
// a NUL in it, and std::runtime_error when libxcrypt does not give a $2b$ hash of that cost.
std::string hash_password(const std::string& password, int cost);

// True when the password made this hash. Takes as long for any password, even one that cannot be
// hashed, and any $2b$ hash of one cost; any other hash matches nothing, at once. Throws
// std::runtime_error when libxcrypt fails.
bool matches_password(const std::string& password, const std::string& hash);

// Hashes passwords for the coroutines of one loop, one after the other on a thread of its own,
// which starts with the first of them. The loop must outlive it.
class Passwords {
public:
    // `cost` is that of new hashes and of the one that unknown accounts are compared with. Throws
    // std::invalid_argument unless it is 4 to 31.
    explicit Passwords(int cost, std::chrono::milliseconds longest_wait = max_password_wait);

    // Waits for the hash that is being made; those behind it are dropped.
    ~Passwords() = default;

    Passwords(const Passwords&) = delete;
    Passwords& operator=(const Passwords&) = delete;

    // Compares off the event loop. Without a hash (no such account), or with one that is no $2b$
    // hash, it is false. Takes as long as a hash of the current cost, whatever the hash, unless
    // that costs more. Throws ApiError (503) when too many hashes wait already, or its turn does
    // not come in time.
    Async<bool> matches(std::string password, std::optional<std::string> hash);

    // Whether a hash has the cost of new ones.
    bool is_current(const std::string& hash) const;

    // hash_password() off the event loop, at the cost of new hashes. Throws what that throws, and
    // ApiError (503) as matches() does.
    Async<std::string> hash(std::string password);

private:
    // Runs the work on the thread and returns, or throws, when it has ended.
    Async<> off_loop(std::function<void()> work);

    const int cost_;
    const std::chrono::milliseconds longest_wait_;
    int waiting_ = 0;
    // The last member: its thread uses the others until it has been joined.
    std::optional<boost::asio::thread_pool> threads_;
};
