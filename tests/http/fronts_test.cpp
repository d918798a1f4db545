// The fronts that docs/deploying.md shows, each started from its very text with TLS: they pass
// logins, conditional changes, event streams and WebSockets on.
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <optional>

#include "shared/scope_exit.hpp"
#include "shared/text.hpp"
#include "tests/support/stack/browser.hpp"
#include "tests/support/stack/certificate.hpp"
#include "tests/support/stack/page.hpp"
#include "tests/support/stack/stack.hpp"

namespace {

namespace fs = std::filesystem;

std::string new_folder() {
    static int count = 0;
    const auto folder = test_variable("TEST_DIR") + "/front_" + std::to_string(getpid()) + "_" +
                        std::to_string(++count);
    fs::create_directory(folder);
    return folder;
}

// A front on a port of its own, in a folder of its own. Outside of what the page shows, nginx and
// Apache compress JSON.
class Front {
public:
    // `text` is what the page shows, with the addresses of the service.
    Front(const std::string& server, const std::string& text)
        : folder_(new_folder()), port_(free_port()) {
        if (server == "nginx") run_nginx(text);
        if (server == "caddy") run_caddy(text);
        if (server == "apache") run_apache(text);
        if (server == "lighttpd") run_lighttpd(text);
        wait_until("the front is ready",
                   [&] { return curl("-o /dev/null " + url() + "/livez").status == 0; });
    }

    std::string url() const { return "https://localhost:" + std::to_string(port_); }
    const std::string& folder() const { return folder_; }

    // Runs curl in a shell. The address of the client is 127.0.0.2: the front's is 127.0.0.1.
    Finished curl(const std::string& words) const {
        return run_command(
            {"/bin/sh", "-c", "exec curl -sk -4 --interface 127.0.0.2 --compressed " + words},
            base_variables());
    }

    // Starts curl, and appends what it receives to a file.
    std::unique_ptr<Background> follow(const std::string& words, const std::string& file) const {
        return std::make_unique<Background>(
            std::vector<std::string>{"/bin/sh", "-c",
                                     "exec curl -skN -4 --interface 127.0.0.2 " + words},
            base_variables(), file);
    }

private:
    std::string with_certificate(const std::string& text) const {
        return with(with(text, "/etc/ssl/api.example.org.pem", certificate_.file()),
                    "/etc/ssl/api.example.org.key", certificate_.key());
    }

    void run(const std::vector<std::string>& words, const std::string& config) {
        std::ofstream{folder_ + "/config"} << config;
        auto variables = base_variables();
        variables["HOME"] = folder_;
        process_.emplace(words, variables, folder_ + "/log");
    }

    std::string address() const { return "127.0.0.1:" + std::to_string(port_); }

    void run_nginx(const std::string& text) {
        const auto temporary = [&](const std::string& kind) {
            return kind + "_temp_path " + folder_ + "/" + kind + ";\n";
        };
        const std::string user = geteuid() == 0 ? "user root;\n" : "";
        run({"/usr/sbin/nginx", "-p", folder_, "-c", folder_ + "/config", "-e", "stderr"},
            user +
                "daemon off;\nmaster_process off;\npid nginx.pid;\nerror_log stderr;\nevents "
                "{}\nhttp {\n" +
                "access_log off;\ngzip on;\ngzip_proxied any;\ngzip_types application/json;\n" +
                temporary("client_body") + temporary("proxy") + temporary("fastcgi") +
                temporary("scgi") + temporary("uwsgi") +
                with(with_certificate(text), "listen 443", "listen " + address()) + "}\n");
    }

    void run_caddy(const std::string& text) {
        run({"/usr/bin/caddy", "run", "--adapter", "caddyfile", "--config", folder_ + "/config"},
            "{\n admin off\n auto_https disable_redirects\n}\n" +
                with(text, "api.example.org {",
                     url() + " {\n bind 127.0.0.1\n tls " + certificate_.file() + " " +
                         certificate_.key()));
    }

    void run_apache(const std::string& text) {
        std::string modules;
        for (const char* name : {"mpm_event", "authz_core", "env", "filter", "deflate", "ssl",
                                 "http2", "proxy", "proxy_http", "proxy_fcgi"})
            modules += std::string{"LoadModule "} + name + "_module /usr/lib/apache2/modules/mod_" +
                       name + ".so\n";
        const std::string user = geteuid() == 0 ? "User www-data\nGroup www-data\n" : "";
        run({"/usr/sbin/apache2", "-d", folder_, "-f", folder_ + "/config", "-D", "FOREGROUND"},
            modules + user + "Mutex pthread\nDefaultRuntimeDir " + folder_ + "\nPidFile " +
                folder_ + "/pid\nErrorLog " + folder_ +
                "/errors\nServerName localhost\nAddOutputFilterByType DEFLATE "
                "application/json\nListen " +
                address() + "\n" + with(with_certificate(text), "*:443", address()));
    }

