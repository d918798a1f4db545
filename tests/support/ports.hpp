// TCP ports on loopback, and URLs that name them.
#pragma once

#include <string>
#include <string_view>

// Returns a port on which nothing listens and which no outgoing connection uses.
int free_port();

// Listens on a port on loopback. The caller closes the descriptor.
int listen_on_port(int port);

// Connects to a port on loopback. Returns -1 on failure.
int connect_to(int port);

// The same for a Unix socket.
int connect_to_socket(const std::string& path);

// Sends all bytes on a blocking socket. Returns false if the peer closed before it had received
// them.
bool send_all(int fd, std::string_view bytes);

// Returns the port in a URL of the form scheme://user@host:port/database.
unsigned short port_of(const std::string& url);

// Returns the URL with another port.
std::string with_port(const std::string& url, unsigned short port);
