// The public keys of another issuer: a JSON Web Key Set (RFC 7517, section 5) that a server has, or
// a file.
#pragma once

#include <boost/asio/thread_pool.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "shared/async.hpp"
#include "shared/auth/jws.hpp"
#include "shared/digest.hpp"

class Promise;
struct Config;

struct ParsedKeys {
    std::vector<Key> keys;
    std::vector<std::string> skipped;  // why, one for each key that is not used
};

inline constexpr std::size_t max_keys = 64;

// The keys of a set that verify something here, of the first max_keys; one that is weak, of an
// unknown kind or malformed is skipped (RFC 7517, section 5). Throws KeyError for what is no set.
ParsedKeys parse_key_set(std::string_view json);

// The text of JWKS_FILE. Throws std::runtime_error for what cannot be read, is empty, or has more
// than 256 KiB.
std::string read_key_file(const std::string& path);

// Keeps the set of a server or a file at hand, for the coroutines of one loop.
//
// A server is asked when the first token needs a key, again when a token names one that is not
// there, but no more than once in ten seconds, and every five minutes while tokens come, so that
// keys which were withdrawn are forgotten. It is asked in a thread; there is one such request at a
// time. When that fails, the old set stays. A file is looked at once a second while tokens come.
class KeySet : public std::enable_shared_from_this<KeySet> {
public:
    using Fetch = std::function<std::string(const std::string& url)>;
    using Now = std::function<Clock::time_point()>;

    static constexpr std::chrono::seconds cool_down{10};
    static constexpr std::chrono::seconds refresh_after{300};
    static constexpr std::chrono::seconds look_after{1};
    static constexpr std::size_t max_unknown = 256;

    // The loop must outlive it. `fetch` runs in the thread; it blocks and throws std::exception.
    static std::shared_ptr<KeySet> of_url(Loop& loop, std::string url);
    static std::shared_ptr<KeySet> of_url(Loop& loop, std::string url, Fetch fetch, Now now);
    static std::shared_ptr<KeySet> of_file(std::string path);
    static std::shared_ptr<KeySet> of_file(std::string path, Now now);

    // Waits for the thread; whoever waits for keys is woken.
    ~KeySet();
    KeySet(const KeySet&) = delete;
    KeySet& operator=(const KeySet&) = delete;

    // Keeps the set up to date, in the background where that takes time. Call it before each use.
    void look();

    // Another number when the keys are others; 0 before there were any.
    std::uint64_t generation() const { return generation_; }

    std::span<const Key> keys() const { return keys_; }

    // Whether a key that is not in the set may be in the one that fetched() waits for: starts a
    // request, or joins the one that runs. False in the ten seconds after a request, and for an id
    // that a request within the last ten seconds did not bring.
    bool may_come(const std::string& key_id);

    // Waits until the request that runs has ended, one way or the other.
    Async<> fetched();

private:
    struct Fetched;

    KeySet(Loop* loop, std::string source, Fetch fetch, Now now);
    void look_at_file();
    void start();
    void end(const Fetched& fetched);
    void take(ParsedKeys parsed, const std::string& text);
    void complain(std::string_view reason);

    Loop* loop_;          // null for a file
    std::string source_;  // the URL or the path
    Fetch fetch_;
    Now now_;
    std::vector<Key> keys_;
    Digest text_digest_{};
    std::string complaint_;  // the last one that was logged
    std::uint64_t generation_ = 0;
    std::optional<Clock::time_point> looked_at_;   // the file, or when the last request started
    std::optional<Clock::time_point> fetched_at_;  // when the last one brought a set
    std::string file_stamp_;
    bool is_fetching_ = false;
    // Asked for, not in the set, and when that was seen.
    std::unordered_map<std::string, Clock::time_point> unknown_;
    std::vector<std::string> asked_for_;  // by those who wait
    std::vector<Promise*> waiting_;
    // The last member: its thread must have ended before the others do.
    std::optional<boost::asio::thread_pool> thread_;
};

// The set that JWKS_URL or JWKS_FILE names; null without either.
std::shared_ptr<KeySet> open_key_set(const Config& config, Loop& loop);
