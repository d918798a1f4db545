// Passwords: bcrypt ("$2b$") by libxcrypt, in a thread so that a login does not block its process.
//
// Hashes wait in two queues that are fair to networks, because a hash costs a third of a second and
// anyone may ask for one. The queues take turns: one is for logins from networks that their account
// has logged in from before, and the other for everyone else. The next hash of a queue is for the
// network whose last one is longest ago, or that had none. When a queue is full, the network with
// the most waiting loses its newest: a network that has more waiting than the newcomer's, or else
// the newcomer itself.
#pragma once

#include <boost/asio/async_result.hpp>
#include <boost/asio/thread_pool.hpp>
#include <chrono>
#include <cstdint>
#include <exception>
#include <functional>
#include <list>
#include <optional>
#include <string>
#include <unordered_map>

#include "shared/async.hpp"

// The maximum number of hashes that wait in each queue, including the running one.
inline constexpr int max_waiting_passwords = 64;

// A hash that has waited longer is given up: the client should retry instead.
inline constexpr std::chrono::seconds max_password_wait{3};

// Returns a new hash; `cost` is 4 to 31. Throws std::invalid_argument if the password is longer
// than 72 bytes or contains a NUL, and std::runtime_error if libxcrypt does not return a $2b$ hash
// of that cost.
std::string hash_password(const std::string& password, int cost);

// Whether the password matches the hash. The time depends on the cost of a $2b$ hash only, even for
// a password that cannot be hashed; any other hash matches nothing and takes no time. Throws
// std::runtime_error if libxcrypt fails.
bool matches_password(const std::string& password, const std::string& hash);

// Whom a hash is for.
struct HashClient {
    std::string network;    // any text that identifies the client's network
    bool is_known = false;  // whether the account has logged in from there before
};

// Hashes passwords for the coroutines of one loop, one after the other on a thread of its own,
// which starts with the first hash. The loop must outlive the object.
class Passwords {
public:
    // `cost` is the cost of new hashes and of the hash that stands in for unknown accounts. Throws
    // std::invalid_argument unless it is 4 to 31.
    explicit Passwords(int cost, std::chrono::milliseconds longest_wait = max_password_wait);

    // Waits for the hash in progress and drops the others.
    ~Passwords() = default;

    Passwords(const Passwords&) = delete;
    Passwords& operator=(const Passwords&) = delete;

    // Compares off the event loop. Returns false without a hash (no such account) and for a hash
    // that is not $2b$. Takes as long as a hash of the current cost, or longer for a hash of a
    // higher cost. Throws ApiError (503) if the hash loses its place in the queue or the wait takes
    // too long.
    Async<bool> matches(HashClient client, std::string password, std::optional<std::string> hash);

    // Whether a hash has the cost of new hashes.
    bool is_current(const std::string& hash) const;

    // Calls hash_password() off the event loop, at the cost of new hashes. Also throws ApiError
    // (503) as matches() does.
    Async<std::string> hash(HashClient client, std::string password);

private:
    using Handler = boost::asio::async_result<UseAwaitable, void(std::exception_ptr)>::handler_type;

    struct Job {
        HashClient client;
        std::function<void()>* work;  // belongs to the waiting coroutine, which the handler owns
        Clock::time_point latest;
        Handler handler;
    };
    using Queue = std::list<Job>;  // in the order of their arrival

    // Runs the work on the thread; returns, or throws, when it has ended.
    Async<> off_loop(HashClient client, std::function<void()> work);

    void enqueue(Job job);
    Queue& queue_of(const HashClient& client) { return client.is_known ? known_ : others_; }
    // Whether there is room for one more of this client, perhaps instead of another network's.
    bool make_room(const HashClient& client);
    static void give_up_overdue(Queue& queue);
    Queue::iterator next_in_turn(Queue& queue);
    void start_next();
    void start(Job job);
    static void refuse(Job job);

    const int cost_;
    const std::chrono::milliseconds longest_wait_;
    Queue known_;
    Queue others_;
    bool was_known_ = false;  // whether the last turn was for a known network
    bool is_running_ = false;
    // The number of each network's last turn; of networks with very old ones it is forgotten.
    std::unordered_map<std::string, std::uint64_t> turns_;
    std::uint64_t turn_ = 0;
    // The last member: its thread is joined before the others end.
    std::optional<boost::asio::thread_pool> threads_;
};
