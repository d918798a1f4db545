#include "cli/postgres_tools.hpp"

#include <fcntl.h>
#include <libpq-fe.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <memory>
#include <stdexcept>
#include <vector>

#include "shared/config/config.hpp"
#include "shared/text.hpp"

namespace {

// The environment of this process, with the URL's parts in the variables of libpq.
std::vector<std::string> environment_for(const DatabaseUrl& url) {
    auto variables = environment_variables();
    const std::unique_ptr<PQconninfoOption, decltype(&PQconninfoFree)> options{
        PQconninfoParse(url.text.c_str(), nullptr), &PQconninfoFree};
    for (const auto* option = options.get(); option && option->keyword; ++option)
        if (option->val && option->envvar) variables[option->envvar] = option->val;
    std::vector<std::string> lines;
    lines.reserve(variables.size());
    for (const auto& [name, value] : variables)
        lines.push_back(std::string{name}.append("=").append(value));
    return lines;
}

std::vector<char*> pointers_to(std::vector<std::string>& texts) {
    std::vector<char*> pointers;
    pointers.reserve(texts.size() + 1);
    for (auto& text : texts) pointers.push_back(text.data());
    pointers.push_back(nullptr);
    return pointers;
}

// Runs a program and returns what it writes to stdout.
std::string run(std::vector<std::string> words, std::vector<std::string> environment) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) throw std::runtime_error("cannot create a pipe");
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
    pid_t pid = 0;
    const int code = posix_spawnp(&pid, words.front().c_str(), &actions, nullptr,
                                  pointers_to(words).data(), pointers_to(environment).data());
    posix_spawn_file_actions_destroy(&actions);
    close(ends[1]);
    std::string text;
    std::array<char, 4096> buffer;
    for (ssize_t count = 0; (count = read(ends[0], buffer.data(), buffer.size())) > 0;)
        text.append(buffer.data(), static_cast<std::size_t>(count));
    close(ends[0]);
    if (code == ENOENT)
        throw std::runtime_error(words.front() +
                                 " is not installed: apt-get install postgresql-client");
    if (code != 0) throw std::runtime_error("cannot run " + words.front() + ": " + strerror(code));
    int status = 0;
    if (waitpid(pid, &status, 0) != pid || status != 0)
        throw std::runtime_error(words.front() + " has failed");
    return text;
}

// As patterns of names: quoted, so that no character has a meaning.
std::string quoted(const std::string& name) {
    std::string pattern = "\"";
    for (const char c : name) pattern.append(c == '"' ? 2 : 1, c);
    return pattern + "\"";
}

std::vector<std::string> own_environment() { return environment_for(DatabaseUrl{}); }

}  // namespace

void dump_schema(const DatabaseUrl& url, const std::string& schema, const std::string& file) {
    run({"pg_dump", "--format=custom", "--no-owner", "--no-privileges", "--no-password",
         "--schema=" + quoted(schema), "--file=" + file},
        environment_for(url));
}

void check_archive(const std::string& file, const std::string& schema) {
    const auto list = run({"pg_restore", "--list", file}, own_environment());
    if (list.find(" TABLE " + schema + " schema_migrations ") == list.npos)
        throw std::runtime_error(file + " has no tables of this service in the schema " + schema);
    run({"pg_restore", "--file=/dev/null", file}, own_environment());
}

void restore_schema(const DatabaseUrl& url, const std::string& schema, const std::string& file) {
    // The empty URL stands for the database in the environment.
    run({"pg_restore", "--dbname=postgresql://", "--exit-on-error", "--single-transaction",
         "--no-owner", "--no-privileges", "--no-password", "--schema=" + schema, file},
        environment_for(url));
}
