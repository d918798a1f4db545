#include "cli/top.hpp"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <iomanip>
#include <limits>
#include <ostream>
#include <sstream>
#include <string>
#include <vector>

#include "cli/database.hpp"
#include "cli/database_gauges.hpp"
#include "cli/metrics.hpp"
#include "cli/run_dir.hpp"
#include "shared/async.hpp"
#include "shared/db/database.hpp"
#include "shared/metrics/counters.hpp"
#include "shared/version.hpp"

namespace {

constexpr std::chrono::seconds between_two{1};
constexpr int gauges_every = 5;  // results: the database counts jobs

using Buckets = std::array<std::uint64_t, metrics::bucket_bounds.size() + 1>;

// What an endpoint has done: since it began, or in between.
struct Work {
    std::string name;
    std::uint64_t requests = 0;
    std::uint64_t refused = 0;  // 4xx
    std::uint64_t failed = 0;   // 5xx
    std::uint64_t restarts = 0;
    Buckets times{};
};

struct Sample {
    pid_t supervisor = 0;
    Clock::time_point taken = Clock::now();
    std::vector<Work> endpoints;
    Buckets batches{};
    std::array<std::int64_t, metrics::stream_names.size()> streams{};
    std::int64_t waiting = 0;
};

Buckets read(const metrics::Histogram& histogram) {
    Buckets buckets{};
    std::copy(histogram.buckets.begin(), histogram.buckets.end(), buckets.begin());
    return buckets;
}

Work read(const metrics::EndpointCounters& endpoint) {
    Work work{.name = endpoint.name.data(),
              .restarts = endpoint.restarts,
              .times = read(endpoint.seconds)};
    for (const auto& of_method : endpoint.requests)
        for (std::size_t i = 0; i < metrics::statuses.size(); ++i) {
            work.requests += of_method[i];
            if (metrics::statuses[i] / 100 == 4) work.refused += of_method[i];
            if (metrics::statuses[i] / 100 == 5) work.failed += of_method[i];
        }
    return work;
}

Sample take_sample(const Config& config) {
    Sample sample;
    sample.supervisor = require_supervisor(config.run_dir);
    const auto file = running_counters(config);
    const auto& counters = *file;
    for (const auto& endpoint : counters.endpoints)
        if (endpoint.name.front() != '\0') sample.endpoints.push_back(read(endpoint));
    sample.batches = read(counters.batch_seconds);
    for (const auto& process : counters.processes) {
        if (!metrics::is_alive(process)) continue;
        sample.waiting += process.waiting;
        for (std::size_t i = 0; i < sample.streams.size(); ++i)
            sample.streams[i] += process.streams[i];
    }
    return sample;
}

Buckets operator-(Buckets after, const Buckets& before) {
    for (std::size_t i = 0; i < after.size(); ++i) after[i] -= before[i];
    return after;
}

// The restarts stay those since the beginning, because one in a second would hardly be seen.
Work operator-(Work after, const Work& before) {
    after.requests -= before.requests;
    after.refused -= before.refused;
    after.failed -= before.failed;
    after.times = after.times - before.times;
    return after;
}

Work sum_of(const std::vector<Work>& endpoints) {
    Work sum{.name = "all"};
    for (const auto& endpoint : endpoints) {
        sum.requests += endpoint.requests;
        sum.refused += endpoint.refused;
        sum.failed += endpoint.failed;
        sum.restarts += endpoint.restarts;
        for (std::size_t i = 0; i < sum.times.size(); ++i) sum.times[i] += endpoint.times[i];
    }
    return sum;
}

// The time within which this part of the requests was answered, in milliseconds: as Prometheus'
// histogram_quantile() estimates it, as if times were spread evenly in each bucket. "-" without
// requests, and ">10000" beyond the last bound.
std::string quantile(const Buckets& buckets, double part) {
    std::uint64_t total = 0;
    for (const auto count : buckets) total += count;
    if (total == 0) return "-";
    const double rank = part * static_cast<double>(total);
    double passed = 0;
    double low = 0;
    for (std::size_t i = 0; i < metrics::bucket_bounds.size(); ++i) {
        const auto count = static_cast<double>(buckets[i]);
        const auto high = static_cast<double>(metrics::bucket_bounds[i]) / 1000;
        if (count > 0 && passed + count >= rank) {
            std::ostringstream text;
            text << std::fixed << std::setprecision(1)
                 << low + (high - low) * (rank - passed) / count;
            return text.str();
        }
        passed += count;
        low = high;
    }
    return ">" + std::to_string(metrics::bucket_bounds.back() / 1000);
}

std::string per_second(std::uint64_t count, double seconds) {
    std::ostringstream text;
    text << std::fixed << std::setprecision(0) << static_cast<double>(count) / seconds;
    return text.str();
}

std::string in_seconds(std::int64_t us) {
    std::ostringstream text;
    text << std::fixed << std::setprecision(1) << static_cast<double>(us) / 1e6 << " s";
    return text.str();
}

void put_row(std::ostream& out, const Work& work, double seconds) {
    out << std::left << std::setw(22) << work.name << std::right << std::setw(11)
        << per_second(work.requests, seconds) << std::setw(8) << per_second(work.refused, seconds)
        << std::setw(8) << per_second(work.failed, seconds) << std::setw(10)
        << quantile(work.times, 0.5) << std::setw(10) << quantile(work.times, 0.99) << std::setw(10)
        << work.restarts << '\n';
}

void put_database(std::ostream& out, const std::optional<DatabaseGauges>& gauges) {
    if (!gauges) {
        out << "the database does not answer\n";
        return;
    }
    out << "jobs: " << gauges->pending << " pending (the oldest due for "
        << in_seconds(gauges->oldest_due_us) << "), " << gauges->running << " running, "
        << gauges->failed << " failed\nfeed: " << in_seconds(gauges->feed_lag_us)
        << " behind; oldest transaction: " << in_seconds(gauges->oldest_transaction_us) << '\n';
}

// Endpoints that have done something, the busiest first, then the one that restarted most.
std::vector<Work> busy(std::vector<Work> endpoints) {
    std::erase_if(endpoints,
                  [](const auto& work) { return work.requests == 0 && work.restarts == 0; });
    std::sort(endpoints.begin(), endpoints.end(), [](const auto& one, const auto& other) {
        return std::pair{one.requests, one.restarts} > std::pair{other.requests, other.restarts};
    });
    return endpoints;
}

std::string page(const Sample& before, const Sample& after,
                 const std::optional<DatabaseGauges>& gauges) {
    const double seconds = std::chrono::duration<double>(after.taken - before.taken).count();
    std::vector<Work> endpoints;
    for (std::size_t i = 0; i < after.endpoints.size(); ++i)
        endpoints.push_back(after.endpoints[i] - before.endpoints[i]);
    const auto batches = after.batches - before.batches;
    std::ostringstream out;
    out << "steelthread " << service_version << "   streams: " << after.streams[0] << " "
        << metrics::stream_names[0] << ", " << after.streams[1] << " " << metrics::stream_names[1]
        << "   batches: " << after.waiting << " waiting, p50 " << quantile(batches, 0.5)
        << " ms, p99 " << quantile(batches, 0.99) << " ms\n";
    put_database(out, gauges);
    out << '\n'
        << std::left << std::setw(22) << "endpoint" << std::right << std::setw(11) << "requests/s"
        << std::setw(8) << "4xx/s" << std::setw(8) << "5xx/s" << std::setw(10) << "p50 ms"
        << std::setw(10) << "p99 ms" << std::setw(10) << "restarts" << '\n';
    put_row(out, sum_of(endpoints), seconds);
    for (const auto& work : busy(std::move(endpoints))) put_row(out, work, seconds);
    return out.str();
}

// Everything that fits on the terminal, from its top.
std::string on_terminal(const std::string& page) {
    constexpr std::string_view home = "\033[H";
    constexpr std::string_view erase_line = "\033[K";
    constexpr std::string_view erase_rest = "\033[J";
    winsize size{};
    const bool is_known = ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row > 1;
    int rows = is_known ? size.ws_row - 1 : std::numeric_limits<int>::max();
    std::string text{home};
    std::istringstream lines{page};
    for (std::string line; rows > 0 && std::getline(lines, line); --rows) {
        if (is_known && line.size() > size.ws_col) line.resize(size.ws_col);
        text.append(line).append(erase_line).append("\r\n");
    }
    return text.append(erase_rest);
}

Async<> watch(Database& database, const Config& config, bool is_once, std::ostream& out) {
    const bool is_terminal = !is_once && isatty(STDOUT_FILENO) != 0;
    if (is_terminal) out << "\033[2J";
    std::optional<DatabaseGauges> gauges;
    int results = 0;
    for (auto before = take_sample(config);;) {
        if (results++ % gauges_every == 0) co_await read_database_gauges(database, gauges);
        co_await sleep_for(between_two);
        const auto after = take_sample(config);
        // A service that has started again has counted anew.
        if (after.supervisor == before.supervisor) {
            const auto text = page(before, after, gauges);
            out << (is_terminal ? on_terminal(text) : text) << std::flush;
            if (is_once) co_return;
        }
        before = after;
    }
}

}  // namespace

void watch_service(const Config& config, bool is_once, std::ostream& out) {
    require_supervisor(config.run_dir);
    with_database(config,
                  [&](Database& database) { return watch(database, config, is_once, out); });
}
