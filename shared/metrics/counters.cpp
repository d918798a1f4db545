#include "shared/metrics/counters.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <system_error>

#include "shared/own_file.hpp"

namespace metrics {

namespace {

// Another layout must have another version.
constexpr std::array<char, 16> version{"metrics 1"};

std::string file_in(const std::string& run_dir) { return run_dir + "/metrics"; }

// The file of this process, unless it has none.
Counters* mapped = nullptr;
EndpointCounters* own_endpoint = nullptr;
ProcessGauges* own_process = nullptr;

Counters& unread() {
    static Counters counters{};
    return counters;
}

bool fits(int fd) {
    struct stat status {};
    std::array<char, 16> found{};
    return fstat(fd, &status) == 0 && is_own_file(status) && (status.st_mode & 077) == 0 &&
           status.st_size == sizeof(Counters) &&
           pread(fd, found.data(), found.size(), 0) == sizeof found && found == version;
}

Counters* map(const std::string& run_dir, int flags, int protection) {
    const int fd = ::open(file_in(run_dir).c_str(), flags | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0) return nullptr;
    void* const memory =
        fits(fd) ? mmap(nullptr, sizeof(Counters), protection, MAP_SHARED, fd, 0) : MAP_FAILED;
    close(fd);
    return memory == MAP_FAILED ? nullptr : static_cast<Counters*>(memory);
}

bool map_to_count(const std::string& run_dir) {
    mapped = map(run_dir, O_RDWR, PROT_READ | PROT_WRITE);
    return mapped != nullptr;
}

// The field `starttime` of /proc/PID/stat (proc(5)); 0 if there is no such process.
std::uint64_t start_of(std::int64_t pid) {
    std::ifstream file{"/proc/" + std::to_string(pid) + "/stat"};
    std::string line;
    std::getline(file, line);
    const auto name_end = line.rfind(')');  // a process's name may contain anything
    if (name_end == std::string::npos) return 0;
    std::istringstream fields{line.substr(name_end + 1)};
    std::string field;
    for (int i = 3; i <= 22; ++i) fields >> field;
    return std::strtoull(field.c_str(), nullptr, 10);
}

// Takes a free place, or that of a process that has ended.
ProcessGauges* take_place() {
    for (auto& place : mapped->processes) {
        auto former = place.pid.load();
        if (former != 0 && is_alive(place)) continue;
        if (!place.pid.compare_exchange_strong(former, -getpid())) continue;
        for (auto& streams : place.streams) streams = 0;
        place.waiting = 0;
        place.started = start_of(getpid());
        place.pid = getpid();
        return &place;
    }
    return nullptr;
}

// The index of a value in a list whose last element stands for all others.
template <class List, class Value>
std::size_t index_in(const List& list, const Value& value) {
    const auto found = std::find(list.begin(), list.end() - 1, value);
    return static_cast<std::size_t>(found - list.begin());
}

}  // namespace

void Histogram::record(std::chrono::steady_clock::duration time) {
    const auto us = static_cast<std::uint64_t>(
        std::chrono::duration_cast<std::chrono::microseconds>(time).count());
    const auto bound = std::lower_bound(bucket_bounds.begin(), bucket_bounds.end(), us);
    count(buckets[static_cast<std::size_t>(bound - bucket_bounds.begin())]);
    sum_us.fetch_add(us, std::memory_order_relaxed);
}

// All of its blocks are allocated: if the disk were full, the first count would kill the process.
void create(const std::string& run_dir, const std::vector<std::string>& endpoints) {
    if (endpoints.size() > std::tuple_size_v<decltype(Counters::endpoints)>)
        throw std::length_error("too many endpoints to count: enlarge metrics::Counters");
    const auto path = file_in(run_dir);
    if (unlink(path.c_str()) != 0 && errno != ENOENT) throw std::system_error(last_error(), path);
    const auto error = create_file(path, [](int fd) {
        if (const int code = posix_fallocate(fd, 0, sizeof(Counters)))
            return std::error_code{code, std::generic_category()};
        const bool is_written = pwrite(fd, version.data(), version.size(), 0) == sizeof version;
        return is_written ? std::error_code{} : last_error();
    });
    if (error) throw std::system_error(error, path);
    if (!map_to_count(run_dir)) throw std::system_error(last_error(), path);
    for (std::size_t i = 0; i < endpoints.size(); ++i) {
        auto& name = mapped->endpoints[i].name;
        endpoints[i].copy(name.data(), name.size() - 1);
    }
}

void open(const std::string& run_dir, std::string_view endpoint) {
    if (!map_to_count(run_dir)) return;
    own_endpoint = &endpoint_counters(endpoint);
    own_process = take_place();
}

void Unmap::operator()(const Counters* counters) const {
    munmap(const_cast<Counters*>(counters), sizeof *counters);
}

ReadableCounters read(const std::string& run_dir) {
    return ReadableCounters{map(run_dir, O_RDONLY, PROT_READ)};
}

Counters& counters() { return mapped ? *mapped : unread(); }

EndpointCounters& endpoint_counters() {
    return own_endpoint ? *own_endpoint : unread().endpoints.front();
}

ProcessGauges& process_gauges() { return own_process ? *own_process : unread().processes.front(); }

EndpointCounters& endpoint_counters(std::string_view name) {
    for (auto& endpoint : counters().endpoints)
        if (name == endpoint.name.data()) return endpoint;
    return unread().endpoints.front();
}

void count_request(std::string_view method, int status, std::chrono::steady_clock::duration time) {
    auto& endpoint = endpoint_counters();
    count(endpoint.requests[index_in(methods, method)][index_in(statuses, status)]);
    endpoint.seconds.record(time);
}

BatchTimer::~BatchTimer() {
    counters().batch_seconds.record(std::chrono::steady_clock::now() - began_);
}

bool is_alive(const ProcessGauges& process) {
    const auto pid = process.pid.load();
    if (pid == 0) return false;
    const auto started = start_of(std::abs(pid));
    return started != 0 && (pid < 0 || started == process.started);
}

}  // namespace metrics
