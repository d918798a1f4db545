#include "shared/net/resolve.hpp"

#include <dlfcn.h>
#include <netdb.h>

#include <atomic>
#include <semaphore>
#include <string_view>

#include "tests/support/expect.hpp"

using namespace std::chrono_literals;

namespace {

// Criterion runs each test in a process of its own.
struct Names {
    std::atomic<int> asked = 0;
    std::counting_semaphore<> gate{0};  // where "slow.test" waits
};
Names names;

const auto far_away = 20s;

Async<> keep(Async<std::vector<Host>> awaited, std::vector<Host>& hosts) {
    hosts = co_await std::move(awaited);
}

std::vector<Host> resolve(const std::string& url, std::chrono::milliseconds budget) {
    Loop loop{1};
    std::vector<Host> hosts;
    const auto named = parse_postgres_url(url).value().hosts;
    spawn(loop, keep(resolve_hosts(loop, named, Clock::now() + budget), hosts),
          [](const std::exception_ptr& failure) {
              cr_assert(!failure);
              names.gate.release();
          });
    loop.run();
    return hosts;
}

// Returns "name=address:port" for each host, separated by spaces.
std::string places(const std::string& url, std::chrono::milliseconds budget = far_away) {
    std::string text;
    for (const auto& [name, address, port] : resolve(url, budget))
        text.append(text.empty() ? "" : " ").append(name + "=" + address + ":" + port);
    return text;
}

}  // namespace

// Replaces the system's resolver: one.test has one address, two.test has two, and slow.test waits.
extern "C" int getaddrinfo(const char* node, const char* service, const addrinfo* hints,
                           addrinfo** result) {
    static const auto real =
        reinterpret_cast<decltype(&getaddrinfo)>(dlsym(RTLD_NEXT, "getaddrinfo"));
    const std::string_view name = node ? node : "";
    if (!name.ends_with(".test")) return real(node, service, hints, result);
    ++names.asked;
    if (name == "slow.test") names.gate.acquire();
    if (name == "none.test") return EAI_NONAME;
    const int code = real("127.0.0.1", service, hints, result);
    if (code != 0 || name != "two.test") return code;
    return real("127.0.0.2", service, hints, &(*result)->ai_next);
}

Test(resolve, finds_every_address_of_a_name) {
    EXPECT_TEXT(places("postgresql://user@one.test:5433/db"), "one.test=127.0.0.1:5433");
    EXPECT_TEXT(places("postgresql://two.test/db"), "two.test=127.0.0.1: two.test=127.0.0.2:");
}

Test(resolve, keeps_the_order_and_the_ports_of_several_hosts) {
    EXPECT_TEXT(places("postgresql://two.test:1,127.0.0.9:2,none.test:3,one.test:4/db"),
                "two.test=127.0.0.1:1 two.test=127.0.0.2:1 127.0.0.9=:2 one.test=127.0.0.1:4");
    EXPECT_TEXT(places("postgresql://one.test,127.0.0.9/db?port=7"),
                "one.test=127.0.0.1:7 127.0.0.9=:7");
    EXPECT_TEXT(places("postgresql://one.test:6,127.0.0.9/db"),
                "one.test=127.0.0.1:6 127.0.0.9=:5432");
}

Test(resolve, asks_nobody_where_there_is_no_name) {
    static constexpr struct {
        const char* url;
        const char* wanted;
    } cases[] = {
        {"postgresql://user@127.0.0.1:5432/db", "127.0.0.1=:5432"},
        {"postgresql://[::1]/db", "::1=:"},
        {"postgresql:///db?host=/run/postgresql", "/run/postgresql=:"},
        {"postgresql:///db", "=:"},
        {"postgresql://one.test/db?hostaddr=127.0.0.1", "one.test=127.0.0.1:"},
        {"postgresql://one.test,two.test/db?hostaddr=127.0.0.1,127.0.0.2",
         "one.test=127.0.0.1:5432 two.test=127.0.0.2:5432"},
    };
    for (const auto& [url, wanted] : cases) EXPECT_TEXT(places(url), wanted);
    cr_assert_eq(names.asked, 0);
}

Test(resolve, says_so_when_no_host_has_an_address) {
    EXPECT_TEXT(places("postgresql://none.test/db"), "");
}

Test(resolve, waits_no_longer_than_it_may) {
    EXPECT_TEXT(places("postgresql://slow.test/db", 1ms), "");
}
