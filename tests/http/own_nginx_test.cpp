// NGINX=off, and the configuration that `steelthread nginx` prints, in Debian's own nginx: with TLS
// in front, with its other sites beside, and with workers of another user.
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <regex>

#include "tests/support/stack/certificate.hpp"
#include "tests/support/stack/page.hpp"
#include "tests/support/stack/stack.hpp"

namespace {

namespace fs = std::filesystem;

// A folder that other users can pass through, unlike TEST_DIR.
class OpenFolder {
public:
    OpenFolder() {
        std::string name = fs::temp_directory_path() / "steelthread_XXXXXX";
        cr_assert(mkdtemp(name.data()) != nullptr);
        chmod(name.c_str(), 0755);
        path_ = name;
    }
    ~OpenFolder() { fs::remove_all(path_); }
    OpenFolder(const OpenFolder&) = delete;
    OpenFolder& operator=(const OpenFolder&) = delete;

    const std::string& path() const { return path_; }

private:
    std::string path_;
};

// Workers of root's nginx are another user's. Anybody else's nginx runs as that user.
bool has_other_user() { return geteuid() == 0; }

Variables without_nginx(const OpenFolder& folder) {
    Variables variables{{"NGINX", "off"}, {"RUN_DIR", folder.path() + "/run"}};
    if (has_other_user()) variables["SOCKET_GROUP"] = "www-data";
    return variables;
}

// Debian's nginx with its own configuration, except for its paths: another site answers on the same
// port for all other names.
class DebianNginx {
public:
    DebianNginx(const Stack& stack, const OpenFolder& folder)
        : folder_(folder.path() + "/nginx"), port_(free_port()) {
        for (const char* part :
             {"", "/log", "/conf.d", "/sites-enabled", "/modules-enabled", "/snippets"})
            fs::create_directory(folder_ + part);
        write("/conf.d/steelthread.conf", printed(stack, "http"));
        write("/snippets/steelthread.conf", printed(stack, "server"));
        const auto listen = "listen 127.0.0.1:" + std::to_string(port_) + " ssl http2";
        const auto keys = ";\nssl_certificate " + certificate_.file() + ";\nssl_certificate_key " +
                          certificate_.key() + ";\n";
        write("/sites-enabled/default",
              "server {\n" + listen + " default_server" + keys +
                  "server_name _;\nlocation / { add_header X-Site other; return 404 'nothing "
                  "here'; }\nlocation /json { default_type application/json; return 200 '{}'; "
                  "}\n}\n");
        auto site = with(block("nginx-site"), "listen 443 ssl http2", listen);
        site = with(site, "/etc/ssl/api.example.org.pem", certificate_.file());
        site = with(site, "/etc/ssl/api.example.org.key", certificate_.key());
        site = with(site, "api.example.org", "localhost");
        write("/sites-enabled/steelthread", with(site, "snippets/", folder_ + "/snippets/"));
        auto config = read_text("/etc/nginx/nginx.conf");
        config = with(config, "/etc/nginx/mime.types", "MIME");
        config = with(config, "/etc/nginx/", folder_ + "/");
        config = with(config, "MIME", "/etc/nginx/mime.types");
        config = with(config, "/var/log/nginx/", folder_ + "/log/");
        config = with(config, "/run/nginx.pid", folder_ + "/pid");
        if (!has_other_user()) config = with(config, "user www-data;", "");
        config = with(config, "http {", "http {\n" + temporary_paths());
        write("/nginx.conf", config);
        const auto checked =
            run_command({"/usr/sbin/nginx", "-t", "-c", folder_ + "/nginx.conf"}, base_variables());
        cr_assert_eq(checked.status, 0, "%s", checked.errors.c_str());
        process_.emplace(std::vector<std::string>{"/usr/sbin/nginx", "-c", folder_ + "/nginx.conf",
                                                  "-g", "daemon off;"},
                         base_variables(), folder_ + "/output");
        wait_until("nginx is ready", [&] { return curl(url() + "/livez").status == 0; });
    }

    std::string url() const { return "https://localhost:" + std::to_string(port_); }
    std::string other_url() const { return "https://127.0.0.1:" + std::to_string(port_); }
    const std::string& folder() const { return folder_; }

    Finished curl(const std::string& words) const {
        return run_command({"/bin/sh", "-c", "exec curl -sk -4 --compressed " + words},
                           base_variables());
    }

    std::unique_ptr<Background> follow(const std::string& words, const std::string& file) const {
        return std::make_unique<Background>(
            std::vector<std::string>{"/bin/sh", "-c", "exec curl -skN -4 " + words},
            base_variables(), file);
    }

private:
    std::string printed(const Stack& stack, const std::string& block) const {
        const auto finished = stack.command({"nginx", block});
        cr_assert_eq(finished.status, 0, "%s", finished.errors.c_str());
        if (block == "http") return finished.output;
        return with(finished.output, "/var/log/nginx/", folder_ + "/log/");
    }

