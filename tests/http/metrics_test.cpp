// METRICS_LISTEN, `steelthread metrics` and `steelthread top`.
#include <signal.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <regex>
#include <set>
#include <sstream>
#include <thread>

#include "shared/metrics/counters.hpp"
#include "tests/support/proxy.hpp"
#include "tests/support/stack/event_stream.hpp"
#include "tests/support/stack/stack.hpp"
#include "tests/support/web_socket.hpp"

namespace {

struct Fixture {
    explicit Fixture(Engine its_engine, Variables more = {})
        : engine(its_engine), port(free_port()), stack(engine, with_metrics(std::move(more))) {}

    Variables with_metrics(Variables variables) const {
        variables["METRICS_LISTEN"] = "127.0.0.1:" + std::to_string(port);
        return variables;
    }

    Reply get(const std::string& path = "/metrics", const std::string& method = "GET") const {
        return Client{port, ""}.send({.method = method, .path = path});
    }

    const Engine engine;
    const int port;
    Stack stack;
};

// The value of a sample: "steelthread_streams{kind=\"sse\"}". -1 if it is absent.
double value(const std::string& text, const std::string& sample) {
    const auto line = "\n" + sample + " ";
    const auto at = text.find(line);
    return at == text.npos ? -1 : std::stod(text.substr(at + line.size()));
}

// The sum of all samples whose names and labels begin like this.
double sum(const std::string& text, const std::string& beginning) {
    double total = 0;
    std::istringstream lines{text};
    for (std::string line; std::getline(lines, line);)
        if (line.starts_with(beginning)) total += std::stod(line.substr(line.rfind(' ') + 1));
    return total;
}

// The values of a label.
std::set<std::string> values_of(const std::string& text, const std::string& label) {
    std::set<std::string> found;
    const std::regex pattern{"[{,]" + label + "=\"([^\"]*)\""};
    for (std::sregex_iterator it{text.begin(), text.end(), pattern}, end; it != end; ++it)
        found.insert((*it)[1]);
    return found;
}

void expect_valid(const std::string& text) {
    const auto checked =
        run_command({"/usr/bin/promtool", "check", "metrics"}, base_variables(), text);
    cr_expect_eq(checked.status, 0, "%s", (checked.output + checked.errors).c_str());
    EXPECT_TEXT(checked.output + checked.errors, "");
}

// A real Prometheus that scrapes the service four times a second.
class Prometheus {
public:
    explicit Prometheus(int target) : port_(free_port()) {
        const auto folder = test_variable("TEST_DIR") + "/prometheus";
        std::filesystem::create_directory(folder);
        std::ofstream{folder + "/config.yaml"}
            << "scrape_configs:\n  - job_name: steelthread\n    scrape_interval: 250ms\n"
               "    scrape_timeout: 250ms\n    static_configs:\n      - targets: ['127.0.0.1:"
            << target << "']\n";
        process_.emplace(
            std::vector<std::string>{"/usr/bin/prometheus",
                                     "--config.file=" + folder + "/config.yaml",
                                     "--storage.tsdb.path=" + folder + "/data",
                                     "--web.listen-address=127.0.0.1:" + std::to_string(port_)},
            base_variables(), folder + "/output");
    }

