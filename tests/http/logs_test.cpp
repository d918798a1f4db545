// The log: LOG_FORMAT, trace ids, and the lines for audits.
#include <fcntl.h>
#include <pty.h>
#include <signal.h>
#include <unistd.h>

#include <regex>

#include "tests/support/stack/stack.hpp"

namespace {

const std::string trace_id = "4bf92f3577b34da6a3ce929d0e0e4736";
const std::string traceparent = "traceparent: 00-" + trace_id + "-00f067aa0ba902b7-01";

// A terminal that is nobody's controlling terminal, and what has been written to it.
class Terminal {
public:
    Terminal() {
        cr_assert_eq(openpty(&master_, &slave_, nullptr, nullptr, nullptr), 0);
        fcntl(master_, F_SETFL, O_NONBLOCK);
        fcntl(master_, F_SETFD, FD_CLOEXEC);
    }
    ~Terminal() {
        close(master_);
        close(slave_);
    }
    Terminal(const Terminal&) = delete;
    Terminal& operator=(const Terminal&) = delete;

    int descriptor() const { return slave_; }

    const std::string& shown() {
        char bytes[4096];
        for (ssize_t count = 0; (count = read(master_, bytes, sizeof bytes)) > 0;)
            text_.append(bytes, static_cast<std::size_t>(count));
        return text_;
    }

    bool shows(const std::string& text) { return shown().find(text) != std::string::npos; }

private:
    int master_ = -1;
    int slave_ = -1;
    std::string text_;
};

// The lines of the log that contain all of these texts.
std::vector<std::string> lines_with(const std::string& log, const std::vector<std::string>& texts) {
    std::vector<std::string> found;
    for (const auto line : split(log, '\n')) {
        const auto has = [&](const std::string& text) { return line.find(text) != line.npos; };
        if (std::all_of(texts.begin(), texts.end(), has)) found.emplace_back(line);
    }
    return found;
}

std::string only_line_with(const Stack& stack, const std::vector<std::string>& texts) {
    std::vector<std::string> found;
    wait_until("the line is there", [&] {
        found = lines_with(stack.log(), texts);
        return !found.empty();
    });
    cr_expect_eq(found.size(), 1U, "%s", found.back().c_str());
    return found.front();
}

std::string credentials(const std::string& email, const std::string& password) {
    return R"({"email":")" + email + R"(","password":")" + password + "\"}";
}

}  // namespace

Test(logs, are_for_people_on_a_terminal) {
    Terminal terminal;
    const Stack stack{Engine::sqlite, {{"TERM", "xterm"}}, terminal.descriptor()};
    stack.send({.path = "/nowhere"});
    wait_until("the request is shown", [&] { return terminal.shows("/nowhere"); });
    const auto has = [&](const char* pattern) {
        cr_expect(std::regex_search(terminal.shown(), std::regex{pattern}), "%s in\n%s", pattern,
                  shown(terminal.shown()).c_str());
    };
    has("\x1b\\[2m20[0-9-]+ [0-9:.]+\x1b\\[0m \x1b\\[32minfo   \x1b\\[0m supervisor: ready ");
    has("nginx: request \x1b\\[2mstatus=\x1b\\[0m404 ");
    has("healthz");
    cr_expect_not(terminal.shows("{\"time\""));
}

Test(logs, have_no_colours_where_nobody_wants_them) {
    for (const auto& [name, value] : Variables{{"NO_COLOR", "1"}, {"TERM", "dumb"}}) {
        Terminal terminal;
        const Stack stack{
            Engine::sqlite, {{name, value}, {"TERM", "xterm"}}, terminal.descriptor()};
        wait_until("it is ready", [&] { return terminal.shows("supervisor: ready url="); });
        cr_expect_not(terminal.shows("\x1b["), "%s", name.c_str());
    }
}

