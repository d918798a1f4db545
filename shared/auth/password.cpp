#include "shared/auth/password.hpp"

#include <crypt.h>
#include <openssl/crypto.h>

#include <algorithm>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <exception>
#include <memory>
#include <stdexcept>
#include <string_view>
#include <utility>

#include "shared/error.hpp"
#include "shared/password_bounds.hpp"
#include "shared/scope_exit.hpp"

namespace {

constexpr int min_cost = 4;
constexpr int max_cost = 31;
constexpr std::size_t hash_bytes = 60;
constexpr std::string_view alphabet =
    "./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

// The first seven bytes of every hash of a cost: "$2b$12$".
std::string prefix_of(int cost) {
    return {
        '$', '2', 'b', '$', static_cast<char>('0' + cost / 10), static_cast<char>('0' + cost % 10),
        '$'};
}

// A hash that no known password matches. Comparing with it costs one hash.
std::string decoy_of(int cost) { return prefix_of(cost) + std::string(hash_bytes - 7, '.'); }

bool is_cost(int cost) { return cost >= min_cost && cost <= max_cost; }

// The cost of a hash, if it is a bcrypt hash.
int cost_of(const std::string& hash) { return (hash[4] - '0') * 10 + (hash[5] - '0'); }

bool is_bcrypt_hash(const std::string& hash) {
    if (hash.size() != hash_bytes) return false;
    const int cost = cost_of(hash);
    return is_cost(cost) && hash.starts_with(prefix_of(cost)) &&
           hash.find_first_not_of(alphabet, 7) == hash.npos;
}

// bcrypt reads 72 bytes and libxcrypt stops at a NUL: other passwords with the same beginning would
// match too.
bool can_be_hashed(const std::string& password) {
    return password.size() <= max_password_bytes && password.find('\0') == password.npos;
}

struct Wipe {
    void operator()(crypt_data* data) const {
        OPENSSL_cleanse(data, sizeof *data);
        delete data;
    }
};

// Returns an empty text if libxcrypt fails.
std::string bcrypt(const char* password, const char* setting) {
    const std::unique_ptr<crypt_data, Wipe> data{new crypt_data{}};
    const char* hash = crypt_rn(password, setting, data.get(), sizeof *data);
    return hash ? hash : "";
}

// Overwrites a password at the end of the scope.
auto wipe_at_end(std::string& password) {
    return ScopeExit{[&] { OPENSSL_cleanse(password.data(), password.size()); }};
}

}  // namespace

std::string hash_password(const std::string& password, int cost) {
    if (!can_be_hashed(password))
        throw std::invalid_argument("a password has at most 72 bytes and no NUL");
    char setting[CRYPT_GENSALT_OUTPUT_SIZE];
    if (!is_cost(cost) || !crypt_gensalt_rn("$2b$", static_cast<unsigned long>(cost), nullptr, 0,
                                            setting, sizeof setting))
        throw std::runtime_error("libxcrypt does not support this cost of bcrypt");
    auto hash = bcrypt(password.c_str(), setting);
    // libxcrypt may silently fall back to DES if it does not know the setting.
    if (!is_bcrypt_hash(hash) || !hash.starts_with(prefix_of(cost)))
        throw std::runtime_error("libxcrypt did not return a bcrypt hash");
    return hash;
}

bool matches_password(const std::string& password, const std::string& hash) {
    if (!is_bcrypt_hash(hash)) return false;
    const bool is_possible = can_be_hashed(password);
    const auto made = bcrypt(is_possible ? password.c_str() : "", hash.c_str());
    if (made.size() != hash.size()) throw std::runtime_error("libxcrypt failed to hash");
    return CRYPTO_memcmp(made.data(), hash.data(), hash.size()) == 0 && is_possible;
}

Passwords::Passwords(int cost, std::chrono::milliseconds longest_wait)
    : cost_{is_cost(cost) ? cost
                          : throw std::invalid_argument("the cost of bcrypt must be 4 to 31")},
      longest_wait_{longest_wait} {}

// Each step of the cost doubles the work. A cheaper hash, plus one decoy for its own cost and for
// each cost above it, takes as long as a hash of the current cost.

Async<bool> Passwords::matches(std::string password, std::optional<std::string> hash) {
    const auto wipe = wipe_at_end(password);
    const bool is_account = hash && is_bcrypt_hash(*hash);
    bool is_same = false;
    co_await off_loop([&] {
        if (is_account) is_same = matches_password(password, *hash);
        const int first = is_account ? cost_of(*hash) : cost_;
        const int end = is_account ? cost_ : cost_ + 1;
        for (int cost = first; cost < end; ++cost) matches_password(password, decoy_of(cost));
    });
    co_return is_same;
}

bool Passwords::is_current(const std::string& hash) const {
    return hash.starts_with(prefix_of(cost_));
}

Async<std::string> Passwords::hash(std::string password) {
    const auto wipe = wipe_at_end(password);
    std::string made;
    co_await off_loop([&] { made = hash_password(password, cost_); });
    co_return made;
}

// The handler owns the waiting coroutines, so the objects that `work` refers to outlive the job.
Async<> Passwords::off_loop(std::function<void()> work) {
    if (waiting_ >= max_waiting_passwords) throw ApiError{Error::service_unavailable};
    if (!threads_) threads_.emplace(1);
    const auto start = [this, &work](auto handler) {
        const auto loop = boost::asio::get_associated_executor(handler);
        auto job = [this, loop, &work, latest = Clock::now() + longest_wait_,
                    handler = std::move(handler),
                    guard = boost::asio::make_work_guard(loop)]() mutable {
            std::exception_ptr failure;
            try {
                if (Clock::now() > latest) throw ApiError{Error::service_unavailable};
                work();
            } catch (...) {
                failure = std::current_exception();
            }
            boost::asio::post(loop, [this, failure, handler = std::move(handler)]() mutable {
                --waiting_;
                std::move(handler)(failure);
            });
        };
        boost::asio::post(*threads_, std::move(job));
        ++waiting_;
    };
    co_await boost::asio::async_initiate<const UseAwaitable, void(std::exception_ptr)>(
        start, use_awaitable);
}
