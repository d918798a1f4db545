#include "shared/log_text.hpp"

#include <stdlib.h>

#include "tests/support/expect.hpp"

using logging::text_line;

Test(log_text, is_read_from_left_to_right) {
    EXPECT_TEXT(text_line(R"({"time":"2026-12-01T10:44:34.791226Z","level":"warning","endpoint":)"
                          R"("tasks","message":"slow","ms":12,"path":"/a","none":null})",
                          false),
                "2026-12-01 10:44:34.791 warning tasks: slow ms=12 path=/a none=null\n");
    EXPECT_TEXT(text_line(R"({"level":"info","time":"2026-12-01T12:44:34+02:00","message":"m",)"
                          R"("endpoint":"nginx","trace_id":""})",
                          false),
                "2026-12-01 10:44:34.000 info    nginx: m\n");
}

Test(log_text, quotes_what_would_look_like_something_else) {
    const auto value = [](const std::string& json) {
        const auto line = text_line(
            R"({"time":"t","level":"l","endpoint":"e","message":"m","x":)" + json + "}", false);
        constexpr std::string_view before = "t l       e: m x=";
        cr_assert(line.starts_with(before), "%s", line.c_str());
        return line.substr(before.size(), line.size() - before.size() - 1);
    };
    EXPECT_TEXT(value(R"("plain")"), "plain");
    EXPECT_TEXT(value(R"("two words")"), R"("two words")");
    EXPECT_TEXT(value(R"("a=b")"), R"("a=b")");
    EXPECT_TEXT(value(R"("say \"x\"")"), R"("say \"x\"")");
    EXPECT_TEXT(value(R"("back\\slash")"), R"(back\slash)");
    EXPECT_TEXT(value("-9007199254740993"), "-9007199254740993");
    EXPECT_TEXT(value("0.004"), "0.004");
    EXPECT_TEXT(value(R"("caf\u00e9")"), "caf\u00e9");
}

// Neither a line nor a terminal's escape sequence can be forged.
Test(log_text, lets_no_control_character_through) {
    for (const char* hostile :
         {R"(a\nb)", R"(a\r\nb)", R"(\u001b[31mred)", R"(\u0000)", R"(\u007f)", R"(\u009b31m)",
          R"(\u2028)", R"(\u202egnp.exe)", R"(\u2066x\u2069)", R"(\t)"}) {
        const auto text = std::string{hostile};
        const auto line =
            text_line(R"({"time":")" + text + R"(","level":")" + text + R"(","endpoint":")" + text +
                          R"(","message":")" + text + R"(",")" + text + R"(":")" + text + R"("})",
                      false);
        cr_expect_eq(line.find('\n'), line.size() - 1, "%s", shown(line).c_str());
        for (const char* forbidden :
             {"\x1b", "\r", "\t", "\x7f", "\xc2\x9b", "\u2028", "\u202e", "\u2066"})
            cr_expect(line.find(forbidden) == line.npos, "%s", shown(line).c_str());
        cr_expect(line.find('\0') == line.npos, "%s", shown(line).c_str());
    }
}

Test(log_text, keeps_lines_that_are_not_json) {
    EXPECT_TEXT(text_line("nginx: [emerg] bind() failed", true), "nginx: [emerg] bind() failed\n");
    EXPECT_TEXT(text_line("\x1b[2Jx\xff\xc3", false), "?[2Jx??\n");
    EXPECT_TEXT(text_line("[1]", false), "[1]\n");
    EXPECT_TEXT(text_line(R"({"time":1,"level":[],"message":{}})", false), "         : \n");
    EXPECT_TEXT(text_line("", false), "\n");
}

Test(log_text, has_colours_only_around_its_own_words) {
    EXPECT_TEXT(
        text_line(R"({"time":"t","level":"error","endpoint":"e","message":"m","x":1})", true),
        "\x1b[2mt\x1b[0m \x1b[31merror  \x1b[0m e: m \x1b[2mx=\x1b[0m1\n");
}

Test(log_text, has_no_colours_without_a_terminal) {
    setenv("TERM", "xterm", 1);
    int ends[2];
    cr_assert_eq(pipe(ends), 0);
    cr_expect_not(logging::may_have_colours(ends[1]));
}