    // The first value of the answer to a query; -1 if there is none.
    double query(const std::string& text) const {
        const auto answer = send(text);
        std::smatch found;
        const std::regex pattern{R"re("value":\[[^,]*,"([^"]*)"\])re"};
        return std::regex_search(answer.body, found, pattern) ? std::stod(found[1]) : -1;
    }

    bool understands(const std::string& query) const {
        return send(query).body.starts_with(R"({"status":"success")");
    }

private:
    Reply send(const std::string& query) const {
        return Client{port_, ""}.send({.path = "/api/v1/query?query=" + percent_encode(query)});
    }

    int port_;
    std::optional<Background> process_;
};

}  // namespace

ON_BOTH(metrics, are_scraped_under_load, Fixture, fixture) {
    const Prometheus prometheus{fixture.port};
    wait_until("Prometheus has scraped", [&] { return prometheus.query("up") == 1; });
    std::vector<std::thread> clients;
    for (int i = 0; i < 4; ++i)
        clients.emplace_back([&] {
            Client client{fixture.stack.port()};
            for (int n = 0; n < 100; ++n) client.send({.path = "/collab/state/tasks"});
        });
    for (auto& client : clients) client.join();
    wait_until("Prometheus has every request", [&] {
        return prometheus.query(
                   "steelthread_requests_total{endpoint=\"collab_state_tasks\","
                   "method=\"GET\",status=\"200\"}") == 400;
    });
    cr_expect_eq(
        prometheus.query("steelthread_request_seconds_count{endpoint=\"collab_state_tasks\"}"),
        400);
    cr_expect_eq(prometheus.query("steelthread_database_up"), 1);
    wait_until("nginx's log has been counted", [&] {
        return prometheus.query("steelthread_http_responses_total{status=\"200\"}") >= 400;
    });
    expect_valid(fixture.get().body);
}

// A count comes before the answer, so every answer that a client has is counted.
ON_BOTH(metrics, lose_no_count_with_a_killed_handler, Fixture, fixture) {
    std::atomic<int> answered = 0;
    std::atomic<bool> is_over = false;
    std::vector<std::thread> clients;
    for (int i = 0; i < 4; ++i)
        clients.emplace_back([&] {
            while (!is_over)
                if (Client{fixture.stack.port()}.send({.path = "/health"}).status == 200)
                    ++answered;
        });
    for (int kills = 0; kills < 5; ++kills) {
        const int before = answered;
        wait_until("the service answers", [&] { return answered > before + 20; });
        for (const pid_t pid : fixture.stack.processes("health")) kill(pid, SIGKILL);
    }
    is_over = true;
    for (auto& client : clients) client.join();
    const auto counted = sum(fixture.get().body, "steelthread_requests_total{endpoint=\"health\"");
    cr_expect_geq(counted, answered.load());
    cr_expect_leq(counted, answered.load() + 5 * 4, "each kill may have cost what was under way");
    wait_until("the restarts are counted", [&] {
        return value(fixture.get().body,
                     "steelthread_process_restarts_total{endpoint=\"health\"}") == 5;
    });
}

Test(metrics, have_labels_that_no_client_chooses) {
    const Fixture fixture{Engine::sqlite};
    for (int i = 0; i < 200; ++i) {
        const auto odd = std::to_string(i);
        fixture.stack.send_raw("GET /x" + odd +
                               "\"}\\n HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
        fixture.stack.send_raw("M" + odd +
                               " /health HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
        fixture.stack.send_raw("BREW /collab/tasks/" + odd +
                               " HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
    }
    fixture.stack.send_raw("FOO-BAR /health HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
    fixture.stack.send({.method = "DELETE", .path = "/health"});
    std::string text;
    wait_until("everything is counted", [&] {
        text = fixture.get().body;
        return sum(text, "steelthread_http_responses_total") >= 602;
    });
    expect_valid(text);
    const std::set<std::string> known{metrics::methods.begin(), metrics::methods.end()};
    for (const auto& method : values_of(text, "method"))
        cr_expect(known.contains(method), "%s", method.c_str());
    const auto names = all_handlers();
    for (const auto& name : values_of(text, "endpoint"))
        cr_expect(name == "metrics" || std::find(names.begin(), names.end(), name) != names.end(),
                  "%s", name.c_str());
    cr_expect_lt(text.size(), 20'000U);
}

Test(metrics, are_on_a_port_of_their_own) {
    const Fixture fixture{Engine::sqlite};
    cr_expect_eq(fixture.stack.send({.path = "/metrics"}).status, 404);
    for (const char* path : {"/", "/health", "/collab/state/tasks", "/metrics/", "/docs", "/livez"})
        cr_expect_eq(fixture.get(path).status, 404, "%s", path);
    EXPECT_TEXT(fixture.get("/").body, "The metrics are at /metrics\n");
    cr_expect_eq(fixture.get("/metrics", "HEAD").status, 200);
    cr_expect_eq(fixture.get("/metrics", "DELETE").status, 405);
    EXPECT_TEXT(fixture.get().header("content-type"), "text/plain; version=0.0.4; charset=utf-8");
    cr_expect_eq(fixture.get("/metrics?x=1").status, 200);
}

ON_BOTH(metrics, show_jobs_logins_limits_and_streams, Fixture, fixture) {
    auto& stack = fixture.stack;
    const std::vector<std::string> key{std::string{"X-API-Key: "} + api_key};
    for (int i = 0; i < 3; ++i)
        stack.send({.method = "POST", .path = "/jobs", .body = R"({"title":"a"})", .headers = key});
    const auto lease = stack.send({.method = "POST",
                                   .path = "/jobs/lease",
                                   .body = R"({"worker":"w","limit":2})",
                                   .headers = key});
    cr_assert_eq(lease.status, 200, "%s", lease.body.c_str());
    const auto authorization = stack.authorization();
    stack.send({.method = "POST",
                .path = "/auth/login",
                .body = R"({"email":"nobody@example.org","password":"wrong password"})"});
    const EventStream reader{stack.port(), "/events/tail"};
    const WebSocketClient socket{stack.port(), "/ws", {authorization}};
    std::string text;
    wait_until("the gauges are new", [&] {
        text = fixture.get().body;
        return value(text, "steelthread_jobs{status=\"pending\"}") >= 1 &&
               value(text, "steelthread_streams{kind=\"sse\"}") == 1 &&
               value(text, "steelthread_streams{kind=\"websocket\"}") == 1;
    });
    cr_expect_eq(value(text, "steelthread_jobs{status=\"pending\"}") +
                     value(text, "steelthread_jobs{status=\"running\"}"),
                 3);
    cr_expect_eq(value(text, "steelthread_jobs{status=\"failed\"}"), 0);
    cr_expect_geq(value(text, "steelthread_jobs_oldest_due_seconds"), 0);
    cr_expect_eq(value(text, "steelthread_logins_total{outcome=\"success\"}"), 1);
    cr_expect_eq(value(text, "steelthread_logins_total{outcome=\"refused\"}"), 1);
    cr_expect_gt(value(text, "steelthread_db_batch_seconds_count"), 0);
    cr_expect_geq(value(text, "steelthread_db_waiting"), 0);
    expect_valid(text);
    for (const pid_t pid : stack.processes("events_tail")) kill(pid, SIGKILL);
    wait_until("a killed process has no streams",
               [&] { return value(fixture.get().body, "steelthread_streams{kind=\"sse\"}") == 0; });
}

// An open transaction that has written keeps later events from their readers.
Test(metrics, show_what_holds_back_the_feed, .timeout = 60) {
    const Fixture fixture{Engine::postgres};
    const auto lag = [&] { return value(fixture.get().body, "steelthread_feed_lag_seconds"); };
    cr_expect_eq(lag(), 0);
    TestDatabase other{Engine::postgres};
    other.execute("BEGIN; CREATE TABLE held (id int)");
    fixture.stack.create_task("later");
    wait_until("the feed lags", [&] { return lag() > 0; });
    cr_expect_gt(value(fixture.get().body, "steelthread_oldest_transaction_seconds"), 0);
    other.execute("ROLLBACK");
    wait_until("the feed goes on", [&] { return lag() == 0; });
}

// Counters do not need the database, and gauges without it are left out instead of wrong.
Test(metrics, go_on_without_the_database, .timeout = 60) {
    const TestDatabase database{Engine::postgres};
    Proxy proxy{port_of(database.url())};
    const int port = free_port();
    const Stack stack{with_port(database.url(), proxy.port()),
                      {{"METRICS_LISTEN", "127.0.0.1:" + std::to_string(port)},
                       {"DB_DEADLINE_MS", "500"},
                       {"DB_CONNECT_TIMEOUT_MS", "500"}}};
    const auto text = [&] { return Client{port, ""}.send({.path = "/metrics"}).body; };
    cr_expect_eq(value(text(), "steelthread_database_up"), 1);
    proxy.go_away();
    stack.send({.path = "/collab/state/tasks"});
    wait_until("the metrics say so", [&] { return value(text(), "steelthread_database_up") == 0; });
    const auto without = text();
    expect_valid(without);
    cr_expect(without.find("steelthread_jobs{") == without.npos);
    cr_expect_geq(sum(without, "steelthread_requests_total{endpoint=\"collab_state_tasks\""), 1);
    proxy.come_back();
    wait_until("it is back", [&] { return value(text(), "steelthread_database_up") == 1; });
}

// The access log is counted, whether or not it is wanted.
Test(metrics, count_responses_that_are_not_logged) {
    const Fixture fixture{Engine::sqlite, {{"LOG_LEVEL", "warning"}}};
    for (int i = 0; i < 3; ++i) fixture.stack.send({.path = "/nowhere"});
    wait_until("they are counted", [&] {
        return value(fixture.get().body, "steelthread_http_responses_total{status=\"404\"}") == 3;
    });
    cr_expect(fixture.stack.log().find("/nowhere") == std::string::npos);
}

Test(metrics, are_off_by_default) {
    const Stack stack{Engine::sqlite};
    cr_expect(read_text(stack.run_dir() + "/http.conf").find("metrics") == std::string::npos);
    cr_expect(!std::filesystem::exists(stack.run_dir() + "/sockets/metrics.sock"));
    stack.send({.path = "/health"});
    const auto printed = stack.command({"metrics"});
    cr_assert_eq(printed.status, 0, "%s", printed.errors.c_str());
    expect_valid(printed.output);
    cr_expect_eq(value(printed.output,
                       "steelthread_requests_total{endpoint=\"health\",method=\"GET\","
                       "status=\"200\"}"),
                 1);
}

Test(metrics, need_a_running_service) {
    Stack stack{Engine::sqlite};
    stack.stop();
    for (const auto& words : {std::vector<std::string>{"metrics"}, {"top", "--once"}}) {
        const auto finished = stack.command(words);
        cr_expect_eq(finished.status, 1);
        EXPECT_TEXT(finished.errors, "steelthread: no service is running in " + stack.run_dir() +
                                         ": set RUN_DIR to the folder of the service\n");
    }
    stack.start();
}

ON_BOTH(top, shows_what_the_service_does, Fixture, fixture) {
    const EventStream reader{fixture.stack.port(), "/events/tail"};
    std::atomic<bool> is_over = false;
    std::thread client{[&] {
        Client connection{fixture.stack.port()};
        while (!is_over) {
            connection.send({.path = "/health"});
            connection.send({.path = "/collab/tasks/none"});
        }
    }};
    const auto shown = fixture.stack.command({"top", "--once"});
    is_over = true;
    client.join();
    cr_assert_eq(shown.status, 0, "%s", shown.errors.c_str());
    const auto matches = [&](const char* pattern) {
        return std::regex_search(shown.output, std::regex{pattern});
    };
    cr_expect(matches("streams: 1 sse, 0 websocket"), "%s", shown.output.c_str());
    cr_expect(matches("\nhealth +[1-9][0-9]* +0 +0 +[0-9.]+ +[0-9.]+ +0\n"), "%s",
              shown.output.c_str());
    cr_expect(matches("\ncollab_task +[1-9][0-9]* +[1-9][0-9]* +0 "), "%s", shown.output.c_str());
    cr_expect(matches("\njobs: 0 pending"), "%s", shown.output.c_str());
    cr_expect(shown.output.find('\033') == std::string::npos);
}

namespace {

// The names of all metrics in a text, without the suffixes of histograms.
std::set<std::string> names_in(const std::string& text) {
    std::set<std::string> found;
    const std::regex pattern{"steelthread_[a-z_]+"};
    for (std::sregex_iterator it{text.begin(), text.end(), pattern}, end; it != end; ++it) {
        const std::string name = it->str();
        found.insert(std::regex_replace(name, std::regex{"_(bucket|sum|count)$"}, ""));
    }
    return found;
}

}  // namespace

Test(metrics, are_those_of_the_documentation_the_alerts_and_the_dashboard) {
    const Fixture fixture{Engine::sqlite};
    const auto served = names_in(fixture.get().body);
    cr_expect_gt(served.size(), 10U);
    const auto list = [](const std::set<std::string>& names) {
        std::string text;
        for (const auto& name : names) text.append(name).append("\n");
        return text;
    };
    EXPECT_TEXT(list(names_in(read_text("docs/operating.md"))), list(served));
    for (const char* file : {"deploy/alerts.yaml", "deploy/grafana-dashboard.json"})
        for (const auto& name : names_in(read_text(file)))
            cr_expect(served.contains(name), "%s: %s", file, name.c_str());
    const auto alerts = run_command({"/usr/bin/promtool", "check", "rules", "deploy/alerts.yaml"},
                                    base_variables());
    cr_expect_eq(alerts.status, 0, "%s", (alerts.output + alerts.errors).c_str());
}

// Prometheus understands each query of the dashboard.
Test(metrics, have_a_dashboard_whose_queries_are_valid) {
    const Prometheus prometheus{free_port()};
    const auto text = read_text("deploy/grafana-dashboard.json");
    const std::regex pattern{R"re("expr": "((\\.|[^"\\])*)")re"};
    int count = 0;
    wait_until("Prometheus answers", [&] { return prometheus.understands("up"); });
    for (std::sregex_iterator it{text.begin(), text.end(), pattern}, end; it != end;
         ++it, ++count) {
        auto query = std::regex_replace((*it)[1].str(), std::regex{R"re(\\")re"}, "\"");
        query = std::regex_replace(query, std::regex{R"(\$__rate_interval)"}, "1m");
        cr_expect(prometheus.understands(query), "%s", query.c_str());
    }
    cr_expect_gt(count, 10);
    cr_expect(!prometheus.understands("sum by (x"));
}