    void write(const std::string& name, const std::string& text) const {
        std::ofstream{folder_ + name} << text;
    }

    std::string temporary_paths() const {
        std::string lines;
        for (const std::string kind : {"client_body", "proxy", "fastcgi", "scgi", "uwsgi"})
            lines.append(kind)
                .append("_temp_path ")
                .append(folder_)
                .append("/")
                .append(kind)
                .append(";\n");
        return lines;
    }

    const Certificate certificate_{"localhost"};
    std::string folder_;
    int port_;
    std::optional<Background> process_;
};

bool contains(const std::string& file, const std::string& text) {
    return fs::exists(file) && read_text(file).find(text) != std::string::npos;
}

// Whether everybody may pass through all folders above the file.
bool is_open_to_all(const fs::path& file) {
    for (auto folder = fs::canonical(file).parent_path();; folder = folder.parent_path()) {
        if ((fs::status(folder).permissions() & fs::perms::others_exec) == fs::perms::none)
            return false;
        if (folder == folder.root_path()) return true;
    }
}

mode_t mode_of(const std::string& path) {
    struct stat status {};
    cr_assert_eq(stat(path.c_str(), &status), 0, "%s", path.c_str());
    return status.st_mode & 07777;
}

}  // namespace

Test(own_nginx, serves_everything_beside_other_sites, .timeout = 60) {
    const OpenFolder folder;
    const TestDatabase database{Engine::postgres};
    const Stack stack{database.url(), without_nginx(folder)};
    const DebianNginx nginx{stack, folder};
    const auto url = nginx.url();
    const auto body = [&](const std::string& words) { return nginx.curl(words).output; };
    const auto status = [&](const std::string& words) {
        return body("-o /dev/null -w '%{http_code}' " + words);
    };

    const auto login = body("--json '{\"email\":\"" + std::string{Stack::email} +
                            "\",\"password\":\"" + Stack::password + "\"}' " + url + "/auth/login");
    const auto token = json_member(login, "access_token");
    cr_assert(token.starts_with("eyJ"), "%s", login.c_str());
    const auto auth = "-H 'Authorization: Bearer " + token + "' ";
    const auto task = "-X PATCH " + auth + "--json '{\"title\":\"y\"}' " + url;
    const auto path =
        body(auth + "-o /dev/null -w '%header{location}' --json '{\"title\":\"x\"}' " + url +
             "/collab/tasks");
    const auto etag = body("-o /dev/null -w '%header{etag}' " + url + path);
    EXPECT_TEXT(status("-H 'If-None-Match: " + etag + "' " + url + path), "304");
    EXPECT_TEXT(status("-H 'If-Match: " + etag + "' " + task + path), "200");
    EXPECT_TEXT(status("-H 'If-Match: " + etag + "' " + task + path), "412");
    EXPECT_TEXT(status(auth + "-H 'Transfer-Encoding: chunked' --json '{\"title\":\"x\"}' " + url +
                       "/api/tasks"),
                "201");

    // nginx's own answers have the service's shapes.
    EXPECT_TEXT(json_member(body(url + "/nothing"), "type"), "not_found");
    EXPECT_TEXT(json_member(body(url + "/api/no/thing/here/at/all"), "error.code"),
                "RESOURCE_NOT_FOUND");
    EXPECT_TEXT(json_member(body("-X TRACE " + url + "/collab/tasks"), "type"),
                "method_not_allowed");
    EXPECT_TEXT(json_member(body(auth + "--json '\"" + std::string(70'000, 'x') + "\"' " + url +
                                 "/collab/tasks"),
                            "type"),
                "payload_too_large");

    // What is published: nginx must be able to read the repository's folder for the page.
    EXPECT_TEXT(json_member(body(url + "/openapi.json"), "openapi"), "3.1.0");
    if (is_open_to_all(fs::read_symlink(stack.run_dir() + "/public/docs") / "index.html"))
        cr_expect(body(url + "/docs").find("<html") != std::string::npos);

    const auto stream = nginx.folder() + "/stream";
    const auto reader = nginx.follow(url + "/events/tail", stream);
    wait_until("the stream begins", [&] { return contains(stream, ": connected"); });
    EXPECT_TEXT(
        json_member(body(auth + "--json '{\"event\":\"x\",\"target\":\"y\"}' " + url + "/events"),
                    "ok"),
        "true");
    wait_until("the event arrives", [&] { return contains(stream, "event: note.x"); });
    const auto socket = nginx.folder() + "/socket";
    const auto listener = nginx.follow(
        "-i --http1.1 " + auth +
            "-H 'Connection: Upgrade' -H 'Upgrade: websocket' -H 'Sec-WebSocket-Version: 13' "
            "-H 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==' -H 'Origin: " +
            url + "' " + url + "/ws",
        socket);
    wait_until("the WebSocket opens", [&] { return contains(socket, R"("type":"connection")"); });

    // The other site is as before.
    const auto other = body("-i --http1.1 " + nginx.other_url() + "/collab/tasks");
    cr_expect(other.find("x-site: other") == other.npos &&
                  other.find("nothing here") != other.npos &&
                  other.find("x-content-type-options") == other.npos &&
                  other.find("X-Content-Type-Options") == other.npos,
              "%s", other.c_str());

    // The log has no query, and is the site's own.
    status(url + "/events/tail?ticket=hunter2");
    const auto log = nginx.folder() + "/log/steelthread.log";
    wait_until("the request is in the log",
               [&] { return contains(log, "\"path\":\"/events/tail\""); });
    for (const auto& file : fs::directory_iterator{nginx.folder() + "/log"})
        cr_expect(!contains(file.path(), "hunter2"), "%s", file.path().c_str());
}

// No name is one that another site may have.
Test(own_nginx, prints_names_of_its_own) {
    const auto variables =
        service_variables("sqlite:///./x.db", test_variable("TEST_DIR") + "/names");
    const auto printed = [&](const std::string& block) {
        return run_command({built("steelthread"), "nginx", block}, variables).output;
    };
    const auto http = printed("http");
    const std::regex name{R"((?:map [^{]*\$|upstream |zone=|log_format |\?<)(\w+))"};
    int count = 0;
    for (std::sregex_iterator found{http.begin(), http.end(), name}, end; found != end; ++found) {
        ++count;
        cr_expect((*found)[1].str().starts_with("steelthread"), "%s", (*found)[0].str().c_str());
    }
    cr_expect(count > 40, "%d", count);
    for (const auto& text : {http, printed("server")}) {
        cr_expect(text.find("${") == text.npos && text.find("include ") == text.npos);
        cr_expect(!text.empty());
    }
    auto spaced = variables;
    spaced["RUN_DIR"] = test_variable("TEST_DIR") + "/a b";
    const auto refused = run_command({built("steelthread"), "nginx", "http"}, spaced);
    cr_expect(refused.errors.find("choose another folder") != std::string::npos, "%s",
              refused.errors.c_str());
}

// The members of the group open sockets and read what is published, and nothing else.
Test(own_nginx, lets_a_group_open_the_sockets_only) {
    if (!has_other_user()) return;
    const OpenFolder folder;
    const Stack stack{Engine::sqlite, without_nginx(folder)};
    const auto& run_dir = stack.run_dir();
    for (const char* path : {"", "/sockets", "/public"})
        cr_expect_eq(mode_of(run_dir + path), 0710U, "%s", path);
    cr_expect_eq(mode_of(run_dir + "/sockets/tasks.sock"), 0660U);
    cr_expect_eq(mode_of(run_dir + "/public/openapi.json"), 0640U);
    const auto as_group = [&](const std::string& command) {
        return run_command({"/usr/bin/setpriv", "--reuid=nobody", "--regid=www-data",
                            "--clear-groups", "/bin/sh", "-c", command},
                           base_variables())
            .status;
    };
    cr_expect_eq(as_group("test -r " + run_dir + "/public/openapi.json"), 0);
    cr_expect_eq(as_group("test -w " + run_dir + "/sockets/tasks.sock"), 0);
    cr_expect_neq(as_group("ls " + run_dir), 0);
    cr_expect_neq(as_group("touch " + run_dir + "/sockets/x"), 0);
    for (const auto& file : fs::directory_iterator{run_dir})
        if (file.is_regular_file() && file.path().filename() != "supervisor.pid")
            cr_expect_neq(as_group("test -r " + file.path().string()), 0, "%s",
                          file.path().c_str());
}

Test(own_nginx, names_a_group_that_cannot_be_used) {
    auto variables = service_variables("sqlite:///./x.db", test_variable("TEST_DIR") + "/group");
    variables["NGINX"] = "off";
    variables["SOCKET_GROUP"] = "no-such-group";
    for (const char* command : {"run", "doctor"}) {
        const auto finished = run_command({built("steelthread"), command}, variables);
        cr_expect_neq(finished.status, 0);
        const auto text = finished.output + finished.errors;
        cr_expect(text.find("SOCKET_GROUP: there is no group no-such-group") != text.npos, "%s",
                  text.c_str());
    }
}

// Neither HOST nor PORT matters, and a stop is clean.
Test(own_nginx, is_not_started_by_the_service) {
    const Stack stack{Engine::sqlite, {{"NGINX", "off"}, {"PORT", "1"}}};
    cr_expect(stack.processes("nginx").empty());
    const auto doctor = stack.command({"doctor"});
    cr_expect(doctor.output.find("ok     port: none: NGINX is off\n") != std::string::npos, "%s",
              doctor.output.c_str());
    auto variables = base_variables();
    variables["REQUEST_METHOD"] = "GET";
    variables["REQUEST_URI"] = "/healthz";
    const auto answer = run_command(
        {"/usr/bin/cgi-fcgi", "-bind", "-connect", stack.run_dir() + "/sockets/healthz.sock"},
        variables);
    cr_expect(answer.output.find("{\"status\":\"ok\"}") != std::string::npos, "%s",
              answer.output.c_str());
}
