#include "shared/own_file.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "tests/support/expect.hpp"
#include "tests/support/folder.hpp"

namespace fs = std::filesystem;

namespace {

constexpr uid_t somebody = 65'534;

auto text_writer(std::string_view text) {
    return [text](int fd) {
        return write(fd, text.data(), text.size()) < 0 ? last_error() : std::error_code{};
    };
}

std::string content_of(const std::string& path) {
    std::ifstream file{path};
    return {std::istreambuf_iterator<char>{file}, {}};
}

int count_in(const Folder& folder) {
    return static_cast<int>(std::distance(fs::directory_iterator{folder.path()}, {}));
}

bool is_own_at(const std::string& path) {
    const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
    const bool is_own = is_own_file(fd);
    close(fd);
    return is_own;
}

}  // namespace

Test(own_file, is_complete_when_it_appears) {
    const Folder folder;
    const auto path = folder.path("file");
    const auto error = create_file(path, [&](int fd) {
        cr_expect_not(fs::exists(path));
        return text_writer("text")(fd);
    });
    cr_expect_not(error, "%s", error.message().c_str());
    EXPECT_TEXT(content_of(path), "text");
    cr_expect(fs::status(path).permissions() == (fs::perms::owner_read | fs::perms::owner_write));
    cr_expect_eq(count_in(folder), 1);
}

Test(own_file, leaves_the_file_of_a_faster_process) {
    const Folder folder;
    const auto path = folder.path("file");
    const auto error = create_file(path, [&](int fd) {
        folder.file("file", "faster");
        return text_writer("slower")(fd);
    });
    cr_expect_not(error, "%s", error.message().c_str());
    EXPECT_TEXT(content_of(path), "faster");
    cr_expect_eq(count_in(folder), 1);
}

Test(own_file, leaves_nothing_after_a_failure) {
    const Folder folder;
    const auto failed = create_file(folder.path("file"), [](int) {
        return std::make_error_code(std::errc::no_space_on_device);
    });
    cr_expect(failed == std::errc::no_space_on_device);
    cr_expect_eq(count_in(folder), 0);
    cr_expect(create_file(folder.path("missing/file"), text_writer("text")) ==
              std::errc::no_such_file_or_directory);
}

Test(own_file, is_a_regular_file_of_this_user) {
    const Folder folder;
    const auto path = folder.file("file", "");
    cr_expect(is_own_at(path));
    cr_expect_not(is_own_at(folder.path()));
    cr_expect_not(is_own_file(-1));
    if (geteuid() != 0) return;
    cr_assert_eq(chown(path.c_str(), somebody, somebody), 0);
    cr_expect_not(is_own_at(path));
}
