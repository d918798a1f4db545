#include "cli/documents.hpp"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <ostream>
#include <set>
#include <stdexcept>

#include "shared/config.hpp"
#include "shared/http/error_body.hpp"
#include "shared/json/reader.hpp"

namespace {

namespace fs = std::filesystem;

constexpr std::string_view generated = "# Generated from the code by `make generate`.\n";

struct Route {
    std::string name;
    std::string path;
    std::vector<std::string> also_at;
    std::string methods;  // as in Allow
    bool is_stream = false;
    bool is_websocket = false;
};

// Where the personal API lies for its handlers; nginx puts it at API_PREFIX.
constexpr std::string_view personal = "/api/v1/";

// What an executable writes to stdout.
std::string output_of(const fs::path& executable, const char* option) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) throw std::runtime_error("no pipe");
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
    const std::string path = executable.string();
    const char* const words[] = {path.c_str(), option, nullptr};
    pid_t pid = 0;
    const int code = posix_spawn(&pid, path.c_str(), &actions, nullptr,
                                 const_cast<char* const*>(words), environ);
    posix_spawn_file_actions_destroy(&actions);
    close(ends[1]);
    std::string text;
    std::array<char, 4096> buffer;
    for (ssize_t count = 0; (count = read(ends[0], buffer.data(), buffer.size())) > 0;)
        text.append(buffer.data(), static_cast<std::size_t>(count));
    close(ends[0]);
    int status = 0;
    if (code != 0 || waitpid(pid, &status, 0) != pid || status != 0)
        throw std::runtime_error("cannot run " + path);
    return text;
}

std::vector<Route> routes() {
    std::vector<Route> found;
    for (const auto& described : describe_handlers()) {
        const auto text = [&](const char* name) {
            return std::string{json::text_of(described[name])};
        };
        Route route{text("name"), text("path"), {}, text("allow")};
        for (const auto& other : described["also_at"].GetArray())
            route.also_at.emplace_back(json::text_of(other));
        for (const auto& operation : described["operations"].GetArray()) {
            route.is_stream |= operation["answer"]["stream"].IsTrue();
            route.is_websocket |= operation["answer"]["status"].GetInt() == 101;
        }
        found.push_back(std::move(route));
    }
    // /jobs/lease is also matched by /jobs/{id}, and the first in a map wins.
    std::stable_partition(found.begin(), found.end(), [](const Route& route) {
        return route.path.find('{') == route.path.npos;
    });
    return found;
}

// A path template with each {parameter} replaced.
template <class Replace>
std::string with_parameters(const std::string& path, Replace replace) {
    std::string text;
    for (std::size_t i = 0; i < path.size(); ++i) {
        const bool is_parameter = path[i] == '{' && (i == 0 || path[i - 1] != '$');
        const auto end = is_parameter ? path.find('}', i) : i;
        if (is_parameter)
            text += replace(path.substr(i + 1, end - i - 1));
        else
            text += path[i];
        i = end;
    }
    return text;
}

// A path template as a regular expression; a parameter is one or more of `characters`.
std::string pattern_of(const std::string& path, std::string_view characters) {
    std::string escaped;
    for (const char c : path) escaped += c == '.' ? "\\." : std::string{c};
    return "^" +
           with_parameters(escaped, [&](const auto&) { return std::string{characters} + "+"; });
}

// nginx matches the decoded path, so a parameter must not take in control bytes that were escaped
// (nor must the end: `$` also matches before a final line feed); the handler looks at the raw path
// again.
std::string location_of(const std::string& path) {
    if (pattern_of(path, "") == "^" + path) return "= " + path;
    return "~ \"" + pattern_of(path, R"([^/\x00-\x1f\x7f])") + "\\z\"";
}

// What nginx itself answers, and as what. A handler that is away or too slow is a dependency that
// fails, and a 500 of nginx itself (those of handlers are passed on as they are) means that it has
// no connection left, which passes; an HTTP version or transfer coding that nginx does not know is
// a bad request.
struct NginxError {
    const char* statuses;
    Error error;
    bool is_of_any_request = true;
};
constexpr NginxError nginx_errors[] = {
    {"400 501 505 =400", Error::bad_request},
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
    {ErrorShape::orchestrator, "orchestrator"},
    {ErrorShape::api, "api"},
    {ErrorShape::problem, "problem"},
};

