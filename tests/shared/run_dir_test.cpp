#include "shared/run_dir.hpp"

#include <criterion/criterion.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "shared/config/config.hpp"
#include "tests/support/expect.hpp"
#include "tests/support/folder.hpp"

namespace fs = std::filesystem;

namespace {

constexpr uid_t somebody = 65'534;

// A folder with a RUN_DIR inside, which does not exist at first.
class Place : public Folder {
public:
    std::string path(const std::string& name = "run") const { return Folder::path(name); }

    // Creates RUN_DIR with this mode, and with one file if `name` is set.
    void make(mode_t mode, const std::string& name = "") const {
        fs::create_directories(path());
        if (!name.empty()) file("run/" + name, "kept");
        cr_assert_eq(chmod(path().c_str(), mode), 0);
    }
};

struct stat status_of(const std::string& path) {
    struct stat status {};
    cr_assert_eq(lstat(path.c_str(), &status), 0, "%s", path.c_str());
    return status;
}

mode_t mode_of(const std::string& path) { return status_of(path).st_mode & 07777; }

int count_in(const std::string& path) {
    return static_cast<int>(std::distance(fs::directory_iterator{path}, {}));
}

template <class Function>
std::string fault_in(Function function) {
    try {
        function();
    } catch (const ConfigError& error) {
        return error.what();
    }
    return {};
}

// Returns the fault, which both functions must report alike. A faulty folder stays unchanged.
std::string fault_of(const std::string& path) {
    const auto before = status_of(path);
    const int count = S_ISDIR(before.st_mode) ? count_in(path) : 0;
    const auto fault = fault_in([&] { look_at_run_dir(path); });
    EXPECT_TEXT(fault_in([&] { claim_run_dir(path); }), fault);
    if (fault.empty()) return {};
    cr_expect_eq(status_of(path).st_mode, before.st_mode);
    if (S_ISDIR(before.st_mode)) cr_expect_eq(count_in(path), count);
    return fault;
}

void expect_refused(const std::string& path, const std::string& reason) {
    const auto fault = fault_of(path);
    cr_expect(fault.starts_with("RUN_DIR ") && fault.find(reason) != fault.npos, "%s: %s",
              reason.c_str(), fault.c_str());
}

void give_away(const std::string& path) {
    cr_assert_eq(lchown(path.c_str(), somebody, somebody), 0);
}

}  // namespace

Test(run_dir, is_made_for_this_user_alone) {
    const Place place;
    const auto deep = place.path("deep/run");
    EXPECT_TEXT(look_at_run_dir(deep), deep + " can be made");
    cr_expect_not(fs::exists(place.path("deep")), "a look has made it");
    const auto umask_before = umask(0);
    EXPECT_TEXT(claim_run_dir(deep + "/"), deep);
    umask(umask_before);
    cr_expect_eq(mode_of(deep), 0700);
    cr_expect_eq(mode_of(place.path("deep")), 0700);
    cr_expect_eq(mode_of(deep + "/.steelthread"), 0600);
    EXPECT_TEXT(look_at_run_dir(deep), deep + " is there");
    EXPECT_TEXT(claim_run_dir(deep), deep);
}

Test(run_dir, may_be_an_empty_folder_of_this_user) {
    for (const mode_t mode : {0755, 0775, 0777, 02775, 0700}) {
        const Place place;
        place.make(mode);
        EXPECT_TEXT(look_at_run_dir(place.path()), place.path() + " is there");
        cr_expect_eq(mode_of(place.path()), mode, "a look has changed it");
        EXPECT_TEXT(claim_run_dir(place.path()), place.path());
        cr_expect_eq(mode_of(place.path()) & 0777, 0700);
    }
}

Test(run_dir, may_be_the_one_of_an_earlier_release) {
    for (const char* name : {"supervisor.pid", "jwt_secret", "steelthread.db", ".steelthread"}) {
        const Place place;
        place.make(0755, name);
        EXPECT_TEXT(claim_run_dir(place.path()), place.path());
        cr_expect_eq(mode_of(place.path()), 0755, "what was not made here is not changed");
    }
}

