#include "tests/support/stack/cluster.hpp"

#include <libpq-fe.h>
#include <signal.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>

#include "tests/support/stack/stack.hpp"

Cluster::Cluster() : folder_(test_variable("TEST_DIR") + "/cluster_" + std::to_string(getpid())) {
    url_ = run({"start"});
}

Cluster::Cluster(const Cluster& primary, const std::string& name)
    : folder_(primary.folder_ + "_" + name) {
    url_ = run({"standby", primary.url()});
}

Cluster::~Cluster() {
    if (std::filesystem::exists(folder_ + "/data/postmaster.pid")) signal(SIGCONT);
    run({"stop"});
}

void Cluster::restart() const {
    const pid_t before = postmaster();
    run({"restart"});
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

std::string Cluster::execute(const std::string& sql) const {
    const PgConnection connection{PQconnectdb(url_.c_str())};
    const std::unique_ptr<PGresult, decltype(&PQclear)> result{
        PQexec(connection.get(), sql.c_str()), &PQclear};
    const auto status = PQresultStatus(result.get());
    cr_assert(status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK, "%s: %s", sql.c_str(),
              PQerrorMessage(connection.get()));
    return PQntuples(result.get()) > 0 ? PQgetvalue(result.get(), 0, 0) : "";
}

std::string Cluster::run(const std::vector<std::string>& words) const {
    std::vector<std::string> command{std::filesystem::absolute("tests/support/postgres"), folder_};
    command.insert(command.end(), words.begin(), words.end());
    auto finished = run_command(command, base_variables());
    cr_assert(finished.status == 0, "%s: %s", words.front().c_str(), finished.errors.c_str());
    if (!finished.output.empty()) finished.output.pop_back();
    return finished.output;
}
