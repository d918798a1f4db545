#include "shared/auth/key_set.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <fstream>
#include <utility>

#include "shared/auth/fetch.hpp"
#include "shared/config/config.hpp"
#include "shared/json/reader.hpp"
#include "shared/log.hpp"
#include "shared/promise.hpp"

namespace {

// Identifies the state of a file, which changes when it is written to or replaced; empty without a
// file.
std::string stamp_of(const std::string& path) {
    struct stat status {};
    if (stat(path.c_str(), &status) != 0) return {};
    std::string stamp;
    for (const auto part :
         {static_cast<std::int64_t>(status.st_dev), static_cast<std::int64_t>(status.st_ino),
          static_cast<std::int64_t>(status.st_size),
          static_cast<std::int64_t>(status.st_mtim.tv_sec),
          static_cast<std::int64_t>(status.st_mtim.tv_nsec)})
        stamp += std::to_string(part) + " ";
    return stamp;
}

}  // namespace

std::string read_key_file(const std::string& path) {
    std::ifstream file{path, std::ios::binary};
    std::string text(max_fetched_bytes + 1, '\0');
    file.read(text.data(), static_cast<std::streamsize>(text.size()));
    if (!file.eof() && !file) throw std::runtime_error("cannot be read");
    text.resize(static_cast<std::size_t>(file.gcount()));
    if (text.empty()) throw std::runtime_error("cannot be read, or is empty");
    if (text.size() > max_fetched_bytes) throw std::runtime_error("larger than 256 KiB");
    return text;
}

ParsedKeys parse_key_set(std::string_view json) {
    ParsedKeys parsed;
    try {
        const auto document = parse_part(json, "key set");
        const auto* keys = json::find(document, "keys");
        if (!keys || !keys->IsArray()) throw KeyError{"key set: keys is not an array"};
        for (const auto& key : keys->GetArray()) {
            try {
                if (parsed.keys.size() + parsed.skipped.size() >= max_keys)
                    throw KeyError{"more than 64 keys"};
                parsed.keys.push_back(Key::from_jwk(key));
            } catch (const KeyError& error) {
                parsed.skipped.emplace_back(error.what());
            }
        }
    } catch (const TokenError& error) {
        throw KeyError{error.what()};
    }
    return parsed;
}

// The result of the thread: a text with its keys, or the reason for a failure.
struct KeySet::FetchResult {
    std::string text;
    ParsedKeys parsed;
    std::string failure;
};

std::shared_ptr<KeySet> KeySet::of_url(Loop& loop, std::string url) {
    return of_url(loop, std::move(url), ::fetch, Clock::now);
}

std::shared_ptr<KeySet> KeySet::of_url(Loop& loop, std::string url, Fetch fetch, Now now) {
    return std::shared_ptr<KeySet>{
        new KeySet{&loop, std::move(url), std::move(fetch), std::move(now)}};
}

std::shared_ptr<KeySet> KeySet::of_file(std::string path) {
    return of_file(std::move(path), Clock::now);
}

std::shared_ptr<KeySet> KeySet::of_file(std::string path, Now now) {
    return std::shared_ptr<KeySet>{new KeySet{nullptr, std::move(path), {}, std::move(now)}};
}

KeySet::KeySet(Loop* loop, std::string source, Fetch fetch, Now now)
    : loop_{loop}, source_{std::move(source)}, fetch_{std::move(fetch)}, now_{std::move(now)} {}

KeySet::~KeySet() {
    thread_.reset();
    for (auto* promise : waiters_) promise->deliver();
}

void KeySet::look() {
    if (!loop_) return look_at_file();
    // No request is made before the first token that needs a key.
    if (!last_success_ || !last_check_ || is_fetching_) return;
    const auto now = now_();
    if (now - *last_success_ >= refresh_after && now - *last_check_ >= cool_down) start();
}

void KeySet::look_at_file() {
    const auto now = now_();
    if (last_check_ && now - *last_check_ < look_after) return;
    last_check_ = now;
    const auto stamp = stamp_of(source_);
    if (stamp == file_stamp_ && generation_ != 0) return;
    file_stamp_ = stamp;
    try {
        const auto text = read_key_file(source_);
        take(parse_key_set(text), text);
    } catch (const std::exception& error) {
        complain(error.what());
    }
}

