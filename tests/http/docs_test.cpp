// /openapi.json and /docs, as programs and people use them.
#include <rapidjson/document.h>

#include <algorithm>

#include "shared/json/reader.hpp"
#include "tests/support/stack/browser.hpp"
#include "tests/support/stack/examples.hpp"
#include "tests/support/stack/openapi.hpp"
#include "tests/support/stack/stack.hpp"

namespace {

constexpr const char* policy =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src "
    "'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

// Members that the request and the answer both have are equal.
void expect_echo(const Call& call, const Reply& reply) {
    if (call.body.empty() || reply.status / 100 != 2) return;
    const auto sent = json::parse(call.body);
    const auto answer = json::parse(reply.body);
    const auto* const data = json::find(answer, "data");
    if (data && data->IsArray()) return;  // the answer to a batch
    for (const auto& [name, value] : sent.GetObject()) {
        const auto* const echoed = json::find(data ? *data : answer, json::text_of(name));
        cr_expect(!echoed || *echoed == value, "%s %s: %s", call.method.c_str(), call.path.c_str(),
                  reply.body.c_str());
    }
}

// Enters a token in the dialog of /docs.
void authorize(Browser& browser, const Stack& stack) {
    const auto token = stack.authorization().substr(std::string{"Authorization: Bearer "}.size());
    browser.click(".auth-wrapper .authorize");
    browser.type(".auth-container input", token);
    browser.click(".auth-container button.authorize");
    browser.click(".auth-container button.btn-done");
}

// Returns what ends right of the window, as JSON. What scrolls within the window may be wide.
std::string too_wide(Browser& browser) {
    return browser.run(
        "const scrolls = e => e && (/auto|scroll|hidden/.test(getComputedStyle(e).overflowX) ||"
        " scrolls(e.parentElement));"
        "return [...document.querySelectorAll('body *')]"
        ".filter(e => e.getBoundingClientRect().right > innerWidth + 0.5 &&"
        " !scrolls(e.parentElement)).map(e => e.tagName + '.' + e.getAttribute('class'))"
        ".concat(document.documentElement.scrollWidth > innerWidth ? ['the page'] : [])");
}

}  // namespace

Test(docs, every_operation_takes_its_examples) {
    const Stack stack{Engine::sqlite};
    Examples examples{stack};
    int count = 0;
    for (const auto& [path, item] : examples.contract().document()["paths"].GetObject())
        for (const auto& [method, operation] : item.GetObject()) {
            if (operation["responses"].HasMember("101")) continue;  // a WebSocket
            auto call = examples.call(std::string{json::text_of(method)},
                                      examples.filled(std::string{json::text_of(path)}));
            if (call.method != "GET" && call.method != "POST")
                call.headers.emplace_back("If-Match: *");
            const auto reply = examples.send(call);
            // An example may name something that already exists.
            cr_expect(reply.status / 100 == 2 || reply.status == 409, "%s %s: %ld %s",
                      call.method.c_str(), call.path.c_str(), reply.status, reply.body.c_str());
            expect_echo(call, reply);
            ++count;
        }
    cr_expect_gt(count, 30);
}

