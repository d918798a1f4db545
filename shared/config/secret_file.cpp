#include "shared/config/secret_file.hpp"

#include <fcntl.h>
#include <openssl/rand.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "shared/config/config.hpp"
#include "shared/own_file.hpp"
#include "shared/run_dir.hpp"
#include "shared/text.hpp"

namespace {

std::string secret_path(const std::string& run_dir) { return run_dir + "/jwt_secret"; }

// Creates a secret and its file, unless another process is faster.
void make_secret(const std::string& path) {
    std::string bytes(32, '\0');
    if (RAND_bytes(reinterpret_cast<unsigned char*>(bytes.data()), 32) != 1)
        throw ConfigError("no random bytes for JWT_SECRET");
    const auto error = create_file(path, [secret = hex(bytes)](int fd) {
        const auto count = write(fd, secret.data(), secret.size());
        if (count < 0) return last_error();
        return count == std::ssize(secret) ? std::error_code{}
                                           : std::make_error_code(std::errc::io_error);
    });
    if (error) throw ConfigError("cannot write " + path + ": " + error.message());
}

}  // namespace

// Checks the file that was opened, because others may be able to add files to RUN_DIR.
Secret read_secret(const std::string& run_dir) {
    const auto path = secret_path(run_dir);
    const int fd = open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0 && (errno == ENOENT || errno == ENOTDIR)) return {};
    if (fd < 0 && errno != ELOOP) throw ConfigError(path + ": " + std::strerror(errno));
    const bool is_own = fd >= 0 && is_own_file(fd);
    char buffer[4096];
    const auto size = is_own ? read(fd, buffer, sizeof buffer) : 0;
    if (fd >= 0) close(fd);
    if (!is_own) throw ConfigError(path + " is not a regular file owned by this user: remove it");
    std::string secret{buffer, size > 0 ? static_cast<std::size_t>(size) : 0};
    while (secret.ends_with('\n') || secret.ends_with('\r')) secret.pop_back();
    if (secret.empty()) throw ConfigError(path + " is empty: remove it");
    return Secret{std::move(secret)};
}

void ensure_secret(Config& config) {
    if (!config.groups.contains(SettingGroup::tokens) || !config.jwt_secret.empty()) return;
    const auto folder = claim_run_dir(config.run_dir);
    config.jwt_secret = read_secret(folder);
    if (!config.jwt_secret.empty()) return;
    make_secret(secret_path(folder));
    config.jwt_secret = read_secret(folder);
}
