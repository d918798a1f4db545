// A PostgreSQL cluster for one test, which can stop and restart it.
#pragma once

#include <sys/types.h>

#include <string>

class Cluster {
public:
    // Starts the cluster in a folder of TEST_DIR. The destructor stops it.
    Cluster();
    ~Cluster();
    Cluster(const Cluster&) = delete;
    Cluster& operator=(const Cluster&) = delete;

    // The URL of an empty database.
    const std::string& url() const { return url_; }

    // Restarts the server: ends all connections at once and waits until it accepts new ones.
    void restart() const;

    // Sends a signal to the postmaster and all its child processes.
    void signal(int number) const;

private:
    pid_t postmaster() const;
    std::string run(const std::string& verb) const;

    std::string folder_;
    std::string url_;
};
