#include "shared/db/sqlite_file.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "sql/health.hpp"
#include "tests/support/database.hpp"
#include "tests/support/expect.hpp"

namespace fs = std::filesystem;

namespace {

constexpr uid_t somebody = 65'534;

class File {
public:
    File() : path_(database_.url().substr(std::string{"sqlite:///"}.size())) {}

    const std::string& path() const { return path_; }

    // Returns the SQLSTATE that a handler gets from the file, or nothing if the query succeeds.
    std::string sqlstate() const {
        OpenDatabase open{database_.url()};
        db::Batch batch;
        batch.add(sql::ping);
        return open.sqlstate_of(open.db().run(std::move(batch)));
    }

    // Both the check and a handler refuse the file.
    void expect_refused(const std::string& fault) const {
        EXPECT_TEXT(fault_of_sqlite_file(path_), fault);
        EXPECT_TEXT(sqlstate(), "08001");
    }

    void expect_fine() const {
        EXPECT_TEXT(fault_of_sqlite_file(path_), "");
        EXPECT_TEXT(sqlstate(), "");
    }

private:
    TestDatabase database_{Engine::sqlite};
    std::string path_;
};

std::string of_somebody(const std::string& path) {
    return path +
           " belongs to user 65534: give it to the user of this process, or name another "
           "file";
}

}  // namespace

Test(sqlite_file, is_not_for_everybody_to_write) {
    const File file;
    const std::string why =
        " may be written to by others: `chmod go-w` it if you trust its content";
    for (const mode_t mode : {0600, 0660, 0664, 0644}) {
        cr_assert_eq(chmod(file.path().c_str(), mode), 0);
        file.expect_fine();
    }
    cr_assert_eq(chmod(file.path().c_str(), 0666), 0);
    file.expect_refused(file.path() + why);
    cr_assert_eq(chmod(file.path().c_str(), 0600), 0);
    for (const char* suffix : {"-wal", "-shm", "-journal"}) {
        const auto beside = file.path() + suffix;
        std::ofstream{beside} << "";
        cr_assert_eq(chmod(beside.c_str(), 0666), 0);
        file.expect_refused(beside + why);
        fs::remove(beside);
        file.expect_fine();
    }
}

// A group that this user is not in may not write either.
Test(sqlite_file, is_not_for_another_group_to_write) {
    if (geteuid() != 0) cr_skip_test("only root can give a file away");
    const File file;
    cr_assert_eq(chown(file.path().c_str(), 0, somebody), 0);
    file.expect_fine();
    cr_assert_eq(chmod(file.path().c_str(), 0660), 0);
    file.expect_refused(file.path() +
                        " may be written to by others: `chmod go-w` it if you trust its content");
}

// Anybody who may write to the directory can leave a -wal there, which SQLite would use.
Test(sqlite_file, is_in_a_directory_of_its_own) {
    const File file;
    const auto folder = file.path() + ".folder";
    fs::create_directory(folder);
    const auto inside = folder + "/x.db";
    fs::copy(file.path(), inside);
    const std::string why =
        inside + " is in a directory that others may write to: put it in one of its own";
    for (const auto& [mode, fault] : {std::pair{0700, ""}, {0755, ""}, {0775, ""}}) {
        cr_assert_eq(chmod(folder.c_str(), static_cast<mode_t>(mode)), 0);
        EXPECT_TEXT(fault_of_sqlite_file(inside), fault);
    }
    cr_assert_eq(chmod(folder.c_str(), 0777), 0);
    EXPECT_TEXT(fault_of_sqlite_file(inside),
                inside + " could be replaced by others, who may write to " + folder +
                    ": `chmod go-w` that, or choose another place");
    cr_assert_eq(chmod(folder.c_str(), 01777), 0);
    EXPECT_TEXT(fault_of_sqlite_file(inside), why);
    // The check follows symbolic links.
    fs::remove(file.path());
    fs::create_symlink(inside, file.path());
    file.expect_refused(why);
    if (geteuid() != 0) return;
    cr_assert_eq(chmod(folder.c_str(), 0755), 0);
    std::ofstream{inside + "-wal"} << "";
    cr_assert_eq(chown((inside + "-wal").c_str(), somebody, somebody), 0);
    file.expect_refused(of_somebody(inside + "-wal"));
    fs::remove(inside + "-wal");
    file.expect_fine();
    cr_assert_eq(chown(folder.c_str(), somebody, somebody), 0);
    file.expect_refused(file.path() + " could be replaced by user 65534, who owns " + folder +
                        ": choose another place for it");
}

Test(sqlite_file, is_a_file) {
    const File file;
    const auto moved = file.path() + ".moved";
    fs::rename(file.path(), moved);
    EXPECT_TEXT(fault_of_sqlite_file(file.path()), "");  // nothing there is no fault
    fs::create_directory(file.path());
    file.expect_refused(file.path() + " is not a regular file");
    fs::remove(file.path());
    // A link made by the administrator is accepted.
    fs::create_symlink(moved, file.path());
    file.expect_fine();
    EXPECT_TEXT(fault_of_sqlite_file(":memory:"), "");
}

Test(sqlite_file, is_of_this_user_or_of_root) {
    if (geteuid() != 0) cr_skip_test("only root can give a file away");
    const File file;
    cr_assert_eq(chown(file.path().c_str(), somebody, somebody), 0);
    file.expect_refused(of_somebody(file.path()));
    cr_assert_eq(chown(file.path().c_str(), 0, 0), 0);
    file.expect_fine();

    const auto moved = file.path() + ".moved";
    fs::rename(file.path(), moved);
    fs::create_symlink(moved, file.path());
    cr_assert_eq(lchown(file.path().c_str(), somebody, somebody), 0);
    file.expect_refused(file.path() + " could be replaced by user 65534, who owns the link " +
                        file.path() + ": choose another place for it");
}