Test(docs, the_document_is_served) {
    const Stack stack{Engine::sqlite};
    const auto got =
        stack.send({.path = "/openapi.json", .headers = {"Origin: http://localhost:3001"}});
    cr_assert_eq(got.status, 200);
    EXPECT_TEXT(json_member(got.body, "openapi"), "3.1.0");
    EXPECT_TEXT(json::canonical(json::parse(got.body)),
                json::canonical(Contract::of("/api/v1").document()));
    EXPECT_TEXT(got.header("content-type"), "application/json");
    EXPECT_TEXT(got.header("cache-control"), "no-cache");
    EXPECT_TEXT(got.header("x-content-type-options"), "nosniff");
    EXPECT_TEXT(got.header("vary"), "Origin");
    EXPECT_TEXT(got.header("access-control-allow-origin"), "http://localhost:3001");
    EXPECT_TEXT(got.header("accept-ranges"), "");

    const auto known =
        stack.send({.path = "/openapi.json", .headers = {"If-None-Match: " + got.header("etag")}});
    cr_expect_eq(known.status, 304);
    EXPECT_TEXT(known.header("etag"), got.header("etag"));
    EXPECT_TEXT(known.header("cache-control"), "no-cache");
    const auto head = stack.send({.method = "HEAD", .path = "/openapi.json"});
    EXPECT_TEXT(head.header("content-length"), std::to_string(got.body.size()));
    for (const char* method : {"POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
        for (const char* path :
             {"/openapi.json", "/docs", "/docs/", "/favicon.ico", "/docs/swagger-ui.css"}) {
            const auto refused = stack.send({.method = method, .path = path});
            expect_error(refused, Error::method_not_allowed);
            EXPECT_TEXT(refused.header("allow"), "GET, HEAD");
            EXPECT_TEXT(refused.header("cache-control"), "no-store");
        }
}

Test(docs, the_document_knows_the_prefix) {
    const Stack stack{Engine::sqlite, {{"API_PREFIX", "/api"}}};
    const auto got = stack.send({.path = "/openapi.json"});
    cr_expect_eq(got.body.find("API_PREFIX"), got.body.npos);
    cr_expect_eq(got.body.find("/api/v1"), got.body.npos);
    // Two paths that the prefix makes equal are listed once: json::parse() refuses repeated
    // members.
    cr_expect(json::parse(got.body)["paths"].HasMember("/api/{user_id}/tasks"));
}

Test(docs, files_have_a_strict_policy) {
    const Stack stack{Engine::sqlite};
    static constexpr struct {
        const char* path;
        const char* type;
    } files[] = {{"/docs", "text/html"},
                 {"/docs/swagger-ui.css", "text/css"},
                 {"/docs/swagger-ui-bundle.js", "text/javascript"},
                 {"/docs/swagger-ui-bundle.js.LICENSE.txt", "text/plain"},
                 {"/docs/initializer.js", "text/javascript"},
                 {"/docs/favicon-32x32.png", "image/png"}};
    for (const auto& [path, type] : files) {
        const auto reply = stack.send({.path = path});
        cr_expect_eq(reply.status, 200, "%s", path);
        EXPECT_TEXT(reply.header("content-type"), type);
        EXPECT_TEXT(reply.header("content-security-policy"), policy);
        EXPECT_TEXT(reply.header("x-frame-options"), "DENY");
        EXPECT_TEXT(reply.header("x-content-type-options"), "nosniff");
        EXPECT_TEXT(reply.header("referrer-policy"), "no-referrer");
        EXPECT_TEXT(reply.header("cache-control"), "no-cache");
        const auto known =
            stack.send({.path = path, .headers = {"If-None-Match: " + reply.header("etag")}});
        cr_expect_eq(known.status, 304, "%s", path);
    }
    for (const char* path :
         {"/docs/package.json", "/docs/../nginx.conf", "/docs/..%2fnginx.conf",
          "/docs/swagger-ui.sha256", "/docs/none.css", "/docs/a/b.css", "/public/openapi.json"}) {
        const auto reply = stack.send({.path = path});
        cr_expect_eq(reply.status, 404, "%s: %ld", path, reply.status);
    }
}

Test(docs, a_final_slash_is_redirected) {
    const Stack stack{Engine::sqlite};
    Client client{stack.port(), ""};  // no operation of the document
    for (const char* method : {"GET", "HEAD"})
        for (const char* path : {"/docs/", "/docs/?x=1"}) {
            const auto reply = client.send({.method = method, .path = path});
            cr_expect_eq(reply.status, 308, "%s %s: %ld", method, path, reply.status);
            EXPECT_TEXT(reply.header("location"), "../docs");
            EXPECT_TEXT(reply.header("cache-control"), "no-store");
            EXPECT_TEXT(reply.header("x-content-type-options"), "nosniff");
        }
}

Test(docs, browsers_get_the_icon_that_they_ask_for) {
    const Stack stack{Engine::sqlite};
    Client client{stack.port(), ""};
    const auto icon = client.send({.path = "/favicon.ico"});
    cr_expect_eq(icon.status, 200);
    EXPECT_TEXT(icon.header("content-type"), "image/png");
    EXPECT_TEXT(icon.header("content-security-policy"), policy);
    cr_expect(icon.body == stack.send({.path = "/docs/favicon-32x32.png"}).body);
    const auto known =
        client.send({.path = "/favicon.ico", .headers = {"If-None-Match: " + icon.header("etag")}});
    cr_expect_eq(known.status, 304);
}

Test(docs, a_browser_reads_logs_in_and_tries_out) {
    const Stack stack{Engine::sqlite};
    Browser browser;
    browser.open(stack.base_url() + "/docs");
    const std::string create = "#operations-collab-createBoardTask";
    EXPECT_TEXT(browser.text(create + " .opblock-summary-path"), "/collab/tasks");
    int operations = 0;
    for (const auto& item : Contract::of("/api/v1").document()["paths"].GetObject())
        operations += static_cast<int>(item.value.MemberCount());
    EXPECT_TEXT(browser.run("return document.querySelectorAll('.opblock').length"),
                std::to_string(operations));

    authorize(browser, stack);
    browser.click(create + " .opblock-summary-control");
    browser.click(create + " .try-out__btn");
    browser.click(create + " .execute");
    EXPECT_TEXT(browser.text(create + " .live-responses-table tbody .response-col_status"), "200");
    const auto board = stack.send({.path = "/collab/state/tasks"});
    EXPECT_TEXT(json_member(board.body, "items"), "<1>");
    cr_expect_neq(board.body.find(R"("title":"Buy milk")"), board.body.npos, "%s",
                  board.body.c_str());

    for (const auto& line : browser.complaints())
        cr_expect(false, "the browser complains: %s", line.c_str());
    const auto requests = browser.requests();
    cr_expect_gt(requests.size(), 4);
    for (const auto& url : requests)
        cr_expect(url.starts_with(stack.base_url() + "/") || url.starts_with("data:"),
                  "a request to %s", url.c_str());
}

Test(docs, nothing_is_wider_than_a_small_window) {
    const Stack stack{Engine::sqlite};
    Browser browser;
    browser.resize(390, 844);
    browser.open(stack.base_url() + "/docs");
    for (const char* name : {"collab-updateBoardTask", "jobs-createJob", "events-listEvents"}) {
        const auto operation = std::string{"#operations-"} + name;
        browser.click(operation + " .opblock-summary-control");
        browser.click(operation + " .try-out__btn");
        browser.text(operation + " .execute");
        EXPECT_TEXT(too_wide(browser), "[]");
        browser.click(operation + " .opblock-summary-control");
    }
    browser.click("#operations-events-listEvents .opblock-summary-control");
    browser.click("#operations-events-listEvents .execute");
    browser.text("#operations-events-listEvents .live-responses-table .response-col_status");
    EXPECT_TEXT(too_wide(browser), "[]");
    browser.click(".auth-wrapper .authorize");
    browser.text(".auth-container button.authorize");
    EXPECT_TEXT(too_wide(browser), "[]");
}

Test(docs, a_token_stays_when_the_page_is_loaded_again) {
    const Stack stack{Engine::sqlite};
    Browser browser;
    browser.open(stack.base_url() + "/docs");
    authorize(browser, stack);
    browser.open(stack.base_url() + "/docs");
    const std::string list = "#operations-tasks-listTasks";
    browser.click(list + " .opblock-summary-control");
    browser.click(list + " .try-out__btn");
    browser.click(list + " .execute");
    EXPECT_TEXT(browser.text(list + " .live-responses-table tbody .response-col_status"), "200");
}

// The examples of filters are shown, but do not become filters.
Test(docs, a_list_is_tried_out_without_filters) {
    const Stack stack{Engine::sqlite};
    Browser browser;
    browser.open(stack.base_url() + "/docs");
    const std::string list = "#operations-tasks-listTasks";
    browser.click(list + " .opblock-summary-control");
    browser.click(list + " .try-out__btn");
    browser.text(list + " .execute");
    EXPECT_TEXT(browser.run("return [...document.querySelectorAll('" + list +
                            " .parameters input')].map(input => input.value).join()"),
                R"(",,,100,0,,,,,,")");  // limit and offset have defaults
}

// Swagger UI would wait for the end of a stream for ever.
Test(docs, streams_are_not_tried_out) {
    const Stack stack{Engine::sqlite};
    Browser browser;
    browser.open(stack.base_url() + "/docs");
    for (const char* name : {"streamEvents", "connectWebSocket", "listEvents"}) {
        const auto operation = std::string{"#operations-events-"} + name;
        browser.click(operation + " .opblock-summary-control");
        browser.text(operation + " .responses-inner");
        EXPECT_TEXT(browser.run("return document.querySelectorAll('" + operation +
                                " .try-out__btn').length"),
                    std::string{name} == "listEvents" ? "1" : "0");
    }
}

Test(docs, the_root_is_a_page_for_browsers) {
    const Stack stack{Engine::sqlite};
    Client client{stack.port()};
    static constexpr struct {
        const char* accept;
        const char* type;
    } cases[] = {
        {"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "text/html"},
        {"text/html", "text/html"},
        {"*/*", "application/json"},
        {"application/json", "application/json"},
        {"application/json, text/plain, */*", "application/json"},
        {"application/json, text/html", "application/json"},
        {"text/html;q=0.1, application/json", "application/json"},
        {"text/htmlx", "application/json"},
        {"", "application/json"},
    };
    for (const auto& [accept, type] : cases)
        for (const char* method : {"GET", "HEAD"}) {
            const auto reply =
                client.send({.method = method, .headers = {std::string{"Accept: "} + accept}});
            cr_expect_eq(reply.status, 200, "%s: %ld", accept, reply.status);
            EXPECT_TEXT(reply.header("content-type"), type);
            const bool is_page = std::string{type} == "text/html";
            EXPECT_TEXT(reply.header("vary"), is_page ? "Accept" : "Accept, Origin");
            EXPECT_TEXT(reply.header("content-security-policy"), is_page ? policy : "");
        }
    expect_error(stack.send({.method = "POST", .headers = {"Accept: text/html"}}),
                 Error::method_not_allowed);
    cr_expect_eq(stack.send({.path = "/_start"}).status, 404);
}

Test(docs, the_page_at_the_root_is_readable_in_every_window) {
    const Stack stack{Engine::sqlite};
    Browser browser;
    for (const bool is_dark : {false, true}) {
        browser.resize(360, 640, is_dark);
        browser.open(stack.base_url() + "/");
        EXPECT_TEXT(browser.text("h1"), "steelthread");
        EXPECT_TEXT(too_wide(browser), "[]");
        const std::string color = is_dark ? "rgb(255, 255, 255)" : "rgb(0, 0, 0)";
        EXPECT_TEXT(browser.run("return getComputedStyle(document.body).color === '" + color + "'"),
                    "true");
    }
    for (const char* link : {"docs", "openapi.json", "health"}) {
        browser.open(stack.base_url() + "/");
        browser.click(std::string{"a[href='"} + link + "']");
        browser.wait_for(std::string{"location.pathname === '/"} + link + "'");
    }
    for (const auto& line : browser.complaints())
        cr_expect(false, "the browser complains: %s", line.c_str());
}