Test(logs, are_json_on_a_terminal_if_asked) {
    Terminal terminal;
    const Stack stack{
        Engine::sqlite, {{"TERM", "xterm"}, {"LOG_FORMAT", "json"}}, terminal.descriptor()};
    wait_until("it is ready", [&] { return terminal.shows(R"("message":"ready")"); });
    cr_expect_not(terminal.shows("\x1b["));
}

Test(logs, are_text_in_a_file_if_asked) {
    const Stack stack{Engine::sqlite, {{"LOG_FORMAT", "text"}}};
    stack.authorization();
    wait_until("a handler's line is there", [&] {
        return stack.log().find(" auth_login: audit action=login ") != std::string::npos;
    });
    wait_until("nginx's line is there", [&] {
        return stack.log().find(" nginx: request status=200 ") != std::string::npos;
    });
    const auto log = stack.log();
    for (const auto line : split(log, '\n'))
        cr_expect(line.empty() || std::regex_search(std::string{line},
                                                    std::regex{"^20[0-9]{2}-[0-9]{2}-[0-9]{2} "}),
                  "%s", std::string{line}.c_str());
}

// A client can neither begin a line nor send an escape sequence, in either format.
Test(logs, cannot_be_forged) {
    for (const char* format : {"text", "json"}) {
        Terminal terminal;
        const Stack stack{
            Engine::sqlite, {{"LOG_FORMAT", format}, {"TERM", "dumb"}}, terminal.descriptor()};
        const auto send = [&](const std::string& line, const std::string& header) {
            stack.send_raw(line + "\r\nHost: h\r\nConnection: close\r\n" + header + "\r\n\r\n");
        };
        send("GET /a\x1b[31mred HTTP/1.1", "X-Request-ID: \x1b[31m");
        send("GET /b\xc2\x9b\x33\x31mred HTTP/1.1", "traceparent: \x1b[31m");
        send("GET /c%0aforged HTTP/1.1", "Referer: \x1b[31m");
        send("GET /d\"}\xe2\x80\xae HTTP/1.1", "User-Agent: \x1b[31m");
        send("POST /auth/login HTTP/1.1", "X-API-Key: \x1b[31m");
        stack.send({.path = "/last"});
        wait_until("everything is logged", [&] { return terminal.shows("/last"); });
        for (const char* forbidden : {"\x1b", "\xc2\x9b", "\xe2\x80\xae", "\nforged"})
            cr_expect_not(terminal.shows(forbidden), "%s in %s", shown(forbidden).c_str(), format);
    }
}

ON_BOTH(logs, name_the_trace_of_a_request, Stack, stack) {
    stack.send({.path = "/nowhere", .headers = {traceparent}});
    only_line_with(stack, {R"("path":"/nowhere")", R"("trace_id":")" + trace_id + "\""});
    // A line that a handler writes.
    const auto reply = stack.send({.method = "POST",
                                   .path = "/auth/login",
                                   .body = credentials("nobody@example.org", "wrong password"),
                                   .headers = {traceparent}});
    const auto line = only_line_with(stack, {"\"auth_login\"", "login refused"});
    cr_expect(line.find(R"("request_id":")" + reply.header("x-request-id") + R"(","trace_id":")" +
                        trace_id + "\"") != line.npos,
              "%s", line.c_str());
}

// nginx and the handlers have the same rule.
Test(logs, ignore_an_invalid_trace) {
    const Stack stack{Engine::sqlite, {{"LOG_LEVEL", "debug"}}};
    const std::string parent = "-00f067aa0ba902b7-";
    const std::pair<std::string, bool> cases[] = {
        {"00-" + trace_id + parent + "01", true},
        {"cc-" + trace_id + parent + "01-more", true},
        {"cc-" + trace_id + parent + "01x", false},
        {"ff-" + trace_id + parent + "01", false},
        {"00-" + trace_id + parent + "01-more", false},
        {"00-" + std::string(32, '0') + parent + "01", false},
        {"00-" + trace_id + "-0000000000000000-01", false},
        {"00-4BF92F3577B34DA6A3CE929D0E0E4736" + parent + "01", false},
        {"00-" + trace_id + parent + "0", false},
        {"x", false}};
    int number = 0;
    for (const auto& [value, is_valid] : cases) {
        const auto id = "case-" + std::to_string(++number);
        stack.send(
            {.path = "/health", .headers = {"traceparent: " + value, "X-Request-ID: " + id}});
        const auto of_nginx = only_line_with(stack, {"\"nginx\"", '"' + id + '"'});
        const auto of_handler = only_line_with(stack, {"\"endpoint\":\"health\"", '"' + id + '"'});
        const auto member = R"("trace_id":")" + trace_id + "\"";
        cr_expect_eq(of_nginx.find(member) != of_nginx.npos, is_valid, "%s", of_nginx.c_str());
        cr_expect_eq(of_handler.find(member) != of_handler.npos, is_valid, "%s",
                     of_handler.c_str());
    }
}