Test(run_dir, holds_nothing_else) {
    const Place place;
    place.make(0755, "nginx.conf");
    expect_refused(
        place.path(),
        "is not empty and is not the folder of a steelthread: set RUN_DIR to a new folder "
        "inside it, for example " +
            place.path("run/steelthread"));
    // Neither a folder nor a link counts as the mark.
    fs::create_directory(place.path("run/jwt_secret"));
    fs::create_symlink("nginx.conf", place.path("run/supervisor.pid"));
    expect_refused(place.path(), "is not empty");
    // The advice in the message works.
    EXPECT_TEXT(claim_run_dir(place.path("run/steelthread")), place.path("run/steelthread"));
}

Test(run_dir, is_no_folder_that_others_may_write_to) {
    for (const mode_t mode : {0770, 0707, 0777}) {
        const Place place;
        place.make(mode, ".steelthread");
        expect_refused(place.path(), "may be written to by others: `chmod 700` it");
    }
    const Place place;
    place.make(01777);
    expect_refused(place.path(), "is shared with others: set RUN_DIR to a new folder inside it");
    EXPECT_TEXT(claim_run_dir(place.path("run/steelthread")), place.path("run/steelthread"));
}

Test(run_dir, is_of_this_user) {
    if (geteuid() != 0) cr_skip_test("only root can give a folder away");
    const Place place;
    place.make(0700);
    give_away(place.path());
    expect_refused(place.path(), "belongs to user 65534: choose another place");
    const auto inside = place.path("run/steelthread");
    EXPECT_TEXT(fault_in([&] { claim_run_dir(inside); }),
                "RUN_DIR " + inside + " could be replaced by user 65534, who owns " + place.path() +
                    ": choose another place for it");
    cr_expect_not(fs::exists(inside));

    const Place marked;
    marked.make(0755, "steelthread.db");
    give_away(marked.path("run/steelthread.db"));
    expect_refused(marked.path(), "is not empty");
}

Test(run_dir, cannot_be_replaced_by_others) {
    const Place place;
    place.make(0777);
    const auto inside = place.path("run/steelthread");
    EXPECT_TEXT(fault_in([&] { claim_run_dir(inside); }),
                "RUN_DIR " + inside + " could be replaced by others, who may write to " +
                    place.path() + ": `chmod go-w` that, or choose another place");
    // With umask 002, home directories have such a mode, with a group of this user.
    for (const mode_t mode : {01777, 0775, 02775}) {
        place.make(mode);
        EXPECT_TEXT(claim_run_dir(inside), inside);
        fs::remove_all(inside);
    }
}

Test(run_dir, cannot_be_replaced_by_a_group_of_strangers) {
    if (geteuid() != 0) cr_skip_test("only root can give a folder away");
    const Place place;
    place.make(0775);
    cr_assert_eq(chown(place.path().c_str(), 0, somebody), 0);
    const auto inside = place.path("run/steelthread");
    EXPECT_TEXT(fault_in([&] { claim_run_dir(inside); }),
                "RUN_DIR " + inside + " could be replaced by others, who may write to " +
                    place.path() + ": `chmod go-w` that, or choose another place");
}

// Kubernetes mounts volumes like this.
Test(run_dir, may_lie_on_a_volume_for_everybody) {
    const Place place;
    place.make(0700);
    if (unshare(CLONE_NEWNS) != 0 ||
        mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
        mount("tmpfs", place.path().c_str(), "tmpfs", 0, "mode=0777") != 0)
        cr_skip_test("mounts are not allowed here");
    const auto inside = place.path("run/steelthread");
    EXPECT_TEXT(claim_run_dir(inside), inside);
    cr_expect_eq(mode_of(inside), 0700);
    umount(place.path().c_str());
}

Test(run_dir, is_where_a_link_leads) {
    const Place place;
    place.make(0755);
    fs::create_directory_symlink("run", place.path("link"));
    EXPECT_TEXT(claim_run_dir(place.path("link")), place.path());
    EXPECT_TEXT(claim_run_dir(place.path("link/below")), place.path("run/below"));

    fs::create_directory_symlink("nowhere", place.path("dangling"));
    EXPECT_TEXT(claim_run_dir(place.path("dangling")), place.path("nowhere"));
    if (geteuid() == 0) {
        give_away(place.path("link"));
        expect_refused(place.path("link"), "could be replaced by user 65534, who owns the link " +
                                               place.path("link") +
                                               ": choose another place for it");
    }
    expect_refused(place.file("file", "kept"), "is not a directory");
    const auto below = place.path("file/run");
    EXPECT_TEXT(
        fault_in([&] { claim_run_dir(below); }),
        "RUN_DIR " + below + " cannot be made: " + place.path("file") + " is not a directory");
}
