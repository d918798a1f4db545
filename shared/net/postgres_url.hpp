// The addresses in a connection URL of libpq.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

// A host from a URL, or one of its addresses. Empty members are left to libpq.
struct Host {
    std::string name;
    std::string address;
    std::string port;
};

struct PostgresUrl {
    std::string text;                                  // the URL, for libpq
    std::vector<Host> hosts;                           // in order, names not yet resolved
    std::string host_names;                            // the parameter "host", for messages
    std::string database;                              // the parameter "dbname", for messages
    std::optional<std::chrono::seconds> timeout = {};  // connect_timeout, for one attempt

    bool names_several_hosts() const { return hosts.size() > 1; }
};

// Returns nullopt for a URL that libpq refuses.
std::optional<PostgresUrl> parse_postgres_url(const std::string& text);
