// What all processes of a RUN_DIR count, in one file that they map: RUN_DIR/metrics.
//
// A count is one atomic addition to a 64-bit word, without locks: it costs a few nanoseconds, and a
// process that is killed has lost none of its counts. Values that end with a process, such as its
// open streams, are in a place of that process. The place of a process that has ended counts no
// more, and is used again.
//
// The supervisor begins with a new file, so counters begin at zero with the service. A process that
// finds no file, or that of another release, counts in its own memory, which nobody reads.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace metrics {

using Counter = std::atomic<std::uint64_t>;
using Gauge = std::atomic<std::int64_t>;
static_assert(Counter::is_always_lock_free && Gauge::is_always_lock_free);

// The highest value of each bucket of a histogram, in microseconds. The last bucket has none.
inline constexpr std::array<std::uint64_t, 14> bucket_bounds = {
    500,     1'000,   2'500,   5'000,     10'000,    25'000,    50'000,
    100'000, 250'000, 500'000, 1'000'000, 2'500'000, 5'000'000, 10'000'000};

struct Histogram {
    std::array<Counter, bucket_bounds.size() + 1> buckets;
    Counter sum_us;

    void record(std::chrono::steady_clock::duration time);
};

// Whatever a client sends, these labels have no other values. A status that is not listed is 0.
inline constexpr std::array<std::string_view, 8> methods = {"GET",   "HEAD",   "POST",    "PUT",
                                                            "PATCH", "DELETE", "OPTIONS", "other"};
inline constexpr std::array<int, 22> statuses = {101, 200, 201, 204, 304, 400, 401, 403,
                                                 404, 405, 409, 412, 413, 414, 415, 422,
                                                 428, 429, 431, 500, 503, 0};

struct EndpointCounters {
    std::array<char, 48> name;  // ends with a zero byte; empty: unused
    std::array<std::array<Counter, statuses.size()>, methods.size()> requests;
    Histogram seconds;
    Counter restarts;  // of processes that have ended by themselves
};

enum class Limit { requests, writes, attempts, streams };
inline constexpr std::array<std::string_view, 4> limit_names = {"requests", "writes", "attempts",
                                                                "streams"};
enum class Login { success, refused };
inline constexpr std::array<std::string_view, 2> login_names = {"success", "refused"};
enum class Stream { sse, websocket };
inline constexpr std::array<std::string_view, 2> stream_names = {"sse", "websocket"};

struct ProcessGauges {
    Gauge pid;        // 0: free; negative while the place is being taken
    Counter started;  // clock ticks since boot, as in /proc/PID/stat
    std::array<Gauge, stream_names.size()> streams;
    Gauge waiting;  // batches without an answer
};

inline constexpr int highest_status = 599;

struct Counters {
    std::array<char, 16> version;
    std::array<EndpointCounters, 128> endpoints;
    std::array<Counter, highest_status + 1> responses;  // of nginx, by status
    Histogram batch_seconds;
    std::array<Counter, limit_names.size()> limited;
    std::array<Counter, login_names.size()> logins;
    Counter completed_jobs;
    std::array<ProcessGauges, 256> processes;
};

// Creates a new file in place of the present one, with these endpoints, and maps it for this
// process. Throws std::system_error, and std::length_error if there are too many endpoints.
void create(const std::string& run_dir, const std::vector<std::string>& endpoints);

// Maps the file for this process, which answers the requests of this endpoint. Without a file that
// fits, nothing changes.
void open(const std::string& run_dir, std::string_view endpoint);

struct Unmap {
    void operator()(const Counters* counters) const;
};

using ReadableCounters = std::unique_ptr<const Counters, Unmap>;

// Maps the file to read it. Null if there is none that fits.
ReadableCounters read(const std::string& run_dir);

// What this process counts in: the file, or its own memory.
Counters& counters();
EndpointCounters& endpoint_counters();
ProcessGauges& process_gauges();

// The place of an endpoint; one that nobody reads if the file has none of this name.
EndpointCounters& endpoint_counters(std::string_view name);

inline void count(Counter& counter) { counter.fetch_add(1, std::memory_order_relaxed); }
inline void count(Limit limit) { count(counters().limited[static_cast<std::size_t>(limit)]); }
inline void count(Login login) { count(counters().logins[static_cast<std::size_t>(login)]); }

// Counts a request that was answered with this status after this time.
void count_request(std::string_view method, int status, std::chrono::steady_clock::duration time);

// Adds 1 to a gauge of this process while it lives.
class Present {
public:
    explicit Present(Gauge& gauge) : gauge_(gauge) { ++gauge_; }
    explicit Present(Stream kind)
        : Present(process_gauges().streams[static_cast<std::size_t>(kind)]) {}
    ~Present() { --gauge_; }
    Present(const Present&) = delete;
    Present& operator=(const Present&) = delete;

private:
    Gauge& gauge_;
};

// Records how long a batch takes, with its wait for a connection.
class BatchTimer {
public:
    BatchTimer() = default;
    ~BatchTimer();
    BatchTimer(const BatchTimer&) = delete;
    BatchTimer& operator=(const BatchTimer&) = delete;

private:
    const Present waiting_{process_gauges().waiting};
    const std::chrono::steady_clock::time_point began_ = std::chrono::steady_clock::now();
};

// Whether the process of this place is still running.
bool is_alive(const ProcessGauges& process);

}  // namespace metrics
