#include "shared/auth/password.hpp"

#include <crypt.h>
#include <openssl/crypto.h>

#include <algorithm>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <iterator>
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
// Far more networks than can wait.
constexpr std::size_t max_remembered_turns = 1024;
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

Async<bool> Passwords::matches(HashClient client, std::string password,
                               std::optional<std::string> hash) {
    const auto wipe = wipe_at_end(password);
    const bool is_account = hash && is_bcrypt_hash(*hash);
    bool is_same = false;
    co_await off_loop(std::move(client), [&] {
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

Async<std::string> Passwords::hash(HashClient client, std::string password) {
    const auto wipe = wipe_at_end(password);
    std::string made;
    co_await off_loop(std::move(client), [&] { made = hash_password(password, cost_); });
    co_return made;
}

Async<> Passwords::off_loop(HashClient client, std::function<void()> work) {
    const auto initiate = [&](Handler handler) {
        enqueue({std::move(client), &work, Clock::now() + longest_wait_, std::move(handler)});
    };
    co_await boost::asio::async_initiate<const UseAwaitable, void(std::exception_ptr)>(
        initiate, use_awaitable);
}

void Passwords::enqueue(Job job) {
    auto& queue = queue_of(job.client);
    give_up_overdue(queue);
    if (!make_room(job.client)) {
        refuse(std::move(job));
        return;
    }
    queue.push_back(std::move(job));
    start_next();
}

bool Passwords::make_room(const HashClient& client) {
    auto& queue = queue_of(client);
    const auto count = static_cast<int>(queue.size()) + (is_running_ ? 1 : 0);
    if (count < max_waiting_passwords) return true;
    std::unordered_map<std::string_view, int> counts;
    for (const auto& job : queue) ++counts[job.client.network];
    const auto most = std::max_element(
        counts.begin(), counts.end(),
        [](const auto& one, const auto& other) { return one.second < other.second; });
    if (most == counts.end() || most->second <= counts[client.network] + 1) return false;
    const auto newest = std::find_if(queue.rbegin(), queue.rend(), [&](const auto& job) {
        return job.client.network == most->first;
    });
    const auto place = std::prev(newest.base());
    refuse(std::move(*place));
    queue.erase(place);
    return true;
}

// All wait equally long, so those that came first are overdue first.
void Passwords::give_up_overdue(Queue& queue) {
    while (!queue.empty() && Clock::now() > queue.front().latest) {
        refuse(std::move(queue.front()));
        queue.pop_front();
    }
}

Passwords::Queue::iterator Passwords::next_in_turn(Queue& queue) {
    const auto last_turn = [&](const Job& job) {
        const auto found = turns_.find(job.client.network);
        return found == turns_.end() ? 0 : found->second;
    };
    return std::min_element(queue.begin(), queue.end(), [&](const auto& one, const auto& other) {
        return last_turn(one) < last_turn(other);
    });
}

void Passwords::start_next() {
    give_up_overdue(known_);
    give_up_overdue(others_);
    if (is_running_ || (known_.empty() && others_.empty())) return;
    was_known_ = others_.empty() || (!known_.empty() && !was_known_);
    auto& queue = was_known_ ? known_ : others_;
    const auto next = next_in_turn(queue);
    turns_[next->client.network] = ++turn_;
    if (turns_.size() > 2 * max_remembered_turns)
        std::erase_if(turns_, [&](const auto& entry) {
            return entry.second + max_remembered_turns <= turn_;
        });
    auto job = std::move(*next);
    queue.erase(next);
    start(std::move(job));
}

// The handler owns the waiting coroutine, so the objects that the work refers to outlive it.
void Passwords::start(Job job) {
    if (!threads_) threads_.emplace(1);
    is_running_ = true;
    const auto loop = boost::asio::get_associated_executor(job.handler);
    boost::asio::post(*threads_, [this, loop, guard = boost::asio::make_work_guard(loop),
                                  work = job.work, handler = std::move(job.handler)]() mutable {
        std::exception_ptr failure;
        try {
            (*work)();
        } catch (...) {
            failure = std::current_exception();
        }
        boost::asio::post(loop, [this, failure, handler = std::move(handler)]() mutable {
            is_running_ = false;
            start_next();
            std::move(handler)(failure);
        });
    });
}

void Passwords::refuse(Job job) {
    const auto loop = boost::asio::get_associated_executor(job.handler);
    boost::asio::post(loop, [handler = std::move(job.handler)]() mutable {
        std::move(handler)(std::make_exception_ptr(ApiError{Error::service_unavailable}));
    });
}
