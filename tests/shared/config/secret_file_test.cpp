#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/shared/config/loading.hpp"

namespace {

std::string text_of(const std::string& path) {
    std::ifstream file{path, std::ios::binary};
    return {std::istreambuf_iterator<char>{file}, {}};
}

bool is_lower_hex(std::string_view text) {
    return text.find_first_not_of("0123456789abcdef") == text.npos;
}

// Returns the fault of a secret in a RUN_DIR where other users could have left a file.
std::string fault_of_secret_in(const Folder& run_dir) {
    try {
        load({{"RUN_DIR", run_dir.path()}});
    } catch (const ConfigError& error) {
        return error.what();
    }
    return {};
}

}  // namespace

Test(config, refuses_a_development_secret_that_is_a_link) {
    const Folder folder;
    const auto path = folder.path("jwt_secret");
    fs::create_symlink(folder.file("elsewhere", strong_secret), path);
    EXPECT_TEXT(fault_of_secret_in(folder),
                path + " is not a regular file owned by this user: remove it");
    fs::remove(path);
    folder.file("jwt_secret", strong_secret);
    EXPECT_TEXT(fault_of_secret_in(folder), "");
}

Test(config, refuses_a_development_secret_of_another_user) {
    if (geteuid() != 0) cr_skip_test("only root can give a file away");
    const Folder folder;
    const auto path = folder.file("jwt_secret", strong_secret);
    EXPECT_TEXT(fault_of_secret_in(folder), "");
    cr_assert_eq(chown(path.c_str(), 65'534, 65'534), 0);
    EXPECT_TEXT(fault_of_secret_in(folder),
                path + " is not a regular file owned by this user: remove it");
}

Test(config, makes_no_secret_in_production) {
    const Folder folder;
    std::string fault;
    try {
        load({{"ENVIRONMENT", "production"}, {"RUN_DIR", folder.path("run")}});
    } catch (const ConfigError& error) {
        fault = error.what();
    }
    EXPECT_TEXT(fault, secret_required);
    cr_expect_not(fs::exists(folder.path("run")));
}

Test(config, keeps_a_secret_for_development) {
    const Folder folder;
    const auto run_dir = folder.path("deep/run");
    const auto umask_before = umask(0);
    EXPECT_TEXT(load({{"RUN_DIR", run_dir}}).jwt_secret.reveal(), "");
    cr_expect_not(fs::exists(folder.path("deep")), "a look has made RUN_DIR");
    const auto first = load_with_secret({{"RUN_DIR", run_dir}});
    umask(umask_before);
    cr_expect_eq(first.jwt_secret.size(), 64u);
    cr_expect(is_lower_hex(first.jwt_secret.reveal()), "%s", first.jwt_secret.reveal().c_str());
    EXPECT_TEXT(load({{"RUN_DIR", run_dir}}).jwt_secret.reveal(), first.jwt_secret.reveal());
    EXPECT_TEXT(load_with_secret({{"RUN_DIR", run_dir}}).jwt_secret.reveal(),
                first.jwt_secret.reveal());
    EXPECT_TEXT(text_of(run_dir + "/jwt_secret"), first.jwt_secret.reveal());

    struct stat status {};
    cr_assert_eq(stat((run_dir + "/jwt_secret").c_str(), &status), 0);
    cr_expect_eq(status.st_mode & 07777, 0600u);
    cr_expect_eq(std::distance(fs::directory_iterator{run_dir}, {}), 2);  // with the mark

    cr_expect(load_with_secret({{"RUN_DIR", folder.path("other")}}).jwt_secret != first.jwt_secret);
}

Test(config, makes_no_secret_when_one_is_given_or_something_is_wrong) {
    const Folder folder;
    const auto run_dir = folder.path("run");
    load_with_secret({{"RUN_DIR", run_dir}, {"JWT_SECRET", "given"}});
    cr_expect(throws<ConfigError>([&] {
        load_with_secret({{"RUN_DIR", run_dir}, {"PORT", "x"}});
    }));
    cr_expect_not(fs::exists(run_dir));
}

Test(config, makes_no_secret_in_a_folder_of_others) {
    const Folder folder;
    folder.file("index.html", "of somebody else");
    cr_expect(throws<ConfigError>([&] { load_with_secret({{"RUN_DIR", folder.path()}}); }));
    cr_expect_eq(std::distance(fs::directory_iterator{folder.path()}, {}), 1);
}

// With an empty file every token would be signed with the empty key.
Test(config, refuses_a_spoiled_development_secret) {
    const Folder folder;
    const auto path = folder.file("jwt_secret", "");
    std::string fault;
    try {
        load({{"RUN_DIR", folder.path()}});
    } catch (const ConfigError& error) {
        fault = error.what();
    }
    EXPECT_TEXT(fault, path + " is empty: remove it");
}

Test(config, reports_a_run_dir_that_cannot_be_made) {
    const Folder folder;
    const auto file = folder.file("file", "");
    cr_expect(throws<ConfigError>([&] { load_with_secret({{"RUN_DIR", file + "/run"}}); }));
    cr_expect(throws<ConfigError>([&] { load_with_secret({{"RUN_DIR", "/proc/run"}}); }));
}

// All handlers of a first run start at once. They must all sign and verify with the same key.
Test(config, racing_processes_share_one_development_secret) {
    constexpr int processes = 8;
    for (int round = 0; round < 10; ++round) {
        const Folder folder;
        const auto run_dir = folder.path("run");
        int start[2], answers[2];
        cr_assert(pipe(start) == 0 && pipe(answers) == 0);
        for (int i = 0; i < processes; ++i) {
            const auto child = fork();
            cr_assert_geq(child, 0);
            if (child != 0) continue;
            close(start[1]);
            char byte;
            std::string secret(64, '-');
            // read() returns in all processes at once, when the parent closes its end.
            if (read(start[0], &byte, 1) == 0) try {
                    secret = load_with_secret({{"RUN_DIR", run_dir}}).jwt_secret.reveal();
                } catch (const std::exception&) {
                }
            _exit(write(answers[1], secret.data(), secret.size()) == 64 ? 0 : 1);
        }
        close(start[0]);
        close(start[1]);
        close(answers[1]);
        std::string all;
        char buffer[1024];
        for (ssize_t size; (size = read(answers[0], buffer, sizeof buffer)) > 0;)
            all.append(buffer, static_cast<std::size_t>(size));
        close(answers[0]);
        for (int i = 0; i < processes; ++i) cr_expect_gt(wait(nullptr), 0);

        cr_assert_eq(all.size(), 64u * processes);
        const auto kept = text_of(run_dir + "/jwt_secret");
        cr_expect(kept.size() == 64 && is_lower_hex(kept), "%s", kept.c_str());
        for (std::size_t i = 0; i < processes; ++i) EXPECT_TEXT(all.substr(i * 64, 64), kept);
        cr_expect_eq(std::distance(fs::directory_iterator{run_dir}, {}), 2);  // with the mark
    }
}
