// The public keys of another issuer: a JSON Web Key Set (RFC 7517, section 5) from a server or a
// file.
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
#include <unordered_set>
#include <vector>

#include "shared/async.hpp"
#include "shared/auth/jws.hpp"
#include "shared/digest.hpp"

class Promise;
struct Config;

struct ParsedKeys {
    std::vector<Key> keys;
    std::vector<std::string> skipped;  // one reason for each key that is not used
};

inline constexpr std::size_t max_keys = 64;

// Returns the usable keys among the first max_keys of a set. Weak, unknown and malformed keys are
// skipped (RFC 7517, section 5). Throws KeyError if the text is not a key set.
ParsedKeys parse_key_set(std::string_view json);

// Reads JWKS_FILE. Throws std::runtime_error if it cannot be read, is empty, or is larger than 256
// KiB.
std::string read_key_file(const std::string& path);

// Keeps the key set of a server or a file available to the coroutines of one loop.
//
// A thread requests the set from a server when the first token needs a key; when a token names an
// unknown key, but at most once in ten seconds; and every five minutes while tokens arrive, so that
// withdrawn keys are dropped. There is one request at a time. If it fails, the old set stays. A
// file is checked once a second while tokens arrive.
class KeySet : public std::enable_shared_from_this<KeySet> {
public:
    using Fetch = std::function<std::string(const std::string& url)>;
    using Now = std::function<Clock::time_point()>;

    static constexpr std::chrono::seconds cool_down{10};
    static constexpr std::chrono::seconds refresh_after{300};
    static constexpr std::chrono::seconds look_after{1};
    static constexpr std::size_t max_unknown = 256;

    // The loop must outlive the object. `fetch` runs in the thread, may block, and throws
    // std::exception.
    static std::shared_ptr<KeySet> of_url(Loop& loop, std::string url);
    static std::shared_ptr<KeySet> of_url(Loop& loop, std::string url, Fetch fetch, Now now);
    static std::shared_ptr<KeySet> of_file(std::string path);
    static std::shared_ptr<KeySet> of_file(std::string path, Now now);

    // Waits for the thread and wakes the coroutines that wait for keys.
    ~KeySet();
    KeySet(const KeySet&) = delete;
    KeySet& operator=(const KeySet&) = delete;

    // Keeps the set up to date, in the background if that takes time. Call it before each use.
    void look();

    // Changes whenever the keys change; 0 until there are keys.
    std::uint64_t generation() const { return generation_; }

    std::span<const Key> keys() const { return keys_; }

    // Whether a key that is not in the set may be in the next one: starts a request or joins the
    // one in progress, for which wait_for_fetch() waits. Returns false within ten seconds of the
    // last request, whose successor then looks for the key; and for a key that the issuer lacks.
    bool may_come(const std::string& key_id);

    // Whether a key that is not in the set is not the issuer's: a request within the last ten
    // seconds has succeeded, and found that the key is missing or has been withdrawn. A file has
    // all keys, once it has been read.
    bool lacks(const std::string& key_id) const;

    // The time until the next request may start, or the file may be read again; at least a second.
    std::chrono::seconds time_to_next_fetch() const;

    // Waits until the request in progress has succeeded or failed.
    Async<> wait_for_fetch();

private:
    struct FetchResult;

    KeySet(Loop* loop, std::string source, Fetch fetch, Now now);
    void look_at_file();
    void start();
    void end(const FetchResult& result);
    void take(ParsedKeys parsed, const std::string& text);
    void remember_unknown(Clock::time_point now);
    void complain(std::string_view reason);

    Loop* loop_;          // null for a file
    std::string source_;  // the URL or the path
    Fetch fetch_;
    Now now_;
    std::vector<Key> keys_;
    Digest text_digest_{};
    std::string complaint_;  // the last one in the log
    std::uint64_t generation_ = 0;
    std::optional<Clock::time_point> last_check_;  // of the file, or the start of the last request
    std::optional<Clock::time_point> last_success_;  // of the last request that succeeded
    std::string file_stamp_;
    bool is_fetching_ = false;
    // Ids that a request did not find, with the time of its end.
    std::unordered_map<std::string, Clock::time_point> unknown_;
    std::unordered_set<std::string> requested_ids_;  // for the next request that succeeds
    std::vector<Promise*> waiters_;
    // The last member: its thread must end before the other members do.
    std::optional<boost::asio::thread_pool> thread_;
};

// The set that JWKS_URL or JWKS_FILE names; null if neither is set.
std::shared_ptr<KeySet> open_key_set(const Config& config, Loop& loop);
