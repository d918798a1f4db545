#include "cli/run_dir.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <system_error>

#include "shared/auth/rate_table.hpp"

namespace {

namespace fs = std::filesystem;

constexpr const char* pid_file = "supervisor.pid";
constexpr int backlog = 4096;

[[noreturn]] void fail(const std::string& what) {
    throw std::system_error(errno, std::generic_category(), what);
}

}  // namespace

void enter_run_dir(Config& config) {
    auto folder = fs::absolute(config.run_dir).lexically_normal();
    if (!folder.has_filename()) folder = folder.parent_path();
    fs::create_directories(folder);
    // Nobody else's to enter, unless it is a shared folder such as /tmp.
    struct stat status {};
    if (stat(folder.c_str(), &status) == 0 && status.st_uid == geteuid() &&
        !(status.st_mode & S_ISVTX))
        fs::permissions(folder, fs::perms::owner_all);
    if (!config.jwks_file.empty()) setenv("JWKS_FILE", fs::absolute(config.jwks_file).c_str(), 1);
    fs::current_path(folder);
    config.run_dir = folder;
    setenv("RUN_DIR", folder.c_str(), 1);

    // The descriptor stays open: the lock is the process's. The file stays too, because a lock on a
    // removed file keeps nobody out.
    const int fd = open(pid_file, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0644);
    if (fd < 0) fail((folder / pid_file).string());
    if (flock(fd, LOCK_EX | LOCK_NB) != 0)
        throw std::runtime_error("another steelthread runs in " + folder.string());
    const auto pid = std::to_string(getpid()) + "\n";
    if (ftruncate(fd, 0) != 0 || write(fd, pid.data(), pid.size()) < 0) fail(pid_file);

    // Nobody uses it, and it may be damaged or of another version.
    fs::remove(rate_table_file);
    for (const char* name : {"sockets", "restart", "temporary"}) {
        fs::create_directories(name);
        fs::permissions(name, fs::perms::owner_all);
    }
}

pid_t supervisor_of(const std::string& run_dir) {
    const auto path = fs::path{run_dir} / pid_file;
    const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0) return 0;
    const bool is_locked = flock(fd, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
    close(fd);
    pid_t pid = 0;
    if (is_locked) std::ifstream{path} >> pid;
    return pid;
}

int listen_on(const std::string& endpoint) {
    const auto path = "sockets/" + endpoint + ".sock";
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof address.sun_path)
        throw std::runtime_error("the name of " + endpoint + " is too long for a socket");
    std::memcpy(address.sun_path, path.c_str(), path.size());
    unlink(path.c_str());
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) fail(path);
    if (chmod(path.c_str(), 0660) != 0 || listen(fd, backlog) != 0) fail(path);
    return fd;
}
