#include "shared/auth/refusals.hpp"

#include <string>

#include "shared/json/reader.hpp"
#include "shared/log.hpp"
#include "tests/support/expect.hpp"

using namespace std::chrono_literals;

namespace {

// Refuses tokens and API keys at a time that the test sets.
class Refuser {
public:
    void pass(std::chrono::milliseconds time) { now_ += time; }

    // Returns "level message request_id reason left_out" of the line; empty if there is none.
    std::string refuse(std::string_view message, std::string_view reason) {
        const auto log = written_by([&] { refusals_.log(message, {"r-1"}, reason); });
        if (log.empty()) return {};
        const auto line = json::parse(log);
        std::string text;
        for (const auto* name : {"level", "message", "request_id", "reason"})
            text += std::string{line[name].GetString()} + " ";
        return text +
               (line.HasMember("left_out") ? std::to_string(line["left_out"].GetInt()) : "-");
    }

private:
    Clock::time_point now_ = Clock::now();
    Refusals refusals_{[this] { return now_; }};
};

}  // namespace

Test(refusals, one_a_second_is_logged_at_info) {
    Refuser refuser;
    EXPECT_TEXT(refuser.refuse("token refused", "exp: past"), "info token refused r-1 exp: past 0");
    for (int i = 0; i < 3; ++i) EXPECT_TEXT(refuser.refuse("API key refused", "unknown"), "");
    refuser.pass(999ms);
    EXPECT_TEXT(refuser.refuse("token refused", "exp: past"), "");
    refuser.pass(1ms);
    EXPECT_TEXT(refuser.refuse("ticket refused", "until: past"),
                "info ticket refused r-1 until: past 4");
    EXPECT_TEXT(refuser.refuse("token refused", "exp: past"), "");
    refuser.pass(1h);
    EXPECT_TEXT(refuser.refuse("token refused", "exp: past"), "info token refused r-1 exp: past 1");
    refuser.pass(1s);
    EXPECT_TEXT(refuser.refuse("token refused", "exp: past"), "info token refused r-1 exp: past 0");
}

Test(refusals, the_others_are_logged_at_debug) {
    Refuser refuser;
    logging::set_level(logging::Level::debug);
    EXPECT_TEXT(refuser.refuse("token refused", "exp: past"), "info token refused r-1 exp: past 0");
    EXPECT_TEXT(refuser.refuse("token refused", "exp: past"),
                "debug token refused r-1 exp: past -");
    refuser.pass(1s);
    EXPECT_TEXT(refuser.refuse("token refused", "exp: past"), "info token refused r-1 exp: past 1");
}