ON_BOTH(audit, records_what_happens_to_accounts, Stack, stack) {
    const auto made = stack.send({.method = "POST",
                                  .path = "/api/auth/signup",
                                  .body = credentials("ada@example.org", "correct horse battery")});
    cr_assert_eq(made.status, 201, "%s", made.body.c_str());
    const auto id = json_member(made.body, "data.id");
    const auto of = [&](const char* action, const std::string& user) {
        return std::vector<std::string>{
            R"("message":"audit","action":")" + std::string{action} + "\"",
            R"("user":")" + user + "\""};
    };
    const auto line = only_line_with(stack, of("account.created", id));
    cr_expect(line.find(R"("address":"127.0.0.1")") != line.npos, "%s", line.c_str());
    stack.send({.method = "POST",
                .path = "/auth/login",
                .body = credentials("ada@example.org", "correct horse battery")});
    only_line_with(stack, of("login", id));
    // The first request of another issuer's user makes a row, the second one does not.
    const auto other = stack.authorization_of("user-of-another-issuer", "x@example.org");
    for (int i = 0; i < 2; ++i)
        stack.send({.method = "POST",
                    .path = "/api/tasks",
                    .body = R"({"title":"a"})",
                    .headers = {other}});
    only_line_with(stack, of("account.created", "user-of-another-issuer"));
    for (const char* secret : {"ada@example.org", "x@example.org", "correct horse battery"})
        cr_expect(stack.log().find(secret) == std::string::npos, "%s", secret);
}

ON_BOTH(audit, records_what_administrators_do, Stack, stack) {
    const auto audited = [&](const std::vector<std::string>& words) {
        const auto finished = stack.command(words);
        cr_expect_eq(finished.status, 0, "%s", finished.errors.c_str());
        return finished.errors;
    };
    const auto created = audited({"user", "create", "bob@example.org"});
    const auto id = json_member(created, "user");
    EXPECT_TEXT(json_member(created, "action"), "account.created");
    const std::pair<const char*, const char*> actions[] = {{"password", "password.set"},
                                                           {"disable", "account.disabled"},
                                                           {"enable", "account.enabled"}};
    for (const auto& [command, action] : actions) {
        const auto line = audited({"user", command, "bob@example.org"});
        EXPECT_TEXT(json_member(line, "action"), action);
        EXPECT_TEXT(json_member(line, "user"), id);
    }
    EXPECT_TEXT(audited({"user", "enable", "bob@example.org"}), "");
    EXPECT_TEXT(json_member(audited({"user", "delete", "--yes", "bob@example.org"}), "action"),
                "account.deleted");
}

Test(audit, ignores_the_level_and_names_no_key) {
    const Stack stack{Engine::sqlite, {{"LOG_LEVEL", "error"}, {"RATE_LIMIT", "7/second"}}};
    const auto line = only_line_with(stack, {R"("message":"audit","action":"settings")"});
    cr_expect(line.find(R"("api_keys":2,"rate_limit":"7/second")") != line.npos, "%s",
              line.c_str());
    stack.authorization();
    only_line_with(stack, {R"("action":"login")"});
    cr_expect(stack.log().find(api_key) == std::string::npos);
}