// The body as a string of nginx's configuration language, where only the request id is a variable.
std::string body_literal(Error error, ErrorShape shape) {
    std::string literal;
    const auto body = error_body(shape, ApiError{error}, "$correlation_id");
    for (const char c : body) {
        if (c == '\'' || c == '\\') literal += '\\';
        literal += c;
    }
    if (std::count(body.begin(), body.end(), '$') != 1)
        throw std::runtime_error("nginx cannot hold a $ in: " + body);
    return "'" + literal + "'";
}

void print_error_location(std::ostream& out, Error error, ErrorShape shape,
                          const char* shape_name) {
    const auto& row = entry(error);
    out << "location = /_errors/" << shape_name << "/" << row.status << " {\n"
        << "    internal;\n"
        << "    default_type " << media_type(shape) << ";\n"
        << "    include error_headers.conf;\n";
    // A refused request must not hold its connection while its body arrives.
    if (row.status == 429) out << "    lingering_time 1s;\n    lingering_timeout 1s;\n";
    if (row.status == 429 || row.status == 503)
        out << "    add_header Retry-After " << retry_after << " always;\n";
    out << "    return " << row.status << " " << body_literal(error, shape) << ";\n}\n";
}

// nginx asks again when a kept connection breaks, though never for a POST or PATCH that it has
// sent. PUT and DELETE change something as well, but nginx does not know: they get connections that
// are not kept, and one that was just made is not tried again.
bool is_sent_once(const Route& route) {
    return (", " + route.methods).find(", PUT,") != std::string::npos ||
           (", " + route.methods).find(", DELETE,") != std::string::npos;
}

bool hashes_passwords(const Route& route) {
    return std::find(std::begin(hashing_endpoints), std::end(hashing_endpoints), route.name) !=
           std::end(hashing_endpoints);
}

void print_location(std::ostream& out, const Route& route, const std::string& path) {
    out << "location " << location_of(path) << " { set $endpoint " << route.name << ";";
    if (route.is_stream || route.is_websocket) out << " include streams.conf;";
    if (route.is_websocket) {
        // A ping comes each 20 seconds.
        out << " proxy_read_timeout 60s; proxy_pass http://" << route.name << "; }\n";
        return;
    }
    if (is_sent_once(route))
        out << " if ($request_method ~ \"^(PUT|DELETE)\\z\") { fastcgi_pass " << route.name
            << "_once; }";
    if (hashes_passwords(route)) out << " fastcgi_read_timeout ${HASHING_PATIENCE};";
    // A comment comes each 15 seconds.
    if (route.is_stream) out << " fastcgi_read_timeout 60s;";
    out << " fastcgi_pass " << route.name << "; }\n";
}

void print_methods(std::ostream& out, const Route& route, const std::string& path) {
    out << "    \"~" << pattern_of(path, "[^/?]") << "(\\?|$)\" \"" << route.methods << "\";\n";
}

// A user that the path does not name stays empty.
void print_target(std::ostream& out, const Route& route, const std::string& path) {
    const auto pattern = with_parameters(
        path, [](const std::string& name) { return "(?<path_" + name + ">[^/?]+)"; });
    const auto target = with_parameters(route.path, [&](const std::string& name) {
        return path.find("{" + name + "}") == path.npos ? "" : "$path_" + name;
    });
    out << "    \"~^" << pattern << "(?<path_query>(\\?.*)?)$\" \"" << target << "$path_query\";\n";
}

std::string default_of(const Setting& setting) {
    return setting.default_value.empty() ? "–" : "`" + std::string{setting.default_value} + "`";
}

}  // namespace

std::vector<fs::path> handler_executables() {
    const auto folder = fs::read_symlink("/proc/self/exe").parent_path() / "handlers";
    std::vector<fs::path> found;
    for (const auto& file : fs::directory_iterator{folder})
        if (file.is_regular_file() && access(file.path().c_str(), X_OK) == 0)
            found.push_back(file.path());
    std::sort(found.begin(), found.end());
    if (found.empty()) throw std::runtime_error("no handlers in " + folder.string());
    return found;
}

std::vector<rapidjson::Document> describe_handlers() {
    std::vector<rapidjson::Document> found;
    std::set<std::string> paths;
    for (const auto& executable : handler_executables()) {
        auto described = json::parse(output_of(executable, "--describe"));
        const std::string path{json::text_of(described["path"])};
        if (!paths.insert(path).second) throw std::runtime_error("two handlers declare " + path);
        found.push_back(std::move(described));
    }
    return found;
}

std::string public_path(std::string path) {
    if (path.starts_with(personal)) path.replace(0, personal.size() - 1, "${API_PREFIX}");
    return path;
}

