// TCP ports on loopback, and URLs that name them.
#pragma once

#include <string>
#include <string_view>

// A port that nothing listens on and no outgoing connection gets.
int free_port();

// Listens on a port of loopback, whose descriptor the caller closes.
int listen_on_port(int port);

// A connection to a port on loopback, or -1.
int connect_to(int port);

// The same to a unix socket.
int connect_to_socket(const std::string& path);

// Sends all of it on a blocking socket; false when the peer closed before it had it.
bool send_all(int fd, std::string_view bytes);

// The port in a URL of this form: scheme://user@host:port/database.
unsigned short port_of(const std::string& url);

// The same URL with another port.
std::string with_port(const std::string& url, unsigned short port);