bool KeySet::may_come(const std::string& key_id) {
    if (!loop_ || lacks(key_id)) return false;
    if (requested_ids_.size() < max_unknown) requested_ids_.insert(key_id);
    if (is_fetching_) return true;
    if (last_check_ && now_() - *last_check_ < cool_down) return false;
    start();
    return true;
}

bool KeySet::lacks(const std::string& key_id) const {
    if (!loop_) return generation_ != 0;
    const auto unknown = unknown_.find(key_id);
    return unknown != unknown_.end() && now_() - unknown->second < cool_down;
}

std::chrono::seconds KeySet::time_to_next_fetch() const {
    constexpr std::chrono::seconds least{1};
    if (!loop_ || !last_check_) return least;
    const auto left = *last_check_ + cool_down - now_();
    return std::max(least, std::chrono::ceil<std::chrono::seconds>(left));
}

void KeySet::start() {
    last_check_ = now_();
    is_fetching_ = true;
    if (!thread_) thread_.emplace(1);
    // The job must not own the set: otherwise the set could be destroyed on the thread that it
    // joins.
    auto job = [loop = loop_, url = source_, fetch = fetch_, set = weak_from_this()] {
        auto fetched = std::make_shared<FetchResult>();
        try {
            fetched->text = fetch(url);
            fetched->parsed = parse_key_set(fetched->text);
        } catch (const std::exception& error) {
            fetched->failure = error.what();
        }
        boost::asio::post(*loop, [set, fetched] {
            if (const auto still_there = set.lock()) still_there->end(*fetched);
        });
    };
    boost::asio::post(*thread_, std::move(job));
}

void KeySet::end(const FetchResult& result) {
    is_fetching_ = false;
    const auto now = now_();
    std::erase_if(unknown_, [&](const auto& entry) { return now - entry.second >= cool_down; });
    if (result.failure.empty()) {
        last_success_ = now;
        // Tokens of withdrawn keys are refused at once, too.
        for (const auto& key : keys_)
            if (!key.id().empty()) requested_ids_.insert(key.id());
        take(result.parsed, result.text);
        remember_unknown(now);
    } else {
        complain(result.failure);
    }
    for (auto* promise : std::exchange(waiters_, {})) promise->deliver();
}

// A token without `kid` is no exception: every key of its algorithm has been tried.
void KeySet::remember_unknown(Clock::time_point now) {
    for (const auto& key : keys_)
        if (!key.id().empty()) requested_ids_.erase(key.id());
    for (const auto& key_id : std::exchange(requested_ids_, {})) unknown_[key_id] = now;
}

void KeySet::take(ParsedKeys parsed, const std::string& text) {
    complaint_.clear();
    const auto digest = sha256(text);
    if (generation_ != 0 && digest == text_digest_) return;
    text_digest_ = digest;
    keys_ = std::move(parsed.keys);
    ++generation_;
    logging::info("key set loaded",
                  {{"keys", static_cast<std::int64_t>(keys_.size())},
                   {"skipped", static_cast<std::int64_t>(parsed.skipped.size())}});
    for (const auto& reason : parsed.skipped)
        logging::warning("key skipped", {{"reason", std::string_view{reason}}});
}

// The same reason is logged only once.
void KeySet::complain(std::string_view reason) {
    if (reason == complaint_) return;
    complaint_ = reason;
    logging::warning(generation_ == 0 ? "key set unavailable" : "key set not updated",
                     {{"reason", reason}});
}

Async<> KeySet::wait_for_fetch() {
    if (!is_fetching_) co_return;
    Promise promise;
    waiters_.push_back(&promise);
    co_await promise.wait();
}

std::shared_ptr<KeySet> open_key_set(const Config& config, Loop& loop) {
    if (config.jwks_url) return KeySet::of_url(loop, config.jwks_url->text);
    if (!config.jwks_file.empty()) return KeySet::of_file(config.jwks_file);
    return nullptr;
}