std::vector<Error> errors_of_nginx() {
    std::vector<Error> found;
    for (const auto& nginx_error : nginx_errors)
        if (nginx_error.is_of_any_request) found.push_back(nginx_error.error);
    return found;
}

void print_routes(std::ostream& out) {
    out << generated << '\n';
    const auto all = routes();
    for (const auto& route : all) print_location(out, route, public_path(route.path));
    for (const auto& route : all)
        for (const auto& path : route.also_at) print_location(out, route, path);
    out << "\n# What nginx answers itself. The status 494 is nginx's own, for a header that is too "
           "large.\n";
    for (const auto& [statuses, error, is_of_any_request] : nginx_errors)
        out << "error_page " << statuses << " /_errors/$error_shape/" << entry(error).status
            << ";\n";
    for (const auto& nginx_error : nginx_errors)
        for (const auto& [shape, name] : shapes)
            print_error_location(out, nginx_error.error, shape, name);
}

void print_maps(std::ostream& out) {
    const auto all = routes();
    out << generated << "\n# What a path allows. It is asked for the raw target, query and all.\n"
        << "map $request_uri $methods_of_path {\n"
        << "    \"~^/(livez|openapi\\.json|docs|docs/[^/?]*)(\\?|$)\" \"GET, HEAD\";\n";
    for (const auto& route : all) print_methods(out, route, public_path(route.path));
    for (const auto& route : all)
        for (const auto& path : route.also_at) print_methods(out, route, path);
    out << "    default \"GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS\";\n}\n"
        << "\n# The target as the handlers know it, where nginx offers it elsewhere.\n"
        << "map $request_uri $handler_target {\n";
    for (const auto& route : all)
        if (public_path(route.path) != route.path)
            print_target(out, route, public_path(route.path));
    for (const auto& route : all)
        for (const auto& path : route.also_at) print_target(out, route, path);
    out << "    default $request_uri;\n}\n";
    for (const auto& route : all) {
        const auto server = "server unix:sockets/" + route.name + ".sock max_fails=0;";
        if (route.is_websocket) {
            out << "\nupstream " << route.name << " { " << server << " }\n";
            continue;
        }
        out << "\nupstream " << route.name << " {\n"
            << "    " << server << "\n"
            << "    keepalive 64;\n"
            << "    keepalive_requests 1000000000;\n"
            << "    keepalive_timeout 1h;\n"
            << "}\n";
        if (is_sent_once(route)) out << "upstream " << route.name << "_once { " << server << " }\n";
    }
}

void print_errors(std::ostream& out) {
    out << "# Errors\n\n"
        << "Generated from `shared/error.def` by `make generate`. Every error body names the "
           "request; the log has more under its id. Of a 503 that nginx answers itself it has one "
           "line, and the `upstream_status` there says why: `504`, the endpoint took too long; "
           "`502`, it is not running; `-`, nginx had no connection left.\n\n"
        << "| status | code (`/api`) | type (elsewhere) | message | meaning "
           "|\n|---|---|---|---|---|\n";
    for (const auto& row : error_registry())
        out << "| " << row.status << " | `" << row.code << "` | `" << row.type << "` | "
            << row.message << " | " << row.meaning << " |\n";
}

void print_settings_env(std::ostream& out) {
    out << "# Every setting with its default. `make run` reads .env; variables that are set win.\n"
        << "# A value that starts with @/ is read from that file. Generated by `make generate`.\n";
    for (const auto& setting : settings()) {
        out << "\n# " << setting.description;
        if (!setting.choices.empty()) out << " (" << setting.choices << ")";
        out << ".\n#" << setting.name << "=" << setting.default_value << '\n';
    }
    out << "\n# Processes of one endpoint: its name in capitals.\n#WORKERS_AUTH_LOGIN=2\n";
}

void print_settings_markdown(std::ostream& out) {
    out << "| name | default | meaning |\n|---|---|---|\n";
    for (const auto& setting : settings()) {
        out << "| `" << setting.name << "` | " << default_of(setting) << " | "
            << setting.description;
        if (!setting.choices.empty()) {
            std::string choices{setting.choices};
            std::replace(choices.begin(), choices.end(), '|', ',');
            out << " (" << choices << ")";
        }
        out << " |\n";
    }
    out << "| `WORKERS_<ENDPOINT>` | 1 (2 for";
    for (const auto endpoint : hashing_endpoints)
        out << (endpoint == hashing_endpoints[0] ? " `" : ", `") << endpoint << "`";
    out << ") | Processes of one endpoint |\n";
}
