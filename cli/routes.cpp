#include "cli/routes.hpp"

#include <algorithm>
#include <ostream>
#include <stdexcept>
#include <string>

#include "cli/handlers.hpp"
#include "shared/endpoint.hpp"
#include "shared/http/error_body.hpp"
#include "shared/http/request.hpp"
#include "shared/json/reader.hpp"
#include "shared/text.hpp"

namespace {

constexpr std::string_view generated = "# Generated from the code by `make generate`.\n";

struct Route {
    std::string name;
    std::vector<std::string> paths;  // every path of the endpoint
    std::string methods;             // as in Allow
    std::int64_t max_body = 0;
    bool hashes_passwords = false;
    bool is_stream = false;
    bool is_websocket = false;
    bool has_html = false;
};

std::vector<Route> routes() {
    std::vector<Route> found;
    for (const auto& described : describe_handlers()) {
        const auto text = [&](const char* name) {
            return std::string{json::text_of(described[name])};
        };
        // nginx, which answers for handlers that are down, only knows the path.
        if ((text("shape") == "enveloped") != text("path").starts_with("/api/"))
            throw std::runtime_error("enveloped must be what is below /api/: " + text("path"));
        Route route{.name = text("name"),
                    .paths = {public_path(text("path"))},
                    .methods = text("allow"),
                    .max_body = described["max_body"].GetInt64(),
                    .hashes_passwords = described["hashes_passwords"].IsTrue(),
                    .is_stream = described["is_stream"].IsTrue(),
                    .is_websocket = described["is_websocket"].IsTrue()};
        for (const auto& operation : described["operations"].GetArray())
            route.has_html = route.has_html || operation["answer"]["html"].IsTrue();
        for (const auto& other : described["also_at"].GetArray())
            route.paths.emplace_back(json::text_of(other));
        found.push_back(std::move(route));
    }
    return found;
}

// Whether the template `general` also matches every path of the template `special`.
bool covers(const std::string& general, const std::string& special) {
    const auto wide = split(general, '/');
    const auto narrow = split(special, '/');
    return std::equal(wide.begin(), wide.end(), narrow.begin(), narrow.end(),
                      [](auto any, auto one) { return any.starts_with('{') || any == one; });
}

// Each path of each endpoint: the declared paths, then the additional ones. The first one that
// matches wins, so /jobs/lease comes before /jobs/{id}.
template <class Print>
void for_each_path(const std::vector<Route>& all, Print print) {
    std::vector<std::pair<const Route*, std::string>> paths;
    const auto insert = [&](const Route& route, const std::string& path) {
        const auto before = std::find_if(paths.begin(), paths.end(), [&](const auto& other) {
            return covers(other.second, path);
        });
        paths.insert(before, {&route, path});
    };
    for (const auto& route : all) insert(route, route.paths.front());
    for (const auto& route : all)
        for (std::size_t i = 1; i < route.paths.size(); ++i) insert(route, route.paths[i]);
    for (const auto& [route, path] : paths) print(*route, path);
}

// Returns a path template as a regular expression, in which a parameter is one or more of
// `characters`.
std::string pattern_of(const std::string& path, std::string_view characters) {
    std::string pattern = "^";
    for (std::size_t i = 0; i < path.size(); ++i) {
        const bool is_parameter = path[i] == '{' && (i == 0 || path[i - 1] != '$');
        if (is_parameter) {
            pattern.append(characters).append("+");
            i = path.find('}', i);
        } else {
            pattern.append(path[i] == '.' ? "\\" : "").append(1, path[i]);
        }
    }
    return pattern;
}

// A final slash makes no difference (match_path()), except that "//" is not the root.
const char* final_slash(const std::string& path) { return path == "/" ? "" : "/?"; }

// The conditions of the locations of a path, with and without a final slash.
//
// nginx matches the decoded path, so a parameter must not match control bytes that were escaped,
// and the end must not be `$`, which also matches before a final line feed. The handler checks the
// raw path again.
std::vector<std::string> locations_of(const std::string& path) {
    if (path == "/") return {"= /"};
    if (pattern_of(path, "") == "^" + path) return {"= " + path, "= " + path + "/"};
    return {"~ \"" + pattern_of(path, R"([^/\x00-\x1f\x7f])") + final_slash(path) + "\\z\""};
}

// The statuses that nginx generates itself, and the errors that clients see instead. A handler that
// is down or too slow is a failing dependency. nginx's own 500 means that it has no connection
// left, which is temporary; a handler's 500 is passed on. An HTTP version or transfer coding that
// nginx does not know is a bad request.
struct NginxError {
    const char* statuses;
    Error error;
    bool is_of_any_request = true;
};
constexpr NginxError nginx_errors[] = {
    {"400 501 505 =400", Error::bad_request},
    {"497 =400", Error::https_required, false},
    {"403", Error::forbidden, false},
    {"404", Error::not_found, false},
    {"405", Error::method_not_allowed, false},
    {"412", Error::precondition_failed, false},
    {"413", Error::payload_too_large},
    {"414", Error::uri_too_long},
    {"429", Error::rate_limited},
    {"494 =431", Error::headers_too_large},
    {"500 502 503 504 =503", Error::service_unavailable},
};

constexpr std::pair<ErrorShape, const char*> shapes[] = {
    {ErrorShape::plain, "plain"},
    {ErrorShape::enveloped, "enveloped"},
    {ErrorShape::problem, "problem"},
};

// The body as a string in nginx's configuration language. The request id is its only variable.
std::string body_literal(Error error, ErrorShape shape) {
    std::string literal;
    const auto body = error_body(shape, ApiError{error}, "$steelthread_correlation_id");
    for (const char c : body) {
        if (c == '\'' || c == '\\') literal += '\\';
        literal += c;
    }
    if (std::count(body.begin(), body.end(), '$') != 1)
        throw std::runtime_error("nginx cannot quote the $ in: " + body);
    return "'" + literal + "'";
}

void print_error_location(std::ostream& out, Error error, ErrorShape shape,
                          const char* shape_name) {
    const auto& row = entry(error);
    out << "location = /_errors/" << shape_name << "/" << row.name << " {\n"
        << "    internal;\n"
        << "    default_type " << media_type(shape) << ";\n"
        << "    include error_headers.conf;\n";
    // Over HTTP/2 nginx would compare the size of the body once more, and answer with its own page.
    out << "    client_max_body_size 0;\n";
    // A refused request must not hold its connection while its body arrives.
    if (row.status == 429) out << "    lingering_time 1s;\n    lingering_timeout 1s;\n";
    // nginx adds Allow to a 405 by itself.
    if (!row.header_value.empty())
        out << "    add_header " << row.header << " " << row.header_value << " always;\n";
    out << "    return " << row.status << " " << body_literal(error, shape) << ";\n}\n";
}

// nginx retries a request when a connection that it has kept breaks, but never a POST or PATCH that
// it has sent. It would retry PUT and DELETE, which change something as well: those use new
// connections, on which nginx does not retry.
bool is_sent_once(const Route& route) {
    return (", " + route.methods).find(", PUT,") != std::string::npos ||
           (", " + route.methods).find(", DELETE,") != std::string::npos;
}

void print_location(std::ostream& out, const Route& route, const std::string& condition) {
    out << "location " << condition << " { set $steelthread_endpoint " << route.name << ";";
    if (route.is_stream) out << " include streams.conf;";
    if (route.is_websocket) {
        // A ping is sent every 20 seconds.
        out << " proxy_read_timeout 60s; proxy_pass http://steelthread_" << route.name << "; }\n";
        return;
    }
    if (route.has_html)
        out << " fastcgi_hide_header Vary; add_header Vary \"Accept, Origin\" always;"
            << " if ($steelthread_wants_html) { rewrite ^ /_start last; }";
    if (route.max_body != default_max_body)
        out << " client_max_body_size " << route.max_body << "; client_body_buffer_size "
            << route.max_body << ";";
    if (is_sent_once(route))
        out << " if ($request_method ~ \"^(PUT|DELETE)\\z\") { fastcgi_pass steelthread_"
            << route.name << "_once; }";
    if (route.hashes_passwords) out << " fastcgi_read_timeout ${HASHING_PATIENCE};";
    // A comment is sent every 15 seconds.
    if (route.is_stream) out << " fastcgi_read_timeout 60s;";
    out << " fastcgi_pass steelthread_" << route.name << "; }\n";
}

void print_methods(std::ostream& out, const Route& route, const std::string& path) {
    out << "    \"~" << pattern_of(path, "[^/?]") << final_slash(path) << "(\\?|$)\" \""
        << route.methods << "\";\n";
}

}  // namespace

