#include "tests/support/stack/browser.hpp"

#include <rapidjson/document.h>
#include <unistd.h>

#include <filesystem>

#include "shared/json/reader.hpp"
#include "shared/json/writer.hpp"
#include "tests/support/stack/stack.hpp"

namespace {

// WebDriver's name for the reference to an element.
constexpr const char* reference = "value.element-6066-11e4-a52e-4f735466cecf";

std::string literal(std::string_view text) {
    std::string out;
    json::Writer{out}.string(text);
    return out;
}

std::string capabilities(const std::string& folder) {
    // By default the browser would show the page of its vendor and contact it.
    std::string arguments =
        R"("--headless=new","--disable-gpu","--disable-dev-shm-usage","--no-first-run",)"
        R"("--app=data:,","--disable-extensions","--disable-background-networking",)"
        R"("--disable-component-update","--disable-sync",)"
        R"("--window-size=1200,2000","--user-data-dir=)" +
        folder + R"(/profile")";
    if (geteuid() == 0) arguments += R"(,"--no-sandbox")";
    return R"({"capabilities":{"alwaysMatch":{"browserName":"chrome",)"
           R"("goog:loggingPrefs":{"browser":"ALL","performance":"ALL"},)"
           R"("goog:chromeOptions":{"args":[)" +
           arguments + "]}}}}";
}

}  // namespace

Browser::Browser() {
    const auto folder = test_variable("TEST_DIR") + "/browser_" + std::to_string(getpid());
    std::filesystem::create_directories(folder);
    auto variables = base_variables();
    variables["HOME"] = variables["TMPDIR"] = folder;
    const int port = free_port();
    driver_ = std::make_unique<Background>(
        std::vector<std::string>{"/usr/bin/chromedriver", "--port=" + std::to_string(port)},
        variables, folder + "/log");
    client_ = std::make_unique<Client>(port, "");
    wait_until("chromedriver is ready",
               [&] { return json_member(send("GET", "/status", ""), "value.ready") == "true"; });
    const auto created = send("POST", "/session", capabilities(folder));
    cr_assert_eq(status_, 200, "no browser: %s", created.c_str());
    session_ = "/session/" + json_member(created, "value.sessionId");
}

Browser::~Browser() {
    if (!session_.empty()) send("DELETE", session_, "");
}

void Browser::open(const std::string& url) {
    const auto answer = send("POST", session_ + "/url", R"({"url":)" + literal(url) + "}");
    cr_assert_eq(status_, 200, "%s: %s", url.c_str(), answer.c_str());
}

void Browser::resize(int width, int height, bool is_dark) {
    command("Emulation.setDeviceMetricsOverride",
            R"({"deviceScaleFactor":1,"mobile":false,"width":)" + std::to_string(width) +
                R"(,"height":)" + std::to_string(height) + "}");
    command("Emulation.setEmulatedMedia",
            std::string{R"({"features":[{"name":"prefers-color-scheme","value":")"} +
                (is_dark ? "dark" : "light") + R"("}]})");
}

void Browser::click(const std::string& selector) { act(selector, "POST", "/click", "{}"); }

void Browser::type(const std::string& selector, const std::string& text) {
    act(selector, "POST", "/value", R"({"text":)" + literal(text) + "}");
}

std::string Browser::text(const std::string& selector) {
    return json_member(act(selector, "GET", "/text", ""), "value");
}

std::string Browser::run(const std::string& script) {
    const auto answer =
        send("POST", session_ + "/execute/sync", R"({"args":[],"script":)" + literal(script) + "}");
    cr_assert_eq(status_, 200, "%s: %s", script.c_str(), answer.c_str());
    return json::canonical(json::parse(answer)["value"]);
}

// The page itself evaluates the expression, because each WebDriver command involves several
// processes.
void Browser::wait_for(const std::string& expression) {
    const auto script =
        "const end = Date.now() + 20000, resolve = arguments[0]; (function ask() {"
        "const is_true = Boolean(" +
        expression +
        ");if (is_true || Date.now() > end) resolve(is_true);"
        "else setTimeout(ask, 20); })()";
    const auto answer = send("POST", session_ + "/execute/async",
                             R"({"args":[],"script":)" + literal(script) + "}");
    cr_assert(status_ == 200 && json_member(answer, "value") == "true", "%s: %s",
              expression.c_str(), answer.c_str());
}

std::vector<std::string> Browser::complaints() {
    std::vector<std::string> lines;
    const auto answer = json::parse(log("browser"));
    for (const auto& entry : answer["value"].GetArray())
        lines.emplace_back(json::text_of(entry["message"]));
    return lines;
}

std::vector<std::string> Browser::requests() {
    std::vector<std::string> urls;
    const auto answer = json::parse(log("performance"));
    for (const auto& entry : answer["value"].GetArray()) {
        const std::string message{json::text_of(entry["message"])};
        if (json_member(message, "message.method") == "Network.requestWillBeSent")
            urls.push_back(json_member(message, "message.params.request.url"));
    }
    return urls;
}

void Browser::command(const std::string& name, const std::string& parameters) {
    const auto answer = send("POST", session_ + "/goog/cdp/execute",
                             R"({"cmd":)" + literal(name) + R"(,"params":)" + parameters + "}");
    cr_assert_eq(status_, 200, "%s: %s", name.c_str(), answer.c_str());
}

std::string Browser::send(const std::string& method, const std::string& path,
                          const std::string& body) {
    const auto reply = client_->send({.method = method, .path = path, .body = body});
    status_ = reply.status;
    return reply.body;
}

std::string Browser::element(const std::string& selector) {
    const auto answer = send("POST", session_ + "/element",
                             R"({"using":"css selector","value":)" + literal(selector) + "}");
    return status_ == 200 ? json_member(answer, reference) : "";
}

std::string Browser::act(const std::string& selector, const std::string& method,
                         const std::string& what, const std::string& body) {
    std::string answer;
    wait_until(selector.c_str(), [&] {
        const auto found = element(selector);
        if (found.empty()) return false;
        answer = send(method, session_ + "/element/" + found + what, body);
        return status_ == 200;
    });
    return answer;
}

std::string Browser::log(const std::string& type) {
    auto answer = send("POST", session_ + "/se/log", R"({"type":")" + type + R"("})");
    cr_assert_eq(status_, 200, "%s", answer.c_str());
    return answer;
}
