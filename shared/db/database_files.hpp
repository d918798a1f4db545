// Whether the files of an open SQLite database are still the ones at their paths. SQLite keeps
// using a file that was moved, removed or replaced, and so do other processes that have it open,
// while processes that start later open the new file at the path
// (https://www.sqlite.org/howtocorrupt.html, section 4).
#pragma once

#include <sys/stat.h>

#include <string>
#include <vector>

struct sqlite3;

class DatabaseFiles {
public:
    // For a database in memory, which cannot move.
    DatabaseFiles() = default;

    // The files of `connection`, which has opened `path` and read from it: the database, its -wal
    // and its -shm. Throws DbError (08006) if they have been moved already, or if -wal and -shm are
    // in use by processes that use another database: this one has taken its place and must not
    // receive its changes.
    DatabaseFiles(sqlite3* connection, const std::string& path);

    // Throws DbError (08006) unless all of them are in place.
    void check() const;

    // Whether the database is in place.
    bool has_database() const;

    // Whether -wal and -shm are in place. If not, SQLite would remove files of another database.
    bool has_own_wal() const;

    // Whether the database file was deleted.
    bool is_deleted() const;

    // Renames the -wal to -wal.lost, which no database opens. Returns that name; empty if there is
    // no -wal.
    std::string put_wal_aside() const;

private:
    struct File {
        std::string path;
        struct stat status;

        bool is_in_place() const;
    };

    std::vector<File> files_;  // the database first
};
