#include "shared/db/resolve.hpp"

#include <dlfcn.h>
#include <netdb.h>

#include <atomic>
#include <semaphore>
#include <string_view>

#include "tests/support/expect.hpp"

namespace resolve_test {

using namespace std::chrono_literals;

namespace {

// Every test is a process of its own.
struct Names {
    std::atomic<int> asked = 0;
    std::counting_semaphore<> gate{0};  // where "slow.test" waits
};
Names names;

const auto far_away = 20s;

Async<> keep(Async<std::optional<Hosts>> awaited, std::optional<Hosts>& hosts) {
    const auto result = co_await std::move(awaited);
    hosts = result ? *result : Hosts{"nothing", "", ""};
}

Hosts resolve(const std::string& url, std::chrono::milliseconds budget = far_away) {
    Loop loop{1};
    std::optional<Hosts> hosts;
    spawn(loop, keep(resolve_hosts(loop, url, Clock::now() + budget), hosts),
          [](const std::exception_ptr& failure) {
              cr_assert(!failure);
              names.gate.release();
          });
    loop.run();
    return *hosts;
}

}  // namespace

// Takes the place of the resolver: one.test has one address, two.test two, slow.test waits.
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

Test(resolve, gives_libpq_every_address_of_a_name) {
    auto hosts = resolve("postgresql://user@one.test:5433/db");
    EXPECT_TEXT(hosts.names, "one.test");
    EXPECT_TEXT(hosts.addresses, "127.0.0.1");
    EXPECT_TEXT(hosts.ports, "5433");

    hosts = resolve("postgresql://two.test/db");
    EXPECT_TEXT(hosts.names, "two.test,two.test");
    EXPECT_TEXT(hosts.addresses, "127.0.0.1,127.0.0.2");
    EXPECT_TEXT(hosts.ports, ",");
}

Test(resolve, keeps_the_order_and_the_ports_of_several_hosts) {
    const auto hosts = resolve("postgresql://two.test:1,127.0.0.9:2,none.test:3,one.test:4/db");
    EXPECT_TEXT(hosts.names, "two.test,two.test,127.0.0.9,one.test");
    EXPECT_TEXT(hosts.addresses, "127.0.0.1,127.0.0.2,,127.0.0.1");
    EXPECT_TEXT(hosts.ports, "1,1,2,4");
}

Test(resolve, asks_nobody_where_there_is_no_name) {
    const char* urls[] = {
        "postgresql://user@127.0.0.1:5432/db",         "postgresql://[::1]/db",
        "postgresql:///db?host=/run/postgresql",       "postgresql:///db",
        "postgresql://one.test/db?hostaddr=127.0.0.1",
    };
    for (const char* url : urls) EXPECT_TEXT(resolve(url).names, "");
    cr_assert_eq(names.asked, 0);
}

Test(resolve, says_so_when_no_host_has_an_address) {
    EXPECT_TEXT(resolve("postgresql://none.test/db").names, "nothing");
}

Test(resolve, waits_no_longer_than_it_may) {
    EXPECT_TEXT(resolve("postgresql://slow.test/db", 1ms).names, "nothing");
}

}  // namespace resolve_test
