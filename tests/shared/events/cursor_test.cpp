#include "shared/events/cursor.hpp"

#include "tests/support/expect.hpp"

Test(event_cursor, reads_what_it_writes) {
    for (const std::string text : {"0-0", "748-12", "9223372036854775807-9223372036854775807",
                                   "748-12-1f3c9a0e", "0-0-00000000"}) {
        const auto cursor = EventCursor::parse(text);
        cr_assert(cursor.has_value(), "%s", text.c_str());
        EXPECT_TEXT(cursor->text(), text);
    }
    cr_expect(EventCursor::parse("0") == (EventCursor{0, 0}));
    EXPECT_TEXT(EventCursor::parse("748-12-1f3c9a0e")->epoch, "1f3c9a0e");
}

Test(event_cursor, reads_nothing_else) {
    for (const std::string text : {"",
                                   "-",
                                   "1",
                                   "1-",
                                   "-1",
                                   "-1-2",
                                   "1--2",
                                   "01-2",
                                   "1-02",
                                   "1-2-",
                                   "1-2-3",
                                   "1-2-1f3c9a0",
                                   "1-2-1f3c9a0ee",
                                   "1-2-1F3C9A0E",
                                   "1-2-1f3c9a0-",
                                   "1-2-1f3c9a0e-1",
                                   "1 -2",
                                   "+1-2",
                                   "1-2 ",
                                   "9223372036854775808-1",
                                   "1-9223372036854775808",
                                   "0x1-2",
                                   "a-b"})
        cr_expect(!EventCursor::parse(text).has_value(), "%s", text.c_str());
}

Test(event_cursor, is_ordered_by_transaction_first) {
    cr_expect((EventCursor{1, 9} < EventCursor{2, 1}));
    cr_expect((EventCursor{2, 1} < EventCursor{2, 2}));
}

namespace {

std::string resumed(const EventBounds& bounds, const std::string& sent) {
    const auto cursor = bounds.resume(sent);
    return cursor ? cursor->text() : "";
}

}  // namespace

Test(event_bounds, resume_where_nothing_is_missing) {
    const EventBounds bounds{10, 5, 20, 7, 25, 0, "h"};
    const auto epoch = "-" + bounds.epoch();
    const std::pair<std::string, std::string> cases[] = {
        {"10-5", "10-5"}, {"15-99", "15-99"}, {"20-7", "20-7"}, {"10-4", ""}, {"9-999", ""},
        {"20-8", "20-8"}, {"24-99", "24-99"}, {"25-0", ""},     {"0-0", ""},
    };
    for (const auto& [sent, wanted] : cases)
        EXPECT_TEXT(resumed(bounds, sent + epoch), (wanted.empty() ? "" : wanted + epoch));
    EXPECT_TEXT(resumed(bounds, "0"), "10-5" + epoch);
    EXPECT_TEXT(resumed(bounds, "x"), "");
}

Test(event_bounds, have_an_epoch_for_each_history) {
    const EventBounds bounds{10, 5, 20, 7, 25, 0, "h"};
    const EventBounds other{10, 5, 20, 7, 25, 0, "i"};
    cr_expect_eq(bounds.epoch().size(), epoch_size);
    EXPECT_TEXT(bounds.epoch(), (EventBounds{0, 0, 0, 0, 0, 0, "h"}.epoch()));
    cr_expect(bounds.epoch() != other.epoch());
    EXPECT_TEXT(resumed(bounds, "15-1-" + other.epoch()), "");
    EXPECT_TEXT(bounds.end().text(), "20-7-" + bounds.epoch());
}

// Earlier releases wrote cursors without an epoch, in the history that the migration found.
Test(event_bounds, take_cursors_without_an_epoch_in_the_first_history) {
    const EventBounds first{10, 5, 20, 7, 25, 0, "h", "h"};
    EXPECT_TEXT(resumed(first, "15-1"), "15-1-" + first.epoch());
    EXPECT_TEXT(resumed(first, "9-1"), "");
    EXPECT_TEXT(resumed({10, 5, 20, 7, 25, 0, "h i", "h"}, "15-1"), "");
    EXPECT_TEXT(resumed({10, 5, 20, 7, 25, 0, "h", std::nullopt}, "15-1"), "");
}
