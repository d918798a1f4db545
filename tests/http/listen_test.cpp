// One handler alone: HANDLER --listen ADDRESS.
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "shared/exit_status.hpp"
#include "tests/support/ports.hpp"
#include "tests/support/stack/stack.hpp"

namespace {

namespace fs = std::filesystem;

struct Fixture {
    Fixture() {
        fs::create_directories(folder);
        variables = service_variables(database.url(), folder + "/run");
    }

    const TestDatabase database{Engine::sqlite};
    const std::string folder = test_variable("TEST_DIR") + "/listen_" + std::to_string(getpid());
    const std::string socket = folder + "/x.sock";
    Variables variables;

    std::unique_ptr<Background> start(const std::string& handler,
                                      const std::string& address) const {
        return std::make_unique<Background>(
            std::vector<std::string>{built("handlers/" + handler), "--listen", address}, variables,
            folder + "/log");
    }

    Finished refused(const std::string& address) const {
        return run_command({built("handlers/healthz"), "--listen", address}, variables);
    }
};

// Asks over FastCGI.
std::string answer(const std::string& address) {
    auto variables = base_variables();
    variables["REQUEST_METHOD"] = "GET";
    variables["REQUEST_URI"] = "/healthz";
    return run_command({"/usr/bin/cgi-fcgi", "-bind", "-connect", address}, variables).output;
}

bool is_ready(const std::string& address) {
    return answer(address).find("{\"status\":\"ok\"}") != std::string::npos;
}

}  // namespace

Test(listen, serves_on_a_unix_socket) {
    const Fixture fixture;
    {
        const auto handler = fixture.start("healthz", "unix:" + fixture.socket);
        wait_until("it answers", [&] { return is_ready(fixture.socket); });
        struct stat status {};
        cr_assert_eq(stat(fixture.socket.c_str(), &status), 0);
        cr_expect_eq(status.st_mode & 0777, 0660U);
        const auto second = fixture.refused("unix:" + fixture.socket);
        cr_expect_eq(second.status, 1);
        cr_expect(second.errors.find("another process is listening there") != std::string::npos,
                  "%s", second.errors.c_str());
        cr_expect(is_ready(fixture.socket));
    }
    // It was killed, so its socket is still there, and is replaced.
    cr_assert(fs::exists(fixture.socket));
    const auto handler = fixture.start("healthz", "unix:" + fixture.socket);
    wait_until("it answers again", [&] { return is_ready(fixture.socket); });
}

Test(listen, serves_on_a_port) {
    const Fixture fixture;
    const auto address = "127.0.0.1:" + std::to_string(free_port());
    const auto handler = fixture.start("healthz", address);
    wait_until("it answers", [&] { return is_ready(address); });
    const auto second = fixture.refused(address);
    cr_expect_eq(second.status, 1);
    cr_expect(second.errors.find("cannot listen on " + address + ": Address already in use") !=
                  std::string::npos,
              "%s", second.errors.c_str());
}

// A WebSocket begins with HTTP.
Test(listen, serves_web_sockets) {
    const Fixture fixture;
    const auto port = free_port();
    const auto handler = fixture.start("ws", "127.0.0.1:" + std::to_string(port));
    const auto url = "http://127.0.0.1:" + std::to_string(port) + "/ws";
    wait_until("it answers", [&] {
        return run_command({"/usr/bin/curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", url},
                           base_variables())
                   .output == "400";  // no handshake
    });
}

Test(listen, removes_its_socket_when_it_stops) {
    const Fixture fixture;
    const auto finished =
        run_command({"/bin/sh", "-c",
                     built("handlers/healthz") + " --listen unix:" + fixture.socket +
                         " & pid=$!; while ! test -S " + fixture.socket +
                         "; do sleep 0.01; done; "
                         "REQUEST_METHOD=GET REQUEST_URI=/healthz cgi-fcgi -bind -connect " +
                         fixture.socket + " >/dev/null; kill $pid; wait $pid"},
                    fixture.variables);
    cr_expect_eq(finished.status, 0, "%s", finished.errors.c_str());
    cr_expect(!fs::exists(fixture.socket));
}

Test(listen, names_what_is_wrong) {
    const Fixture fixture;
    const std::string file = fixture.folder + "/file";
    std::ofstream{file} << "kept";
    const std::pair<std::string, std::string> cases[] = {
        {"unix:" + file, "cannot listen on " + file + ": there is a file that is no socket"},
        {"unix:/none/x.sock", "cannot listen on /none/x.sock: No such file or directory"},
        {"unix:/" + std::string(120, 'x'), "the path has more than 107 bytes"},
    };
    for (const auto& [address, message] : cases) {
        const auto refused = fixture.refused(address);
        cr_expect_eq(refused.status, 1);
        cr_expect(refused.errors.find(message) != std::string::npos, "%s", refused.errors.c_str());
    }
    EXPECT_TEXT(read_text(file), "kept");
    for (const char* address :
         {"", "unix:", "9000", ":9000", "localhost:9000", "127.0.0.1", "::1:80"}) {
        const auto refused = fixture.refused(address);
        cr_expect_eq(refused.status, exit_usage);
        EXPECT_TEXT(refused.errors,
                    std::string{"healthz: --listen needs unix:/path or address:port, not \""} +
                        address + "\"\nsee `healthz --help`\n");
    }
}

// The image of one handler starts it by a link.
Test(listen, a_symbolic_link_does_not_rename_the_endpoint) {
    const Fixture fixture;
    const auto link = fixture.folder + "/handler";
    fs::create_symlink(fs::absolute(built("handlers/healthz")), link);
    const auto by_link = run_command({link, "--help"}, base_variables());
    EXPECT_TEXT(by_link.output.substr(0, by_link.output.find('\n')), "healthz answers /healthz");
    auto variables = base_variables();
    variables["PATH"] = fs::absolute(built("handlers")).string() + ":" + variables["PATH"];
    const auto by_path = run_command({"/usr/bin/env", "healthz", "--help"}, variables);
    EXPECT_TEXT(by_path.output, by_link.output);
}
