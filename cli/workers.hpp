// The processes of all endpoints. They start with the first connection to their endpoint (all at
// once with PRESTART=on), start again when they die, and can be replaced.
#pragma once

#include <poll.h>

#include <csignal>
#include <optional>
#include <string>
#include <vector>

#include "cli/endpoint_list.hpp"
#include "cli/process.hpp"
#include "cli/replacement.hpp"

class Workers {
public:
    // Processes start with `signal_mask`, which must outlive this object.
    explicit Workers(const sigset_t& signal_mask) : signal_mask_(signal_mask) {}

    // Listens for an endpoint whose processes run `command`. Must not be called once a process has
    // started.
    void add(const Config& config, const EndpointEntry& endpoint, std::vector<std::string> command);

    // Starts every process that is active from the beginning.
    void start_active();

    // Adds the sockets of endpoints that have not started yet, or that are down.
    void watch(std::vector<pollfd>& descriptors) const;

    // Starts the endpoints to whose sockets a client has connected, and processes that are due.
    // Closes the connections to endpoints that are down.
    void start_due(const std::vector<pollfd>& descriptors);
    milliseconds until_next_start() const;

    // Must be called with the wait status of every child that has ended. With `starts_again` it
    // will be due again, after a pause that grows with each death in a row.
    void child_ended(pid_t pid, int status, bool starts_again);

    // Begins with the next request of cli/restart.hpp, unless one is under way.
    void begin_replacing();
    // Does what is due for it.
    void go_on_replacing();
    bool is_replacing() const { return replacement_.has_value(); }

    // Sends SIGTERM to the endpoints whose answers do not end by themselves.
    void stop_streams();

    void signal(int signal) const;
    bool are_running() const;

private:
    bool is_down(int socket) const;
    void start_endpoint(int socket);
    void refuse_connections() const;

    const sigset_t& signal_mask_;
    std::vector<Process> processes_;  // those of one endpoint are neighbours
    std::optional<Replacement> replacement_;
};
