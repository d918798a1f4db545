#include "tests/support/forked_server.hpp"

#include <criterion/criterion.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>

#include "tests/support/ports.hpp"

namespace {

// An exception must not propagate into the forked copy of the test.
[[noreturn]] void run(const std::function<void(int listener)>& serve, int listener) noexcept {
    serve(listener);
    _exit(EXIT_SUCCESS);
}

}  // namespace

ForkedServer::ForkedServer(const std::function<void(int listener)>& serve) : port_(free_port()) {
    const int listener = listen_on_port(port_);
    const pid_t parent = getpid();
    pid_ = fork();
    cr_assert_geq(pid_, 0);
    if (pid_ > 0) {
        close(listener);
        return;
    }
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(EXIT_FAILURE);
    // Otherwise a copy of the test's descriptors would keep its connections open.
    close_range(STDERR_FILENO + 1, static_cast<unsigned>(listener) - 1, 0);
    close_range(static_cast<unsigned>(listener) + 1, ~0U, 0);
    run(serve, listener);
}

ForkedServer::~ForkedServer() {
    int status = 0;
    kill(pid_, SIGTERM);
    waitpid(pid_, &status, 0);
    cr_expect(status == 0, "the server ended with status %#x", static_cast<unsigned>(status));
}
