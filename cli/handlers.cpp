#include "cli/handlers.hpp"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <set>
#include <stdexcept>
#include <string>

#include "cli/layout.hpp"
#include "shared/json/reader.hpp"

namespace {

namespace fs = std::filesystem;

// Runs an executable and returns what it writes to stdout.
std::string output_of(const fs::path& executable, const char* option) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) throw std::runtime_error("cannot create a pipe");
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
    const std::string path = executable.string();
    const char* const words[] = {path.c_str(), option, nullptr};
    pid_t pid = 0;
    const int code = posix_spawn(&pid, path.c_str(), &actions, nullptr,
                                 const_cast<char* const*>(words), environ);
    posix_spawn_file_actions_destroy(&actions);
    close(ends[1]);
    std::string text;
    std::array<char, 4096> buffer;
    for (ssize_t count = 0; (count = read(ends[0], buffer.data(), buffer.size())) > 0;)
        text.append(buffer.data(), static_cast<std::size_t>(count));
    close(ends[0]);
    int status = 0;
    if (code != 0 || waitpid(pid, &status, 0) != pid || status != 0)
        throw std::runtime_error("cannot run " + path);
    return text;
}

}  // namespace

std::vector<fs::path> handler_executables() {
    const auto folder = handlers_folder();
    std::vector<fs::path> found;
    for (const auto& file : fs::directory_iterator{folder})
        if (file.is_regular_file() && access(file.path().c_str(), X_OK) == 0)
            found.push_back(file.path());
    std::sort(found.begin(), found.end());
    if (found.empty()) throw std::runtime_error("no handlers in " + folder.string());
    return found;
}

std::vector<rapidjson::Document> describe_handlers() {
    std::vector<rapidjson::Document> found;
    std::set<std::string> paths;
    for (const auto& executable : handler_executables()) {
        auto described = json::parse(output_of(executable, "--describe"));
        const std::string path{json::text_of(described["path"])};
        if (!paths.insert(path).second) throw std::runtime_error("two handlers declare " + path);
        found.push_back(std::move(described));
    }
    return found;
}
