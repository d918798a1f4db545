// What the supervisor tells systemd (sd_notify(3), a unit with Type=notify).
#pragma once

#include <string>

// Reads and removes NOTIFY_SOCKET, so that no child sends for this process. Without it notify()
// does nothing.
class ServiceManager {
public:
    ServiceManager();

    // "READY=1", "RELOADING=1" or "STOPPING=1". What cannot be sent is left out.
    void notify(const std::string& state) const;

    // RELOADING=1 with the time that Type=notify-reload expects.
    void notify_reloading() const;

private:
    std::string socket_;  // a path, or "@" and the name of an abstract socket; empty for none
};
