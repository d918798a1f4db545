#include "cli/run_dir.hpp"

#include <fcntl.h>
#include <grp.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <stdexcept>
#include <system_error>
#include <vector>

#include "shared/limits/rate_table.hpp"
#include "shared/own_file.hpp"
#include "shared/run_dir.hpp"

namespace {

namespace fs = std::filesystem;

constexpr const char* pid_file = "supervisor.pid";
constexpr int backlog = 4096;

[[noreturn]] void fail(const std::string& what, int reason = errno) {
    throw std::runtime_error(what + ": " + std::strerror(reason));
}

[[noreturn]] void fail_in_place_of_file(const std::string& path) {
    const int reason = errno;
    const auto name = fs::absolute(path).string();
    if (std::error_code error; fs::is_directory(fs::symlink_status(path, error)))
        throw std::runtime_error(name + " is a folder but must be a file: remove it");
    fail("cannot write " + name, reason);
}

void remove_file(const std::string& path) {
    if (unlink(path.c_str()) != 0 && errno != ENOENT) fail_in_place_of_file(path);
}

void rename_over(const std::string& from, const std::string& to) {
    if (rename(from.c_str(), to.c_str()) != 0) fail_in_place_of_file(to);
}

}  // namespace

void enter_run_dir(Config& config) {
    const auto folder = claim_run_dir(config.run_dir);
    if (!config.jwks_file.empty()) setenv("JWKS_FILE", fs::absolute(config.jwks_file).c_str(), 1);
    fs::current_path(folder);
    config.run_dir = folder;
    setenv("RUN_DIR", folder.c_str(), 1);

    // The descriptor stays open, because closing it would release the lock. The file is never
    // removed, because a second process could then lock a new one.
    const int fd = open(pid_file, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0644);
    if (fd < 0) fail_in_place_of_file(pid_file);
    if (!is_own_file(fd))
        throw std::runtime_error(fs::absolute(pid_file).string() +
                                 " is not a regular file owned by this user: remove it");
    if (flock(fd, LOCK_EX | LOCK_NB) != 0)
        throw std::runtime_error("another service is running in " + folder);
    const auto pid = std::to_string(getpid()) + "\n";
    if (ftruncate(fd, 0) != 0 || write(fd, pid.data(), pid.size()) < 0) fail(pid_file);

    // No process uses it now, and it may be damaged or written by another version.
    remove_file(rate_table_file);
    for (const char* name : {"sockets", "restart", "temporary"}) make_folder(name);
}

pid_t supervisor_of(const std::string& run_dir) {
    const auto path = fs::path{run_dir} / pid_file;
    const int fd = open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0) return 0;
    const bool is_locked = flock(fd, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
    char text[32];
    const auto size = is_locked ? read(fd, text, sizeof text) : 0;
    pid_t pid = 0;
    if (size > 0) std::from_chars(text, text + size, pid);
    // A user who can write to the file must not be able to name another user's process.
    struct stat file {};
    struct stat process {};
    const bool is_theirs = fstat(fd, &file) == 0 &&
                           stat(("/proc/" + std::to_string(pid)).c_str(), &process) == 0 &&
                           process.st_uid == file.st_uid;
    close(fd);
    return is_theirs ? pid : 0;
}

pid_t require_supervisor(const std::string& run_dir) {
    const pid_t supervisor = supervisor_of(run_dir);
    if (supervisor <= 0)
        throw std::runtime_error("no service is running in " + fs::absolute(run_dir).string() +
                                 ": set RUN_DIR to the folder of the service");
    return supervisor;
}

void refuse_second(const std::string& run_dir) {
    if (supervisor_of(run_dir) != 0)
        throw std::runtime_error("another service is running in " +
                                 fs::absolute(run_dir).lexically_normal().string());
}

gid_t socket_group(const Config& config) {
    const auto* const found = getgrnam(config.socket_group.c_str());
    if (!found) throw ConfigError("SOCKET_GROUP: there is no group " + config.socket_group);
    if (geteuid() == 0 || getegid() == found->gr_gid) return found->gr_gid;
    std::vector<gid_t> groups(static_cast<std::size_t>(std::max(getgroups(0, nullptr), 0)));
    const int count = getgroups(static_cast<int>(groups.size()), groups.data());
    if (count < 0 || std::find(groups.begin(), groups.end(), found->gr_gid) == groups.end())
        throw ConfigError("SOCKET_GROUP: the user of the service must be a member of " +
                          config.socket_group + ": `usermod -a -G " + config.socket_group +
                          " USER`, and start the service anew");
    return found->gr_gid;
}

void open_to_socket_group(const Config& config) {
    if (config.socket_group.empty()) return;
    const auto group = socket_group(config);
    const auto open_up = [&](const fs::path& path, mode_t mode) {
        if (chown(path.c_str(), static_cast<uid_t>(-1), group) != 0 ||
            chmod(path.c_str(), mode) != 0)
            fail("cannot give " + fs::absolute(path).string() + " to " + config.socket_group);
    };
    for (const char* folder : {".", "sockets", "public"}) open_up(folder, 0710);
    for (const auto& socket : fs::directory_iterator{"sockets"}) open_up(socket.path(), 0660);
    for (const auto& file : fs::directory_iterator{"public"})
        if (!file.is_symlink()) open_up(file.path(), 0640);
}

int listen_on(const std::string& endpoint) {
    const auto path = "sockets/" + endpoint + ".sock";
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof address.sun_path)
        throw std::runtime_error("the name of " + endpoint + " is too long for a socket");
    std::memcpy(address.sun_path, path.c_str(), path.size());
    remove_file(path);
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) fail(path);
    if (chmod(path.c_str(), 0660) != 0 || listen(fd, backlog) != 0) fail(path);
    return fd;
}

void make_file(const std::string& path, const std::string& text) {
    int fd = -1;
    do {  // two requests for the same restart create the same file
        remove_file(path);
        fd = open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    } while (fd < 0 && errno == EEXIST);
    if (fd < 0) fail_in_place_of_file(path);
    std::size_t done = 0;
    ssize_t count = 0;
    while (done < text.size() && (count = write(fd, text.data() + done, text.size() - done)) > 0)
        done += static_cast<std::size_t>(count);
    const int reason = errno;
    close(fd);
    if (done < text.size()) fail("cannot write " + fs::absolute(path).string(), reason);
}

void replace_file(const std::string& path, const std::string& text) {
    make_file(path + ".new", text);
    rename_over(path + ".new", path);
}

void replace_link(const std::string& target, const std::string& path) {
    const auto fresh = path + ".new";
    remove_file(fresh);
    if (symlink(target.c_str(), fresh.c_str()) != 0) fail_in_place_of_file(fresh);
    rename_over(fresh, path);
}

void make_folder(const std::string& path) {
    if (mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) fail("cannot create " + path);
    struct stat status {};
    const int fd = open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    const bool is_own =
        fd >= 0 && fstat(fd, &status) == 0 && status.st_uid == geteuid() && fchmod(fd, 0700) == 0;
    if (fd >= 0) close(fd);
    if (!is_own)
        throw std::runtime_error(fs::absolute(path).string() +
                                 " is not a directory owned by this user: remove it");
}