    void run_lighttpd(const std::string& text) {
        run({"/usr/sbin/lighttpd", "-D", "-f", folder_ + "/config"},
            "server.document-root = \"" + folder_ + "\"\nserver.port = " +
                std::to_string(free_port()) + "\nserver.bind = \"127.0.0.1\"\n" +
                with(with_certificate(text), "0.0.0.0:443", address()));
    }

    const Certificate certificate_{"localhost"};
    std::string folder_;
    int port_;
    std::optional<Background> process_;
};

bool contains(const std::string& file, const std::string& text) {
    return fs::exists(file) && read_text(file).find(text) != std::string::npos;
}

void pass_everything_through(const std::string& server) {
    const Stack stack{Engine::sqlite, {{"TRUSTED_PROXIES", "127.0.0.1"}}};
    const auto port = std::to_string(stack.port());
    const Front front{server, server == "lighttpd"
                                  ? with(block(server), "\"port\" => 8000", "\"port\" => " + port)
                                  : with(block(server), "127.0.0.1:8000", "127.0.0.1:" + port)};
    const auto url = front.url();

    const auto login =
        front.curl("--json '{\"email\":\"" + std::string{Stack::email} + "\",\"password\":\"" +
                   Stack::password + "\"}' " + url + "/auth/login");
    const auto token = json_member(login.output, "access_token");
    cr_assert(token.starts_with("eyJ"), "%s", login.output.c_str());
    const auto auth = "-H 'Authorization: Bearer " + token + "' ";

    const auto path = stack.create_task("Buy milk");
    const auto etag = front.curl("-o /dev/null -w '%header{etag}' " + url + path).output;
    const auto patched = front.curl("-X PATCH " + auth + "-H 'If-Match: " + etag +
                                    "' --json '{\"title\":\"Buy oat milk\"}' " + url + path);
    EXPECT_TEXT(json_member(patched.output, "version"), "2");
    const auto large = front.curl(auth + "--json '{\"title\":\"" + std::string(60'000, 'x') +
                                  "\"}' " + url + "/collab/tasks");
    EXPECT_TEXT(json_member(large.output, "type"), "unprocessable_entity");

    // The limits count the client, and not the front.
    wait_until("the client is in the log", [&] {
        return stack.log().find(R"("address":"127.0.0.2","method":"PATCH")") != std::string::npos;
    });

    const auto stream = front.folder() + "/stream";
    const auto reader = front.follow(url + "/events/tail", stream);
    wait_until("the stream begins", [&] { return contains(stream, ": connected"); });
    const auto note =
        front.curl(auth + "--json '{\"event\":\"x\",\"target\":\"y\"}' " + url + "/events");
    EXPECT_TEXT(json_member(note.output, "ok"), "true");
    wait_until("the event arrives", [&] { return contains(stream, "event: note.x"); });

    const auto socket = front.folder() + "/socket";
    const auto listener = front.follow(
        "-i --http1.1 " + auth +
            "-H 'Connection: Upgrade' -H 'Upgrade: websocket' -H 'Sec-WebSocket-Version: 13' "
            "-H 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==' -H 'Origin: " +
            url + "' " + url + "/ws",
        socket);
    wait_until("the WebSocket opens", [&] {
        return contains(socket, "HTTP/1.1 101") && contains(socket, R"("type":"connection")");
    });
}

// Without nginx between the front and the handlers.
void pass_to_handlers(const std::string& server) {
    const Stack stack{
        Engine::sqlite,
        {{"NGINX", "off"}, {"RUN_DIR", "/tmp/steelthread_fronts_" + std::to_string(getpid())}}};
    const ScopeExit clean_up{[&] { fs::remove_all(stack.run_dir()); }};
    if (server == "apache" && geteuid() == 0)  // its workers are another user's
        for (const auto* part : {"", "/sockets"})
            fs::permissions(stack.run_dir() + part, fs::perms(0711));
    if (server == "apache" && geteuid() == 0)
        for (const auto& socket : fs::directory_iterator{stack.run_dir() + "/sockets"})
            fs::permissions(socket.path(), fs::perms(0666));
    const Front front{server, with(block(server + "-fastcgi"), "/var/lib/steelthread/run/sockets",
                                   stack.run_dir() + "/sockets")};
    const auto url = front.url();
    const auto body = [&](const std::string& words) { return front.curl(words).output; };
    const auto status = [&](const std::string& words) {
        return body("-o /dev/null -w '%{http_code}' " + words);
    };

    const auto login = body("--json '{\"email\":\"" + std::string{Stack::email} +
                            "\",\"password\":\"" + Stack::password + "\"}' " + url + "/auth/login");
    const auto token = json_member(login, "access_token");
    cr_assert(token.starts_with("eyJ"), "%s", login.c_str());
    const auto auth = "-H 'Authorization: Bearer " + token + "' ";

    const auto stream = front.folder() + "/stream";
    const auto reader = front.follow(url + "/events/tail", stream);
    wait_until("the stream begins", [&] { return contains(stream, ": connected"); });
    const auto path =
        body(auth + "-o /dev/null -w '%header{location}' --json '{\"title\":\"x\"}' " + url +
             "/collab/tasks");
    wait_until("the event arrives", [&] { return contains(stream, "event: task.created"); });

    const auto etag = body("-o /dev/null -w '%header{etag}' " + url + path);
    EXPECT_TEXT(status("-H 'If-None-Match: " + etag + "' " + url + path), "304");
    const auto change =
        "-X PATCH " + auth + "-H 'If-Match: " + etag + "' --json '{\"title\":\"y\"}' " + url + path;
    EXPECT_TEXT(status(change), "200");
    EXPECT_TEXT(status(change), "412");
    EXPECT_TEXT(status(url + "/collab/tasks/00000000-0000-4000-8000-000000000001"), "404");
    EXPECT_TEXT(status(url + "/collab/state/tasks"), "200");
    // A body without a length, and every path of the handler.
    const auto user = json_member(stack.command({"user", "list", "--json"}).output, "0.id");
    for (const auto& place : {std::string{"/api/tasks"}, "/api/v1/" + user + "/tasks"}) {
        EXPECT_TEXT(status(auth +
                           "-H 'Transfer-Encoding: chunked' --http1.1 --json "
                           "'{\"title\":\"x\"}' " +
                           url + place),
                    "201");
    }
    EXPECT_TEXT(status(url + "/api/tasks"), "401");
}

}  // namespace

Test(fronts, apache_serves_the_handlers) { pass_to_handlers("apache"); }
Test(fronts, lighttpd_serves_the_handlers) { pass_to_handlers("lighttpd"); }
Test(fronts, caddy_serves_the_handlers) { pass_to_handlers("caddy"); }
Test(fronts, lighttpd_passes_everything_through) { pass_everything_through("lighttpd"); }
Test(fronts, nginx_passes_everything_through) { pass_everything_through("nginx"); }
Test(fronts, caddy_passes_everything_through) { pass_everything_through("caddy"); }
Test(fronts, apache_passes_everything_through) { pass_everything_through("apache"); }

// A front that offers the service below a path.
Test(fronts, a_prefix_is_part_of_what_the_pages_request) {
    const Stack stack{Engine::sqlite};
    const auto folder = new_folder();
    const auto port = std::to_string(free_port());
    const auto base = "http://127.0.0.1:" + port + "/below/this";
    std::ofstream{folder + "/config"}
        << (geteuid() == 0 ? "user root;\n" : "")
        << "daemon off;\nmaster_process off;\npid nginx.pid;\nevents {}\nhttp {\naccess_log off;\n"
        << "client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi;\n"
        << "scgi_temp_path scgi; uwsgi_temp_path uwsgi;\n"
        << "server { listen 127.0.0.1:" << port << ";\nlocation /below/this/ { proxy_pass "
        << stack.base_url() << "/; } } }\n";
    const Background front{
        {"/usr/sbin/nginx", "-p", folder, "-c", folder + "/config", "-e", "stderr"},
        base_variables(),
        folder + "/log"};
    Client client{std::stoi(port), ""};
    wait_until("the front is ready",
               [&] { return client.send({.path = "/below/this/livez"}).status == 200; });

    Browser browser;
    browser.open(base + "/");
    browser.click("a[href=docs]");
    const std::string operation = "#operations-service-getLiveness";
    browser.click(operation + " .opblock-summary-control");
    browser.click(operation + " .try-out__btn");
    browser.click(operation + " .execute");
    EXPECT_TEXT(browser.text(operation + " .live-responses-table tbody .response-col_status"),
                "200");
    EXPECT_TEXT(browser.text(operation + " .request-url pre"), base + "/livez");
    for (const auto& line : browser.complaints())
        cr_expect(false, "the browser complains: %s", line.c_str());
}
