#include "shared/server/server.hpp"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <csignal>

#include "tests/support/expect.hpp"
#include "tests/support/no_database.hpp"

namespace {

// Stops after `expected` connections. Until then each connection is ready in every turn of the
// loop, like clients that send the next request at once.
class BusyServer final : public Server {
public:
    BusyServer(int listener, Loop& loop, Context& context, std::size_t expected)
        : Server{listener, loop, context}, expected_(expected) {
        start(count_turns());
    }

    std::size_t accepted() const { return accepted_; }
    std::size_t turns() const { return turns_; }

private:
    bool goes_on() const { return accepted_ < expected_ && turns_ < 10 * expected_; }

    Async<> count_turns() {
        for (; goes_on(); ++turns_) co_await next_turn();
        kill(getpid(), SIGTERM);
    }

    Async<> serve(Socket) override {
        ++accepted_;
        while (goes_on()) co_await next_turn();
    }

    std::size_t expected_;
    std::size_t accepted_ = 0;
    std::size_t turns_ = 0;
};

}  // namespace

Test(server, a_burst_of_connections_is_accepted_within_a_few_turns_of_the_loop) {
    const int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;  // bind() to a name that the kernel chooses
    cr_assert_eq(bind(listener, reinterpret_cast<sockaddr*>(&address), sizeof(sa_family_t)), 0);
    cr_assert_eq(listen(listener, 4096), 0);
    socklen_t size = sizeof address;
    cr_assert_eq(getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size), 0);
    std::vector<int> clients;
    for (int i = 0; i < 256; ++i) {
        clients.push_back(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
        cr_assert_eq(connect(clients.back(), reinterpret_cast<sockaddr*>(&address), size), 0);
    }

    Loop loop{1};
    ContextWithoutDatabase without;
    BusyServer server{listener, loop, without.context, clients.size()};
    server.run();
    for (const int client : clients) close(client);
    cr_expect_eq(server.accepted(), clients.size());
    cr_expect_leq(server.turns(), clients.size() / 4, "%zu turns", server.turns());
}
