// A PostgreSQL cluster for one test, which can stop and restart it, and standbys of it.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

class Cluster {
public:
    // Starts the cluster in a folder of TEST_DIR. The destructor stops it.
    Cluster();
    ~Cluster();
    Cluster(const Cluster&) = delete;
    Cluster& operator=(const Cluster&) = delete;

    // Starts a standby of another cluster.
    Cluster(const Cluster& primary, const std::string& name);

    // The URL of an empty database.
    const std::string& url() const { return url_; }

    // Restarts the server: ends all connections at once and waits until it accepts new ones.
    void restart() const;

    // Stops the server, as abruptly as a power cut.
    void stop() const { run({"stop"}); }

    // Makes a standby a primary, on a new timeline.
    void promote() const { run({"promote"}); }

    // Runs SQL as the superuser. Returns the first cell as text.
    std::string execute(const std::string& sql) const;

    // Sends a signal to the postmaster and all its child processes.
    void signal(int number) const;

private:
    pid_t postmaster() const;
    std::string run(const std::vector<std::string>& words) const;

    std::string folder_;
    std::string url_;
};
