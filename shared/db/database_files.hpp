// Whether the files of an open SQLite database are still the ones at their paths. SQLite goes on
// with a file that was moved, removed or replaced, and so do the other processes that have it open,
// while those that start later open what is at the path then
// (https://www.sqlite.org/howtocorrupt.html, section 4).
#pragma once

#include <sys/stat.h>

#include <string>
#include <vector>

struct sqlite3;

class DatabaseFiles {
public:
    // Of a database in memory: there is nothing to move.
    DatabaseFiles() = default;

    // The files of `connection`, which has opened `path` and read from it: the database, its -wal
    // and its -shm. Throws DbError (08006) when they have been moved already, or when -wal and -shm
    // are in use by processes that do not use this database: it has taken the place of theirs, and
    // must not get their changes.
    DatabaseFiles(sqlite3* connection, const std::string& path);

    // Throws DbError (08006) unless all of them are in place.
    void check() const;

    // Whether the database is in place.
    bool has_database() const;

    // Whether -wal and -shm are in place; if not, what SQLite would remove belongs to others.
    bool has_own_wal() const;

    // Whether the database has no path any more.
    bool is_deleted() const;

    // Gives the -wal the name -wal.lost, which no database finds. Returns that; empty for none.
    std::string put_wal_aside() const;

private:
    struct File {
        std::string path;
        struct stat status;

        bool is_in_place() const;
    };

    std::vector<File> files_;  // the database first
};
