#include "shared/log.hpp"

#include <unistd.h>

#include <algorithm>
#include <vector>

#include "shared/json/reader.hpp"
#include "shared/text.hpp"
#include "shared/timestamp.hpp"
#include "tests/support/expect.hpp"

using namespace std::string_view_literals;

namespace {

// Returns the members of the only line as "name=value", in order and without the time.
template <std::invocable Call>
std::string logged(Call call) {
    const auto text = written_by(call);
    if (text.empty()) return "nothing";
    cr_expect_eq(text.find('\n'), text.size() - 1, "not one line: %s", shown(text).c_str());
    cr_expect_not(has_control_bytes({text.data(), text.size() - 1}), "%s", shown(text).c_str());
    std::string members;
    const auto line = json::parse(text);
    for (const auto& member : line.GetObject()) {
        const auto name = json::text_of(member.name);
        if (name == "time") continue;
        members.append(members.empty() ? "" : " ").append(name).append("=");
        members.append(json::canonical(member.value));
    }
    return members;
}

}  // namespace

Test(log, writes_one_json_object_a_line) {
    const auto text = written_by([] {
        logging::info("one");
        logging::error("two", {{"status", 500}, {"path", "/a"}});
    });
    const auto middle = text.find('\n');
    cr_assert_neq(middle, text.npos);
    cr_expect_eq(text.find('\n', middle + 1), text.size() - 1);
    EXPECT_TEXT(json::parse(text.substr(0, middle))["message"].GetString(), "one");
    EXPECT_TEXT(json::parse(text.substr(middle + 1))["message"].GetString(), "two");
}

Test(log, carries_time_level_endpoint_and_fields) {
    EXPECT_TEXT(logged([] { logging::info("hello"); }), R"(level="info" message="hello")");
    logging::set_endpoint("collab_tasks");
    EXPECT_TEXT(logged([] {
                    logging::warning(
                        "slow", {{"milliseconds", 12}, {"request_id", "r-1"}, {"n", INT64_MIN}});
                }),
                R"(level="warning" endpoint="collab_tasks" message="slow" milliseconds=12 )"
                R"(request_id="r-1" n=-9223372036854775808)");

    const auto before = Timestamp::now().text();
    const auto text = written_by([] { logging::info("now"); });
    const auto after = Timestamp::now().text();
    const auto line = json::parse(text);
    const std::string time = line["time"].GetString();
    cr_expect(before <= time && time <= after, "%s", time.c_str());
    cr_expect(text.starts_with("{\"time\":"), "%s", text.c_str());
}

