// What a connection URL of libpq says of where to connect.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

// A host that a URL names, or one address of it. What is empty is left to libpq.
struct Host {
    std::string name;
    std::string address;
    std::string port;
};

struct PostgresUrl {
    std::string text;                                  // the URL, for libpq
    std::vector<Host> hosts;                           // in its order, names not yet looked up
    std::string host_names;                            // the parameter "host", for messages
    std::string database;                              // the parameter "dbname", for messages
    std::optional<std::chrono::seconds> timeout = {};  // connect_timeout: of one attempt

    bool names_several_hosts() const { return hosts.size() > 1; }
};

// Nullopt for a URL that libpq refuses.
std::optional<PostgresUrl> parse_postgres_url(const std::string& text);
