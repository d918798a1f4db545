// The socket of a handler that runs by itself: HANDLER --listen ADDRESS.
#pragma once

#include <string>
#include <string_view>

// Whether it is an address: "unix:/run/tasks.sock", "127.0.0.1:9000" or "[::1]:9000".
bool is_listen_address(std::string_view text);

// Whether the descriptor is a socket that listens.
bool is_listening(int fd);

class ListeningSocket {
public:
    // Listens. A Unix socket has mode 0660; the socket of a process that has died is replaced.
    // Throws std::runtime_error with the address and the reason, for example if another process
    // listens.
    explicit ListeningSocket(const std::string& address);
    // Closes nothing, because the server takes the descriptor; removes the Unix socket.
    ~ListeningSocket();
    ListeningSocket(const ListeningSocket&) = delete;
    ListeningSocket& operator=(const ListeningSocket&) = delete;

    int descriptor() const { return descriptor_; }

private:
    void listen_on_path();
    void listen_on_port(const std::string& address);

    std::string path_;  // empty for TCP
    int descriptor_ = -1;
};
