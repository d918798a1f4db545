// `make install`, the manual pages, the completion of bash, and what systemd is told.
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstddef>
#include <cstring>
#include <filesystem>

#include "tests/support/stack/stack.hpp"

namespace {

namespace fs = std::filesystem;

Finished shell(const std::string& command) {
    return run_command({"/bin/bash", "-c", command}, base_variables());
}

std::string done(const Finished& finished) {
    cr_assert_eq(finished.status, 0, "%s%s", finished.output.c_str(), finished.errors.c_str());
    return finished.output;
}

// What bash offers after these words.
std::string offers(const std::string& words) {
    return done(shell("steelthread() { " + built("steelthread") +
                      " \"$@\"; }; . <(steelthread completion); COMP_WORDS=(" + words +
                      "); COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); _steelthread; "
                      "echo ${COMPREPLY[@]}"));
}

// A datagram socket, as systemd has one.
class NotifySocket {
public:
    explicit NotifySocket(std::string name) : name_(std::move(name)) {
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        std::memcpy(address.sun_path, name_.data(), name_.size());
        if (name_.front() == '@') address.sun_path[0] = '\0';
        fd_ = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        cr_assert_eq(bind(fd_, reinterpret_cast<const sockaddr*>(&address),
                          static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name_.size())),
                     0);
    }
    ~NotifySocket() { close(fd_); }
    NotifySocket(const NotifySocket&) = delete;
    NotifySocket& operator=(const NotifySocket&) = delete;

    const std::string& name() const { return name_; }

    void expect(const std::string& state) {
        std::string got;
        wait_until(state.c_str(), [&] {
            char text[256];
            const auto size = recv(fd_, text, sizeof text, 0);
            if (size > 0) got.assign(text, static_cast<std::size_t>(size));
            return size > 0;
        });
        cr_expect(got.starts_with(state), "%s instead of %s", got.c_str(), state.c_str());
    }

private:
    std::string name_;
    int fd_ = -1;
};

void tell_service_manager(const std::string& name) {
    NotifySocket socket{name};
    Stack stack{Engine::sqlite, {{"NOTIFY_SOCKET", socket.name()}}};
    socket.expect("READY=1");
    kill(stack.supervisor(), SIGHUP);
    socket.expect("RELOADING=1\nMONOTONIC_USEC=");
    socket.expect("READY=1");
    for (const auto pid : stack.descendants()) {
        const auto environment = read_text("/proc/" + std::to_string(pid) + "/environ");
        cr_expect(environment.find("NOTIFY_SOCKET") == environment.npos);
    }
    cr_expect_eq(stack.stop(), 0);
    socket.expect("STOPPING=1");
}

}  // namespace

// The installed program finds its handlers and templates, wherever it is.
Test(install, works_where_it_is_installed) {
    const auto folder = test_variable("TEST_DIR") + "/install_" + std::to_string(getpid());
    const auto make =
        "make -o build BUILD=" + fs::path{built("steelthread")}.parent_path().string() +
        " DESTDIR=" + folder + " PREFIX=/opt/st ";
    done(shell(make + "install"));
    const auto program = folder + "/opt/st/bin/steelthread";
    auto variables = service_variables("sqlite:///./x.db", folder + "/run");
    variables["PORT"] = std::to_string(free_port());
    done(run_command({program, "migrate", "up"}, variables));
    const auto doctor = done(run_command({program, "doctor"}, variables));
    const auto handlers = std::to_string(all_handlers().size()) + " handlers";
    cr_expect(doctor.find(handlers + " and the templates in " + folder +
                          "/opt/st/share/steelthread/nginx\n") != doctor.npos,
              "%s", doctor.c_str());
    const Background service{{program, "run"}, variables, folder + "/log"};
    Client client{std::stoi(variables["PORT"])};
    wait_until("it serves", [&] { return client.send({.path = "/healthz"}).status == 200; });
    cr_expect_eq(client.send({.path = "/docs"}).status, 200);
    done(shell(make + "uninstall"));
    for (const auto& file : fs::recursive_directory_iterator{folder + "/opt"})
        cr_expect(!file.is_regular_file(), "%s is left", file.path().c_str());
}

Test(install, manual_pages_are_sound) {
    for (const char* section : {"1", "5"}) {
        const auto page = done(shell(built("steelthread") + " man " + section));
        const auto file = test_variable("TEST_DIR") + "/page." + section;
        done(shell(built("steelthread") + " man " + section + " > " + file));
        const auto faults = shell("mandoc -Tlint -Werror " + file);
        cr_expect_eq(faults.status, 0, "%s", faults.output.c_str());
        const auto text = done(shell("mandoc -Tutf8 " + file + " | sed 's/.\\x08//g'"));
        for (const char* word : {*section == '1' ? "migrate down" : "DATABASE_URL",
                                 *section == '1' ? "backup FILE" : "EVENTS_KEEP=off"})
            cr_expect(text.find(word) != text.npos, "%s: %s", word, text.c_str());
    }
}

Test(install, bash_completes_commands) {
    EXPECT_TEXT(offers("steelthread re"), "restart restore\n");
    EXPECT_TEXT(offers("steelthread migrate ''"), "up down --yes --force status --help\n");
    EXPECT_TEXT(offers("steelthread user d"), "disable delete\n");
    EXPECT_TEXT(offers("steelthread restart task"), "task task_complete tasks tasks_batch\n");
    EXPECT_TEXT(offers("steelthread backup Makef"), "Makefile\n");
    EXPECT_TEXT(offers("steelthread help doc"), "doctor\n");
    EXPECT_TEXT(offers("steelthread nothing ''"), "\n");
}

Test(install, a_mistyped_word_gets_a_suggestion) {
    const std::pair<std::string, std::string> cases[] = {
        {"rnu", "unknown command \"rnu\": did you mean \"run\"?"},
        {"migrat up", "unknown command \"migrat\": did you mean \"migrate\"?"},
        {"migrate down --froce", "migrate: unknown option \"--froce\": did you mean \"--force\"?"},
        {"prune --jobs-older-then=7d",
         "prune: unknown option \"--jobs-older-then=7d\": did you mean \"--jobs-older-than\"?"},
        {"xyzzy", "unknown command \"xyzzy\""},
    };
    for (const auto& [words, message] : cases) {
        const auto refused = shell(built("steelthread") + " " + words);
        cr_expect_eq(refused.status, 64);
        EXPECT_TEXT(refused.errors, "steelthread: " + message + "\nsee `steelthread help`\n");
    }
}

Test(install, systemd_is_told_over_a_path) {
    tell_service_manager(test_variable("TEST_DIR") + "/notify_" + std::to_string(getpid()));
}
Test(install, systemd_is_told_over_an_abstract_socket) {
    tell_service_manager("@steelthread-test-" + std::to_string(getpid()));
}