std::string public_path(const std::string& path) { return mounted(path, "${API_PREFIX}"); }

std::vector<Error> errors_of_nginx() {
    std::vector<Error> found;
    for (const auto& nginx_error : nginx_errors)
        if (nginx_error.is_of_any_request) found.push_back(nginx_error.error);
    return found;
}

void print_routes(std::ostream& out) {
    out << generated << '\n';
    for_each_path(routes(), [&](const Route& route, const std::string& path) {
        for (const auto& condition : locations_of(path)) print_location(out, route, condition);
    });
    out << "\n# Answers of nginx itself. The status 494 is nginx's own, for a header that is too "
           "large.\n";
    for (const auto& [statuses, error, is_of_any_request] : nginx_errors)
        out << "error_page " << statuses << " /_errors/$steelthread_error_shape/"
            << entry(error).name << ";\n";
    for (const auto& nginx_error : nginx_errors)
        for (const auto& [shape, name] : shapes)
            print_error_location(out, nginx_error.error, shape, name);
}

void print_maps(std::ostream& out) {
    const auto all = routes();
    out << generated
        << "\n# The methods that each path allows. The map matches the raw target, including its "
           "query.\n"
        << "map $request_uri $steelthread_methods_of_path {\n"
        << "    \"~^/(livez|openapi\\.json|favicon\\.ico|docs|docs/[^/?]*)(\\?|$)\" \"GET, "
           "HEAD\";\n";
    for_each_path(
        all, [&](const Route& route, const std::string& path) { print_methods(out, route, path); });
    out << "    default \"GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS\";\n}\n";
    for (const auto& route : all) {
        const auto server = "server unix:${SOCKETS}/" + route.name + ".sock max_fails=0;";
        if (route.is_websocket) {
            out << "\nupstream steelthread_" << route.name << " { " << server << " }\n";
            continue;
        }
        out << "\nupstream steelthread_" << route.name << " {\n"
            << "    " << server << "\n"
            << "    keepalive 64;\n"
            << "    keepalive_requests 1000000000;\n"
            << "    keepalive_timeout 1h;\n"
            << "}\n";
        if (is_sent_once(route))
            out << "upstream steelthread_" << route.name << "_once { " << server << " }\n";
    }
}

void print_request_fields(std::ostream& out) {
    out << generated << "\n# The only parts of a request that handlers see: no other header of a "
        << "client may pass for one of these.\n";
    for (const auto& field : request_fields()) {
        const bool is_header = field.nginx_variable.starts_with("$http_") ||
                               field.nginx_variable.starts_with("$content_");
        out << "fastcgi_param " << field.variable << " " << field.nginx_variable
            << (is_header ? " if_not_empty;\n" : ";\n");
    }
    out << "\n# The same for a WebSocket, which nginx passes on as HTTP.\n";
    for (const auto& field : request_fields())
        if (!field.header.empty())
            out << "proxy_set_header " << field.header << " " << field.nginx_variable << ";\n";
}
