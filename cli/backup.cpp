#include "cli/backup.hpp"

#include <fcntl.h>
#include <sqlite3.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <functional>
#include <memory>
#include <ostream>
#include <stdexcept>

#include "cli/database.hpp"
#include "cli/migrate.hpp"
#include "cli/postgres_tools.hpp"
#include "cli/run_dir.hpp"
#include "shared/db/blocking_connection.hpp"
#include "shared/db/sqlite_functions.hpp"
#include "shared/timestamp.hpp"

namespace {

namespace fs = std::filesystem;

using Purpose = BlockingConnection::Purpose;

// "immutable": SQLite reads the file alone, and creates none beside it.
std::string as_immutable_uri(const std::string& file) {
    std::string uri = "file:";
    for (const char c : fs::absolute(file).string())
        if (std::strchr("%?#", c))
            uri += "%" + std::string{"0123456789ABCDEF"[c >> 4]} + "0123456789ABCDEF"[c & 15];
        else
            uri += c;
    return uri + "?immutable=1";
}

// An open SQLite file. Throws std::runtime_error with the name of the file.
class SqliteFile {
public:
    SqliteFile(std::string path, int flags) : path_(std::move(path)) {
        sqlite3* raw = nullptr;
        const auto name = flags == SQLITE_OPEN_READONLY ? as_immutable_uri(path_) : path_;
        const int code = sqlite3_open_v2(name.c_str(), &raw, flags | SQLITE_OPEN_URI, nullptr);
        connection_.reset(raw);
        if (code != SQLITE_OK) fail();
        sqlite3_busy_timeout(raw, 30'000);
        // Checks of columns and indexes may call them.
        add_sqlite_functions(raw, &now_);
    }

    // Becomes a copy of the other file. A reader of a write-ahead log sees one moment, and writers
    // do not wait for it; one step copies all pages.
    void copy_from(const SqliteFile& source) {
        auto* const backup =
            sqlite3_backup_init(connection_.get(), "main", source.connection_.get(), "main");
        if (!backup) fail();
        const int code = sqlite3_backup_step(backup, -1);
        sqlite3_backup_finish(backup);
        if (code == SQLITE_DONE) return;
        throw std::runtime_error("cannot copy " + source.path_ + " to " + path_ + ": " +
                                 sqlite3_errstr(code));
    }

    // The first cell of the first row.
    std::string text(const char* sql) {
        sqlite3_stmt* raw = nullptr;
        if (sqlite3_prepare_v2(connection_.get(), sql, -1, &raw, nullptr) != SQLITE_OK) fail();
        const std::unique_ptr<sqlite3_stmt, decltype(&sqlite3_finalize)> statement{
            raw, &sqlite3_finalize};
        const int code = sqlite3_step(raw);
        if (code != SQLITE_ROW && code != SQLITE_DONE) fail();
        const auto* cell = code == SQLITE_ROW ? sqlite3_column_text(raw, 0) : nullptr;
        return cell ? reinterpret_cast<const char*>(cell) : "";
    }

    // Checks every page, and that each row is in the indexes. Then it is one file without a log.
    void check() {
        const auto fault = text("PRAGMA integrity_check(1)");
        if (fault != "ok") throw std::runtime_error(path_ + " is damaged: " + fault);
        if (text("SELECT 1 FROM sqlite_master WHERE name = 'schema_migrations'").empty())
            throw std::runtime_error(path_ + " is not a database of this service");
        text("PRAGMA journal_mode = DELETE");
    }

private:
    struct Close {
        void operator()(sqlite3* connection) const { sqlite3_close(connection); }
    };

    [[noreturn]] void fail() const {
        throw std::runtime_error(path_ + ": " + sqlite3_errmsg(connection_.get()));
    }

    std::string path_;
    std::unique_ptr<sqlite3, Close> connection_;
    Timestamp now_ = Timestamp::now();
};

[[noreturn]] void fail(const std::string& what) {
    throw std::runtime_error(what + ": " + std::strerror(errno));
}

void flush_to_disk(const fs::path& path) {
    const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
    const bool is_flushed = fd >= 0 && fsync(fd) == 0;
    if (fd >= 0) close(fd);
    if (!is_flushed) fail("cannot write " + path.string() + " to the disk");
}

// Lets `write` make a file under another name, and gives it its name when it is complete.
void make_complete(const fs::path& file, const std::function<void(const std::string&)>& write) {
    const auto folder = fs::absolute(file).parent_path();
    if (fs::exists(fs::symlink_status(file)))
        throw std::runtime_error(file.string() + " exists: name a new file");
    if (!fs::is_directory(folder))
        throw std::runtime_error("the folder " + folder.string() + " does not exist: create it");
    const auto partial = file.string() + ".partial";
    fs::remove(partial);
    try {
        write(partial);
        flush_to_disk(partial);
        fs::rename(partial, file);
    } catch (...) {
        std::error_code ignored;
        fs::remove(partial, ignored);
        throw;
    }
    flush_to_disk(folder);
}

void back_up_sqlite(const Config& config, const std::string& path, const std::string& file) {
    require_sqlite_file(config);
    connect_blocking(config, Purpose::look);  // refuses a file that must not be trusted
    const SqliteFile source{path, SQLITE_OPEN_READWRITE};
    make_complete(file, [&](const std::string& partial) {
        SqliteFile copy{partial, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE};
        copy.copy_from(source);
        copy.check();
    });
}

void restore_sqlite(const Config& config, const std::string& path, const std::string& file) {
    for (const char* suffix : {"", "-wal"})
        if (fs::exists(path + suffix))
            throw std::runtime_error(path + suffix +
                                     " exists: move it away, or name another file in DATABASE_URL");
    std::error_code ignored;
    if (fs::file_size(file + "-wal", ignored) > 0 && !ignored)
        throw std::runtime_error(file + " is in use, as its newest changes are in " + file +
                                 "-wal: make a copy with `steelthread backup`");
    SqliteFile source{file, SQLITE_OPEN_READONLY};
    make_sqlite_place(config);
    make_complete(path, [&](const std::string& partial) {
        SqliteFile copy{partial, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE};
        copy.copy_from(source);
        copy.check();
    });
}

// pg_dump and pg_restore empty the search_path of their session. A transaction pooler would give
// that session to the service next, which would then find none of its tables.
void refuse_pooler(const Config& config, BlockingConnection& connection) {
    if (!connection.has_own_session())
        throw std::runtime_error(database_name(config) +
                                 " is a pooler: name the server itself in DATABASE_URL");
}

void back_up_postgres(const Config& config, const std::string& file) {
    const auto connection = connect_blocking(config, Purpose::look);
    refuse_pooler(config, *connection);
    if (connection->query("SELECT to_regclass('schema_migrations')")[0][0].empty())
        throw std::runtime_error("there is nothing to back up: " + database_name(config) +
                                 " has no tables of this service");
    const auto schema = connection->query("SELECT current_schema()")[0][0];
    make_complete(file, [&](const std::string& partial) {
        dump_schema(config.database_url, schema, partial);
        check_archive(partial, schema);
    });
}

void refuse_other_copies(BlockingConnection& connection) {
    const auto copies = connection.query(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
        "AND application_name = 'steelthread' AND pid <> pg_backend_pid()")[0][0];
    if (copies != "0")
        throw std::runtime_error("a copy of the service is connected to the database: stop it");
}

void restore_postgres(const Config& config, const std::string& file) {
    const auto connection = connect_blocking(config, Purpose::change);
    refuse_pooler(config, *connection);
    if (!connection->query("SELECT to_regclass('schema_migrations')")[0][0].empty())
        throw std::runtime_error(database_name(config) +
                                 " has the tables of the service already: create a new database, "
                                 "and name it in DATABASE_URL");
    refuse_other_copies(*connection);
    const auto schema = connection->query("SELECT current_schema()")[0][0];
    if (schema.empty())
        throw std::runtime_error("the schema that search_path names does not exist: create it");
    check_archive(file, schema);
    restore_schema(config.database_url, schema, file);
    connection->execute("ANALYZE");  // the planner knows nothing of the new rows
}

}  // namespace

void back_up(const Config& config, const std::string& file, std::ostream& out) {
    if (const auto path = config.sqlite_path())
        back_up_sqlite(config, *path, file);
    else
        back_up_postgres(config, file);
    out << "wrote " << file << ", " << fs::file_size(file) << " bytes, from "
        << database_name(config) << '\n';
}

void restore(const Config& config, const std::string& file, std::ostream& out) {
    refuse_second(config.run_dir);
    if (!fs::is_regular_file(file)) throw std::runtime_error("there is no file " + file);
    if (const auto path = config.sqlite_path())
        restore_sqlite(config, *path, file);
    else
        restore_postgres(config, file);
    out << "restored " << file << " to " << database_name(config) << '\n';
    migrate_up(config, out);
    connect_blocking(config, Purpose::change)->execute("INSERT INTO feed_epoch DEFAULT VALUES");
    out << "readers of the feed start again: cursors of before are refused\n";
}
