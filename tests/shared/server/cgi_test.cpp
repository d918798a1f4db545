#include <unistd.h>

#include <csignal>
#include <cstdlib>

#include "shared/server/raw_request.hpp"
#include "shared/server/serve.hpp"
#include "tests/support/database.hpp"
#include "tests/support/expect.hpp"
#include "tests/support/no_database.hpp"

namespace {

struct Text {
    std::string text;
    static consteval auto fields() { return std::tuple{json::field("text", &Text::text)}; }
};

Async<Response> get(const Request&, Context&) { co_return Response::ok(Text{"got"}); }

Async<Response> post(const Request& request, Context&) {
    auto body = request.body<Text>();
    co_return Response{200, std::to_string(body.text.size())};
}

const Endpoint& served() {
    static const Endpoint declared{
        .path = "/echo",
        .operations = {{.method = Method::get, .handler = get, .summary = "", .answer = {}},
                       {.method = Method::post,
                        .handler = post,
                        .summary = "",
                        .request_schema = schema_of<Text>,
                        .answer = {}}}};
    return declared;
}

void set(const char* name, const char* value) {
    if (value)
        setenv(name, value, 1);
    else
        unsetenv(name);
}

// Returns an anonymous file with this text.
int file_of(std::string_view text) {
    char path[] = "/tmp/cgi_test.XXXXXX";
    const int file = mkstemp(path);
    cr_assert_geq(file, 0);
    unlink(path);
    cr_assert_eq(write(file, text.data(), text.size()), static_cast<ssize_t>(text.size()));
    lseek(file, 0, SEEK_SET);
    return file;
}

// Replaces a descriptor with another during its lifetime.
class Redirection {
public:
    Redirection(int from, int to) : to_(to), kept_(dup(to)) {
        dup2(from, to);
        close(from);
    }
    ~Redirection() {
        dup2(kept_, to_);
        close(kept_);
    }
    Redirection(const Redirection&) = delete;
    Redirection& operator=(const Redirection&) = delete;

private:
    int to_;
    int kept_;
};

void run_cgi() {
    Loop loop{1};
    ContextWithoutDatabase without;
    answer_cgi(loop, served(), without.context);
    cr_expect(without.database.is_closed);  // otherwise the loop would not have ended
}

// Returns what is written to stdout. CONTENT_LENGTH is not set if `content_length` is null.
std::string answer_to(const char* method, std::string_view input, const char* content_length) {
    set("REQUEST_METHOD", method);
    set("REQUEST_URI", "/echo?x=1");
    set("CONTENT_TYPE", "application/json");
    set("HTTP_X_REQUEST_ID", "r-1");
    set("CONTENT_LENGTH", content_length);
    const int output = file_of("");
    {
        const Redirection standard_input{file_of(input), STDIN_FILENO};
        const Redirection standard_output{dup(output), STDOUT_FILENO};
        run_cgi();
    }
    std::string text(static_cast<std::size_t>(lseek(output, 0, SEEK_END)), '\0');
    cr_assert_eq(pread(output, text.data(), text.size(), 0), static_cast<ssize_t>(text.size()));
    close(output);
    return text;
}

std::string body_of(std::size_t size) {
    return R"({"text":")" + std::string(size - 11, 'b') + R"("})";
}

std::string status_of(const std::string& answer) {
    cr_assert(answer.starts_with("Status: "), "%s", shown(answer).c_str());
    return answer.substr(8, 3);
}

}  // namespace

Test(cgi, writes_head_and_body) {
    EXPECT_TEXT(answer_to("GET", "", nullptr),
                "Status: 200 OK\r\n"
                "Cache-Control: no-store\r\n"
                "Content-Type: application/json\r\n"
                "X-Request-ID: r-1\r\n"
                "X-Content-Type-Options: nosniff\r\n"
                "Referrer-Policy: no-referrer\r\n"
                "Vary: Origin\r\n"
                "Content-Length: 14\r\n"
                "\r\n"
                R"({"text":"got"})");
}

Test(cgi, writes_the_head_alone_for_head) {
    const auto full = answer_to("GET", "", nullptr);
    EXPECT_TEXT(answer_to("HEAD", "", nullptr), full.substr(0, full.size() - 14));
}

Test(cgi, reads_as_much_as_the_length_says) {
    const auto body = body_of(30);
    EXPECT_TEXT(status_of(answer_to("POST", body + "and more", "30")), "200");
    EXPECT_TEXT(status_of(answer_to("POST", body, "30")), "200");
    EXPECT_TEXT(status_of(answer_to("POST", body, "29")), "422");
    EXPECT_TEXT(status_of(answer_to("POST", body, "0")), "422");
}

Test(cgi, reads_to_the_end_without_a_length) {
    for (const char* length : {static_cast<const char*>(nullptr), ""}) {
        EXPECT_TEXT(status_of(answer_to("POST", body_of(30), length)), "200");
        EXPECT_TEXT(status_of(answer_to("POST", "", length)), "422");
    }
}

// stdin may be a terminal, or a pipe that is never closed.
Test(cgi, waits_for_no_body_where_the_method_has_none) {
    int ends[2];
    cr_assert_eq(pipe(ends), 0);
    const Redirection standard_input{ends[0], STDIN_FILENO};
    set("REQUEST_URI", "/echo");
    for (const char* method : {"GET", "HEAD", "OPTIONS", "DELETE"}) {
        set("REQUEST_METHOD", method);
        const Redirection standard_output{file_of(""), STDOUT_FILENO};
        run_cgi();
    }
    close(ends[1]);
}

Test(cgi, takes_bodies_up_to_64_kib) {
    for (const char* length : {static_cast<const char*>(nullptr), "65536"}) {
        const auto answer = answer_to("POST", body_of(default_max_body), length);
        EXPECT_TEXT(status_of(answer), "200");
        cr_expect(answer.ends_with("\r\n\r\n65525"));
    }
    const auto larger = body_of(default_max_body + 1);
    for (const char* length :
         {static_cast<const char*>(nullptr), "65537", "99999999", "18446744073709551615",
          "99999999999999999999999", "-1", "nonsense", "65537x"})
        EXPECT_TEXT(status_of(answer_to("POST", larger, length)), "413");
}

Test(cgi, fails_when_nobody_reads) {
    std::signal(SIGPIPE, SIG_IGN);
    int ends[2];
    cr_assert_eq(pipe(ends), 0);
    close(ends[0]);
    set("REQUEST_METHOD", "GET");
    set("REQUEST_URI", "/echo");
    const Redirection standard_input{file_of(""), STDIN_FILENO};
    const Redirection standard_output{ends[1], STDOUT_FILENO};
    cr_expect(throws<std::runtime_error>(run_cgi));
}
