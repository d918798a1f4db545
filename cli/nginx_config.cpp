#include "cli/nginx_config.hpp"

#include <rapidjson/document.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <regex>
#include <stdexcept>

#include "cli/layout.hpp"
#include "cli/read_file.hpp"
#include "cli/run_dir.hpp"
#include "shared/auth/password.hpp"
#include "shared/config/addresses.hpp"
#include "shared/endpoint.hpp"
#include "shared/net/url_host.hpp"
#include "shared/run_dir.hpp"
#include "shared/server/raw_request.hpp"

namespace {

namespace fs = std::filesystem;

void replace(std::string& text, const std::string& word, const std::string& value) {
    for (auto at = text.find(word); at != text.npos; at = text.find(word, at + value.size()))
        text.replace(at, word.size(), value);
}

// An origin cannot contain the \E that would end the quotation.
std::string origin_lines(const Config& config) {
    std::string lines;
    for (const auto& origin : config.allowed_origins)
        lines.append("    \"~^\\Q")
            .append(origin)
            .append("\\E\\z\" \"")
            .append(origin)
            .append("\";\n");
    return lines;
}

// "::" stands for both families. IPv4 has a socket of its own, so that its clients have IPv4
// addresses.
std::string listen_lines(const Config& config) {
    std::vector<std::string> hosts{url_host(config.host)};
    if (config.host == "::") hosts.emplace_back("0.0.0.0");
    std::string lines;
    for (const auto& host : hosts)
        lines.append("        listen ")
            .append(host)
            .append(":")
            .append(std::to_string(config.port))
            .append(config.has_tls() ? " ssl http2" : "")
            .append(" backlog=4096 sndbuf=128k;\n");
    return lines;
}

// TLS 1.2 and 1.3 with the ciphers of Mozilla's intermediate configuration (Server Side TLS 5.7).
// The keys of session tickets would stay the same for as long as nginx runs, so there are none.
// Each of the requests on an HTTP/2 connection counts as a connection in nginx's limits.
std::string tls_lines(const Config& config) {
    if (!config.has_tls()) return {};
    return "        ssl_certificate " + config.tls_certificate +
           ";\n"
           "        ssl_certificate_key " +
           config.tls_key +
           ";\n"
           "        ssl_protocols TLSv1.2 TLSv1.3;\n"
           "        ssl_ciphers ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"
           "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"
           "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305;\n"
           "        ssl_prefer_server_ciphers off;\n"
           "        ssl_session_cache shared:steelthread:10m;\n"
           "        ssl_session_timeout 1d;\n"
           "        ssl_session_tickets off;\n"
           "        http2_max_concurrent_streams 128;\n";
}

// Without trusted proxies X-Forwarded-For is ignored.
std::string proxy_lines(const Config& config) {
    std::string lines;
    for (const auto& network : config.trusted_proxies)
        lines.append("set_real_ip_from ").append(network).append(";\n");
    if (lines.empty()) return lines;
    return lines + "real_ip_header X-Forwarded-For;\nreal_ip_recursive on;\n";
}

// The OpenAPI document, in one line.
std::string openapi_text(const Config& config, const fs::path& folder) {
    auto text = read_file(folder / "openapi.json");
    replace(text, "${API_PREFIX}", config.api_prefix);
    rapidjson::Document document;
    document.Parse(text.data(), text.size());
    if (document.HasParseError() || !document.IsObject() || !document.HasMember("paths"))
        throw std::runtime_error((folder / "openapi.json").string() +
                                 " is not an OpenAPI document");
    rapidjson::StringBuffer written;
    rapidjson::Writer<rapidjson::StringBuffer> writer{written};
    document.Accept(writer);
    return written.GetString();
}

// How many of nginx's connections one network may use at a time
// (docs/adr/0007-what-one-network-may-have.md).
struct NetworkLimits {
    rlim_t requests;  // under way; each needs two connections once its body has arrived
    rlim_t bodies;    // of the requests, those with a body
    rlim_t endpoint;  // of the requests, those to one endpoint
    rlim_t streams;   // each needs two connections
};

// Ten networks cannot use all of 24,576 connections. When there are fewer, the requests of one
// network cannot use more than a quarter.
NetworkLimits network_limits(rlim_t connections) {
    const auto requests = std::min<rlim_t>(640, connections / 8);
    return {.requests = requests,
            .bodies = requests * 9 / 10,
            .endpoint = requests * 9 / 10,
            .streams = requests * 6 / 10};
}

using std::chrono::milliseconds;

// How long a handler may need in addition to its database: two seconds for a key set, a fifth of a
// second for each count in Redis, and some time on a busy machine.
constexpr milliseconds longest_rest{3'000};

// How long a handler waits for one batch at most, including a new connection.
milliseconds longest_batch(const Config& config) {
    return milliseconds{config.db_deadline_ms + config.db_connect_timeout_ms};
}

// How long nginx waits for an answer: long enough for a handler that runs one batch.
milliseconds patience(const Config& config) { return longest_batch(config) + longest_rest; }

// The same for an endpoint that hashes passwords. log_in() takes longest when the cost has changed:
// it reads an account, compares the hash, computes a new one and writes it. A hash of cost 12 takes
// a third of a second.
milliseconds hashing_patience(const Config& config) {
    const milliseconds hash{(500 << config.bcrypt_cost) >> 12};
    return 2 * (longest_batch(config) + max_password_wait + hash) + longest_rest;
}

std::string in_nginx(milliseconds time) { return std::to_string(time.count()) + "ms"; }

// The files that nginx.conf includes, directly or through others.
constexpr const char* included[] = {"http.conf",        "server.conf",         "metrics.conf",
                                    "maps.conf",        "request_fields.conf", "routes.conf",
                                    "streams.conf",     "common_headers.conf", "error_headers.conf",
                                    "docs_headers.conf"};

// What depends on the nginx that reads the configuration.
struct Place {
    std::string sockets;  // the folder of the handlers' sockets
    std::string published;
    std::string logs;        // directives
    rlim_t connections = 0;  // of the worker
};

// A file of the templates, with the words in braces replaced.
std::string rendered(const Config& config, const Place& place, const std::string& name) {
    auto text = read_file(nginx_folder() / name);
    const auto limits = network_limits(place.connections);
    const std::pair<const char*, std::string> words[] = {
        {"${API_PREFIX}", config.api_prefix},
        {"${BODIES_PER_NETWORK}", std::to_string(limits.bodies)},
        {"${CONNECTIONS}", std::to_string(place.connections)},
        {"${ENDPOINT_PER_NETWORK}", std::to_string(limits.endpoint)},
        {"${EXPOSED_HEADERS}", std::string{exposed_headers}},
        {"${HASHING_PATIENCE}", in_nginx(hashing_patience(config))},
        {"${HTTP_KEEPALIVE_SECONDS}", std::to_string(config.http_keepalive_seconds)},
        {"${LISTEN}", listen_lines(config)},
        {"${LOGS}", place.logs},
        {"${MAX_BODY_BYTES}", std::to_string(default_max_body)},
        {"${METRICS_LISTEN}", config.metrics_listen ? config.metrics_listen->text() : ""},
        {"${METRICS}", config.metrics_listen ? "include metrics.conf;" : ""},
        {"${ORIGINS}", origin_lines(config)},
        {"${PATIENCE}", in_nginx(patience(config))},
        {"${PUBLIC}", place.published},
        {"${REQUESTS_PER_NETWORK}", std::to_string(limits.requests)},
        {"${REQUEST_ID}", request_id_pattern()},
        {"${SOCKETS}", place.sockets},
        {"${STREAMS_PER_NETWORK}", std::to_string(limits.streams)},
        {"${STREAMS}", std::to_string(place.connections * 7 / 16)},
        {"${TLS}", tls_lines(config)},
        {"${TRUSTED_PROXIES}", proxy_lines(config)},
        // If root starts nginx, its workers would run as another user, who cannot open the sockets.
        {"${USER}", geteuid() == 0 ? "user root;" : ""},
        {"${ACCESS_LOG}", config.log_level > logging::Level::info && !config.metrics_listen
                              ? "off"
                              : "/dev/stdout steelthread buffer=32k flush=1s"},
    };
    for (const auto& [word, value] : words) replace(text, word, value);
    return text;
}

// The text with the files in place of the directives that include them.
std::string inlined(const Config& config, const Place& place, std::string text) {
    static const std::regex directive{"include ([a-z_]+\\.conf);"};
    for (std::smatch found; std::regex_search(text, found, directive);) {
        const auto file = rendered(config, place, found[1]);
        text = found.prefix().str() + "\n" + file + found.suffix().str();
    }
    return text;
}

}  // namespace

std::string request_id_pattern() {
    return "[A-Za-z0-9" + std::string{request_id_punctuation} + "]{1," +
           std::to_string(max_request_id_bytes) + "}";
}

void publish(const Config& config) {
    const auto folder = nginx_folder();
    make_folder("public");
    replace_file("public/openapi.json", openapi_text(config, folder));
    replace_link(folder / "docs", "public/docs");
}

void render_nginx(const Config& config) {
    rlimit files{};
    getrlimit(RLIMIT_NOFILE, &files);
    // Two for each of 10,000 streams of the feed, and some for requests. A connection costs nginx
    // 0.4 KiB.
    const Place place{.sockets = "sockets",
                      .published = "public",
                      .logs = "",
                      .connections = std::min<rlim_t>(files.rlim_cur, 24'576)};
    replace_file("nginx.conf", rendered(config, place, "nginx.conf.in"));
    for (const char* name : included) replace_file(name, rendered(config, place, name));
    publish(config);
}

std::string nginx_include(const Config& config, const std::string& block, rlim_t connections) {
    const fs::path run_dir = resolve_run_dir(config.run_dir);
    if (!is_plain_path(run_dir.string()))
        throw ConfigError("RUN_DIR " + run_dir.string() +
                          " contains characters that nginx's configuration would have to quote: "
                          "choose another folder");
    const Place place{.sockets = run_dir / "sockets",
                      .published = run_dir / "public",
                      // The default log contains queries, and with them tickets.
                      .logs =
                          "access_log /var/log/nginx/steelthread.log steelthread;\n"
                          "error_log /var/log/nginx/steelthread-error.log emerg;\n",
                      .connections = connections};
    return inlined(config, place, rendered(config, place, block + ".conf"));
}
