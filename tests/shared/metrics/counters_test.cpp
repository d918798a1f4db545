#include "shared/metrics/counters.hpp"

#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <stdexcept>

#include "shared/error.hpp"
#include "tests/support/expect.hpp"
#include "tests/support/folder.hpp"

using namespace std::chrono_literals;

namespace {

// Runs in a process of its own, which then kills itself.
template <class Work>
void in_killed_process(Work work) {
    const pid_t pid = fork();
    if (pid == 0) {
        work();
        kill(getpid(), SIGKILL);
    }
    int status = 0;
    waitpid(pid, &status, 0);
    cr_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

std::uint64_t requests(const metrics::EndpointCounters& endpoint) {
    std::uint64_t sum = 0;
    for (const auto& of_method : endpoint.requests)
        for (const auto& count : of_method) sum += count;
    return sum;
}

long living(const metrics::Counters& counters) {
    return std::count_if(counters.processes.begin(), counters.processes.end(), metrics::is_alive);
}

}  // namespace

Test(counters, survive_the_process_that_counts) {
    const Folder folder;
    metrics::create(folder.path(), {"tasks", "task"});
    for (int i = 0; i < 3; ++i)
        in_killed_process([&] {
            metrics::open(folder.path(), "task");
            const metrics::Present stream{metrics::Stream::sse};
            for (int n = 0; n < 5; ++n) metrics::count_request("GET", 200, 3ms);
            metrics::count(metrics::Limit::writes);
        });
    const auto counters = metrics::read(folder.path());
    cr_assert(counters != nullptr);
    cr_expect_eq(requests(counters->endpoints[0]), 0);
    cr_expect_eq(requests(counters->endpoints[1]), 15);
    EXPECT_TEXT(counters->endpoints[1].name.data(), "task");
    cr_expect_eq(counters->endpoints[1].seconds.sum_us, 45'000);
    cr_expect_eq(counters->limited[1], 3);
    cr_expect_eq(living(*counters), 0);
}

// A place of a process that has ended is used again, with gauges of 0.
Test(counters, know_the_processes_that_live) {
    const Folder folder;
    metrics::create(folder.path(), {"tasks"});
    for (int i = 0; i < 300; ++i)
        in_killed_process([&] {
            metrics::open(folder.path(), "tasks");
            ++metrics::process_gauges().waiting;
        });
    metrics::open(folder.path(), "tasks");
    const metrics::Present stream{metrics::Stream::websocket};
    const auto counters = metrics::read(folder.path());
    cr_assert_eq(living(*counters), 1);
    const auto place =
        std::find_if(counters->processes.begin(), counters->processes.end(), metrics::is_alive);
    cr_expect_eq(place->pid, getpid());
    cr_expect_eq(place->waiting, 0);
    cr_expect_eq(place->streams[0], 0);
    cr_expect_eq(place->streams[1], 1);
}

Test(counters, bound_what_clients_can_name) {
    const Folder folder;
    metrics::create(folder.path(), {"tasks"});
    metrics::open(folder.path(), "tasks");
    for (const char* method : {"get", "BREW", "", "GET\n"})
        metrics::count_request(method, 200, 1ms);
    for (const int status : {0, -1, 299, 599, 1000}) metrics::count_request("GET", status, 1ms);
    const auto& endpoint = metrics::endpoint_counters();
    cr_expect_eq(endpoint.requests.back()[1], 4);
    cr_expect_eq(endpoint.requests.front().back(), 5);
    cr_expect_eq(requests(endpoint), 9);
}

Test(counters, name_every_status_of_an_error) {
    for (const auto& error : error_registry())
        cr_expect(std::find(metrics::statuses.begin(), metrics::statuses.end(), error.status) !=
                      metrics::statuses.end(),
                  "%d", error.status);
}

Test(counters, put_times_into_buckets) {
    metrics::Histogram histogram{};
    for (const auto time : {0us, 500us, 501us, 10'000'000us, 10'000'001us}) histogram.record(time);
    cr_expect_eq(histogram.buckets[0], 2);
    cr_expect_eq(histogram.buckets[1], 1);
    cr_expect_eq(histogram.buckets[13], 1);
    cr_expect_eq(histogram.buckets[14], 1);
}

// A handler that runs alone, or beside another release, counts where nobody reads.
Test(counters, do_without_a_file_that_fits) {
    const Folder folder;
    const auto counts_nowhere = [&] {
        metrics::open(folder.path(), "tasks");
        metrics::count_request("GET", 200, 1ms);
        return metrics::read(folder.path()) == nullptr;
    };
    const auto file = folder.path("metrics");
    cr_expect(counts_nowhere(), "no file");
    std::ofstream{file} << "short";
    cr_expect(counts_nowhere(), "short");
    metrics::create(folder.path(), {"tasks"});
    chmod(file.c_str(), 0644);
    cr_expect(counts_nowhere(), "others can read it");
    metrics::create(folder.path(), {"tasks"});
    std::fstream{file, std::ios::in | std::ios::out | std::ios::binary} << "metrics 0";
    cr_expect(counts_nowhere(), "another version");
    const Folder elsewhere;
    metrics::create(elsewhere.path(), {"tasks"});
    unlink(file.c_str());
    cr_assert_eq(symlink(elsewhere.path("metrics").c_str(), file.c_str()), 0);
    cr_expect(counts_nowhere(), "a link");
}

Test(counters, begin_anew_with_each_service) {
    const Folder folder;
    metrics::create(folder.path(), {"tasks"});
    metrics::open(folder.path(), "tasks");
    metrics::count_request("GET", 200, 1ms);
    const auto former = metrics::read(folder.path());
    metrics::create(folder.path(), {"tasks"});
    cr_expect_eq(requests(metrics::read(folder.path())->endpoints[0]), 0);
    cr_expect_eq(requests(former->endpoints[0]), 1);
}

Test(counters, have_room_for_so_many_endpoints) {
    const Folder folder;
    cr_expect(throws<std::length_error>(
        [&] { metrics::create(folder.path(), std::vector<std::string>(129, "tasks")); }));
    metrics::create(folder.path(), {"tasks"});
    metrics::open(folder.path(), "unknown");
    metrics::count_request("GET", 200, 1ms);
    const auto counters = metrics::read(folder.path());
    for (const auto& endpoint : counters->endpoints) cr_expect_eq(requests(endpoint), 0);
}