Test(log, keeps_whole_numbers_whole) {
    const auto text = written_by([] { logging::info("n", {{"id", 9'007'199'254'740'993}}); });
    cr_expect(text.find("\"id\":9007199254740993}") != text.npos, "%s", text.c_str());
}

Test(log, drops_what_is_below_its_level) {
    static constexpr const char* names[] = {"debug", "info", "warning", "error"};
    const auto count = [] {
        const auto text = written_by([] {
            logging::debug("x");
            logging::info("x");
            logging::warning("x");
            logging::error("x");
        });
        return std::count(text.begin(), text.end(), '\n');
    };
    cr_expect_eq(count(), 3);  // info is the default
    for (int level = 0; level < 4; ++level) {
        logging::set_level(static_cast<logging::Level>(level));
        cr_expect_eq(count(), 4 - level, "%s", names[level]);
    }
}

Test(log, names_its_levels) {
    logging::set_level(logging::Level::debug);
    EXPECT_TEXT(logged([] { logging::debug("m"); }), R"(level="debug" message="m")");
    EXPECT_TEXT(logged([] { logging::info("m"); }), R"(level="info" message="m")");
    EXPECT_TEXT(logged([] { logging::warning("m"); }), R"(level="warning" message="m")");
    EXPECT_TEXT(logged([] { logging::error("m"); }), R"(level="error" message="m")");
}

// No text from a client may end a line or start another.
Test(log, cannot_be_injected_into) {
    const std::string forged =
        "x\n{\"time\":\"2026\",\"level\":\"error\",\"message\":\"forged\"}\r\n";
    const auto text = written_by([&] { logging::info(forged, {{"path", forged}}); });
    cr_expect_eq(std::count(text.begin(), text.end(), '\n'), 1, "%s", text.c_str());
    const auto line = json::parse(text);
    EXPECT_TEXT(json::text_of(line["message"]), forged);
    EXPECT_TEXT(json::text_of(line["path"]), forged);
    EXPECT_TEXT(logged([] { logging::info("\",\"level\":\"error"); }),
                R"(level="info" message="\",\"level\":\"error")");
}

Test(log, escapes_control_characters) {
    for (int byte = 1; byte < 0x20; ++byte) {
        const std::string message{'a', static_cast<char>(byte), 'b'};
        const auto text = written_by([&] { logging::info(message, {{"value", message}}); });
        cr_expect_eq(text.find('\n'), text.size() - 1, "byte %d", byte);
        EXPECT_TEXT(json::text_of(json::parse(text)["message"]), message);
        EXPECT_TEXT(json::text_of(json::parse(text)["value"]), message);
    }
    const auto text = written_by([] { logging::info("a\0b"sv, {{"value", "\0"sv}}); });
    cr_expect(text.ends_with("\"message\":\"a\\u0000b\",\"value\":\"\\u0000\"}\n"), "%s",
              shown(text).c_str());
}

Test(log, replaces_bytes_that_are_not_utf8) {
    EXPECT_TEXT(logged([] {
                    logging::info("caf\xe9", {{"path", "/\xff\xc3("}});
                }),
                R"(level="info" message="caf?" path="/??(")");
    EXPECT_TEXT(logged([] {
                    logging::info("ok \xe2\x82\xac", {{"bad", "\xed\xa0\x80"}});
                }),
                "level=\"info\" message=\"ok \u20ac\" bad=\"???\"");
    EXPECT_TEXT(logged([] { logging::info("\xe9\n\x01"); }), R"(level="info" message="?\n\u0001")");
}

Test(log, survives_a_stderr_that_is_closed) {
    const int standard_error = dup(STDERR_FILENO);
    close(STDERR_FILENO);
    logging::error("into the void");
    dup2(standard_error, STDERR_FILENO);
    close(standard_error);
    EXPECT_TEXT(logged([] { logging::info("m"); }), R"(level="info" message="m" dropped_lines=1)");
}

Test(log, cuts_long_texts_between_characters) {
    const std::string letters(1'000, 'x');
    EXPECT_TEXT(logged([&] { logging::info(letters + "y"); }),
                "level=\"info\" message=\"" + letters + "\"");
    EXPECT_TEXT(logged([&] {
                    logging::info("m", {{"path", letters.substr(2) + "\u20ac"}});
                }),
                "level=\"info\" message=\"m\" path=\"" + letters.substr(2) + "\"");
    EXPECT_TEXT(logged([&] { logging::info(std::string(2'000, '\x80')); }),
                "level=\"info\" message=\"" + std::string(997, '?') + "\"");
}

// If the reader of the log stalls, the service continues.
Test(log, drops_lines_that_nobody_takes_and_says_how_many) {
    int ends[2];
    cr_assert_eq(pipe(ends), 0);
    const int standard_error = dup(STDERR_FILENO);
    dup2(ends[1], STDERR_FILENO);
    const std::string text(900, 'x');
    for (int i = 0; i < 1'000; ++i) logging::info(text);  // would fill the pipe many times over
    std::string lines(1'000'000, '\0');
    const auto size = read(ends[0], lines.data(), lines.size());
    logging::info("again");
    logging::info("and again");
    dup2(standard_error, STDERR_FILENO);
    cr_assert_gt(size, 0);
    cr_expect_eq(lines[static_cast<std::size_t>(size) - 1], '\n', "a line is cut");
    const auto kept = std::count(lines.begin(), lines.end(), '\n');
    const auto more = read(ends[0], lines.data(), lines.size());
    cr_assert_gt(more, 0);
    const auto end = lines.find('\n');
    const auto first = json::parse(lines.substr(0, end));
    cr_expect_eq(first["dropped_lines"].GetInt(), 1'000 - kept);
    const auto second = json::parse(
        std::string_view{lines}.substr(end + 1, static_cast<std::size_t>(more) - end - 1));
    cr_expect_not(second.HasMember("dropped_lines"));
    // Each of these takes six bytes in the log.
    const std::string control(1'000, '\x01');
    EXPECT_TEXT(logged([&] { logging::info(control); }), "nothing");
}

Test(log, names_the_request) {
    const logging::RequestIds request{"r-1", "4bf92f3577b34da6a3ce929d0e0e4736"};
    EXPECT_TEXT(logged([&] {
                    logging::write(logging::Level::info, request, "m", {{"status", 200}});
                }),
                R"(level="info" message="m" request_id="r-1" )"
                R"(trace_id="4bf92f3577b34da6a3ce929d0e0e4736" status=200)");
    EXPECT_TEXT(logged([] { logging::write(logging::Level::info, {"r-2"}, "m"); }),
                R"(level="info" message="m" request_id="r-2")");
    EXPECT_TEXT(logged([&] { logging::write(logging::Level::debug, request, "m"); }), "nothing");
}

// Evidence does not depend on how much else somebody wants to read.
Test(log, audits_at_every_level) {
    logging::set_level(logging::Level::error);
    EXPECT_TEXT(logged([] {
                    logging::audit({"r-1"}, "login", {{"user", "ann"}});
                }),
                R"(level="info" message="audit" action="login" request_id="r-1" user="ann")");
    EXPECT_TEXT(logged([] {
                    logging::audit({}, "account.disabled", {{"user", "ann"}});
                }),
                R"(level="info" message="audit" action="account.disabled" user="ann")");
}

Test(log, writes_text_if_asked) {
    cr_expect(logging::is_text(logging::Format::text));
    cr_expect_not(logging::is_text(logging::Format::json));
    logging::set_format(logging::Format::text);
    const auto line = written_by([] { logging::info("m", {{"path", "/a b\n"}}); });
    cr_expect(line.ends_with(R"( info    : m path="/a b\n")"
                             "\n"),
              "%s", shown(line).c_str());
    logging::set_format(logging::Format::automatic);
    cr_expect(written_by([] { logging::info("m"); }).starts_with("{"));
}
