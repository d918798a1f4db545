// A PostgreSQL cluster of the test's own, to stop and restart.
#pragma once

#include <sys/types.h>

#include <string>

class Cluster {
public:
    // Starts it, in a folder of TEST_DIR; the destructor stops it.
    Cluster();
    ~Cluster();
    Cluster(const Cluster&) = delete;
    Cluster& operator=(const Cluster&) = delete;

    // Of an empty database.
    const std::string& url() const { return url_; }

    // Ends all connections at once, and waits until it takes new ones.
    void restart() const;

    // To the postmaster and everything it has forked.
    void signal(int number) const;

private:
    pid_t postmaster() const;
    std::string run(const std::string& verb) const;

    std::string folder_;
    std::string url_;
};
