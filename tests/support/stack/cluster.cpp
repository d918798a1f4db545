#include "tests/support/stack/cluster.hpp"

#include <signal.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "tests/support/stack/stack.hpp"

Cluster::Cluster() : folder_(test_variable("TEST_DIR") + "/cluster_" + std::to_string(getpid())) {
    url_ = run("start");
}

Cluster::~Cluster() {
    signal(SIGCONT);
    run("stop");
}

void Cluster::restart() const {
    const pid_t before = postmaster();
    run("restart");
    cr_assert_neq(postmaster(), before, "nothing was restarted");
}

void Cluster::signal(int number) const {
    const pid_t parent = postmaster();
    kill(parent, number);
    const auto task = "/proc/" + std::to_string(parent) + "/task/";
    std::ifstream children{task + std::to_string(parent) + "/children"};
    for (pid_t child = 0; children >> child;) kill(child, number);
}

pid_t Cluster::postmaster() const {
    const pid_t pid = std::atoi(read_text(folder_ + "/data/postmaster.pid").c_str());
    cr_assert(pid > 0, "no postmaster in %s", folder_.c_str());
    return pid;
}

std::string Cluster::run(const std::string& verb) const {
    const auto script = std::filesystem::absolute("tests/support/postgres").string();
    auto finished = run_command({script, folder_, verb}, base_variables());
    cr_assert(finished.status == 0, "%s: %s", verb.c_str(), finished.errors.c_str());
    if (!finished.output.empty()) finished.output.pop_back();
    return finished.output;
}
