#include "shared/events/cursor.hpp"

#include "tests/support/expect.hpp"

Test(event_cursor, reads_what_it_writes) {
    for (const std::string text : {"0-0", "748-12", "9223372036854775807-9223372036854775807"}) {
        const auto cursor = EventCursor::parse(text);
        cr_assert(cursor.has_value(), "%s", text.c_str());
        EXPECT_TEXT(cursor->text(), text);
    }
    cr_expect(EventCursor::parse("0") == (EventCursor{0, 0}));
}

Test(event_cursor, reads_nothing_else) {
    for (const std::string text :
         {"", "-", "1", "1-", "-1", "-1-2", "1--2", "01-2", "1-02", "1-2-3", "1 -2", "+1-2", "1-2 ",
          "9223372036854775808-1", "1-9223372036854775808", "0x1-2", "a-b"})
        cr_expect(!EventCursor::parse(text).has_value(), "%s", text.c_str());
}

Test(event_cursor, is_ordered_by_transaction_first) {
    cr_expect((EventCursor{1, 9} < EventCursor{2, 1}));
    cr_expect((EventCursor{2, 1} < EventCursor{2, 2}));
}

Test(event_bounds, resume_where_nothing_is_missing) {
    const EventBounds bounds{10, 5, 20, 7, 25, 0};
    const std::pair<std::string, std::string> cases[] = {
        {"0", "10-5"}, {"10-5", "10-5"}, {"15-99", "15-99"}, {"20-7", "20-7"},
        {"10-4", ""},  {"9-999", ""},    {"20-8", "20-8"},   {"24-99", "24-99"},
        {"25-0", ""},  {"0-0", ""},      {"x", ""},
    };
    for (const auto& [sent, wanted] : cases) {
        const auto cursor = bounds.resume(sent);
        EXPECT_TEXT((cursor ? cursor->text() : ""), wanted);
    }
}
