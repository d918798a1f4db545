#include "shared/http/page.hpp"
#include "shared/digest.hpp"

#include <limits>

#include "shared/http/conditional.hpp"
#include "shared/text.hpp"
#include "tests/support/expect.hpp"

using namespace std::string_literals;

namespace {

constexpr auto no_cursor =
    "query/cursor: Value error, not a cursor of this list: use next_cursor from a page with the "
    "same "
    "parameters (value_error)";

std::string read_refusal(const std::string& list, const std::string& cursor) {
    return refusal([&] { read_cursor(list, cursor); });
}

// A cursor that anybody who has read the code can make.
std::string forged(const std::string& list, const std::string& bytes) {
    return entity_tag(list + '\0' + bytes).substr(1, 16) + hex(bytes);
}

struct Row {
    std::int64_t id = 0;
    static consteval auto fields() { return std::tuple{json::field("id", &Row::id)}; }
};

// Rows of one column, as a database returns them.
class Numbers final : public db::Rows {
public:
    explicit Numbers(std::size_t size) : size_(size) {}
    std::size_t size() const override { return size_; }
    std::size_t column_count() const override { return 1; }
    std::string_view column_name(std::size_t) const override { return "id"; }
    bool is_null(std::size_t, std::size_t) const override { return false; }
    bool boolean(std::size_t, std::size_t) const override { return false; }
    std::int64_t integer(std::size_t row, std::size_t) const override {
        return static_cast<std::int64_t>(row) + 1;
    }
    std::string_view text(std::size_t, std::size_t) const override { return {}; }
    Uuid uuid(std::size_t, std::size_t) const override { return {}; }
    Timestamp timestamp(std::size_t, std::size_t) const override { return {}; }

private:
    std::size_t size_;
};

Response page_of(std::size_t count, std::int64_t limit) {
    const Numbers rows{count};
    return page(db::TypedRows<Row>{rows, "numbers"}, limit, 7, 9, "rows", [](const Row& row) {
        return Position{"key", row.id};
    });
}

}  // namespace

Test(page, cursors_give_back_their_position) {
    for (const auto& key : {""s, "1767875696123456"s, "a title"s, "\xf4\x8f\xbf\xbf"s, "\x01"s})
        for (const std::int64_t id :
             {std::int64_t{0}, std::int64_t{1}, std::int64_t{255}, std::int64_t{1} << 32,
              std::numeric_limits<std::int64_t>::max()}) {
            const auto position = read_cursor("list", write_cursor("list", {key, id}));
            EXPECT_TEXT(position.key, key);
            cr_expect_eq(position.id, id);
        }
}

// Clients put cursors into queries without escaping.
Test(page, cursors_are_letters_and_digits) {
    const auto cursor = write_cursor("list", {"key", 1});
    EXPECT_TEXT(percent_encode(cursor), cursor);
}

Test(page, cursors_belong_to_one_list) {
    const auto cursor = write_cursor("tasks all of a", {"key", 1});
    for (const auto& list : {""s, "tasks all of b"s, "tasks all of aa"s, "tasks all of "s,
                             "tasks all of a\0"s, "Tasks all of a"s})
        EXPECT_TEXT(read_refusal(list, cursor), no_cursor);
}

Test(page, cursors_are_whole_and_unchanged) {
    const auto cursor = write_cursor("list", {"key", 300});
    EXPECT_TEXT(read_refusal("list", cursor), "");
    for (std::size_t i = 0; i < cursor.size(); ++i) {
        EXPECT_TEXT(read_refusal("list", cursor.substr(0, i)), no_cursor);
        EXPECT_TEXT(read_refusal("list", cursor.substr(i + 1)), no_cursor);
        auto changed = cursor;
        for (const char c : {'0', '1', 'F', ' ', 'g', '\0'}) {
            changed[i] = c;
            if (changed != cursor) EXPECT_TEXT(read_refusal("list", changed), no_cursor);
        }
    }
    for (const auto& more : {"0"s, "00"s, " "s, "\0"s})
        EXPECT_TEXT(read_refusal("list", cursor + more), no_cursor);
}

Test(page, forged_cursors_hold_text_that_a_database_takes) {
    const auto id = "\0\0\0\0\0\0\0\1"s;
    EXPECT_TEXT(read_refusal("list", forged("list", id + "key")), "");
    for (const auto& bytes : {""s, id.substr(1), id + "\xff", id + "a\0b"s, id + "\xed\xa0\x80"})
        EXPECT_TEXT(read_refusal("list", forged("list", bytes)), no_cursor);
}

Test(page, keys_of_moments_are_exact) {
    for (const auto& moment : {Timestamp::first(), Timestamp{-1}, Timestamp{0},
                               Timestamp{1'767'875'696'123'456}, Timestamp::last()})
        cr_expect(moment_of_key(cursor_key(moment)) == moment);
}

Test(page, keys_of_moments_are_numbers_of_this_calendar) {
    for (const char* key : {"", "x", "1x", " 1", "1 ", "+1", "1.0", "0x1", "-",
                            "9223372036854775808", "253402300800000000", "-62135596800000001"})
        EXPECT_TEXT(refusal([&] { moment_of_key(key); }), no_cursor);
}

Test(page, begins_before_all_moments) {
    const auto ascending = before_all_moments(true);
    const auto descending = before_all_moments(false);
    cr_expect(moment_of_key(ascending.key) == Timestamp::first());
    cr_expect_eq(ascending.id, 0);
    cr_expect(moment_of_key(descending.key) == Timestamp::last());
    cr_expect_eq(descending.id, std::numeric_limits<std::int64_t>::max());
}

Test(page, takes_a_cursor_or_an_offset) {
    const std::optional<std::string> cursor{"x"};
    EXPECT_TEXT(refusal([&] { check_paging(cursor, 1); }),
                "query/offset: Value error, offset cannot be combined with cursor (value_error)");
    for (const auto& [given, offset] :
         {std::pair{cursor, 0}, std::pair{std::optional<std::string>{}, 1}})
        EXPECT_TEXT(refusal([&] { check_paging(given, offset); }), "");
}

Test(page, knows_that_there_is_more_by_one_row_more) {
    auto response = page_of(3, 2);
    EXPECT_TEXT(response.body(), R"([{"id":1},{"id":2}])");
    response.wrap("");
    EXPECT_TEXT(response.body(),
                R"({"data":[{"id":1},{"id":2}],"message":null,"pagination":{"has_more":true,)"
                R"("limit":2,"next_cursor":")" +
                    write_cursor("rows", {"key", 2}) +
                    R"(","offset":7,"total":9},"success":true})");
}

Test(page, has_no_cursor_on_the_last_one) {
    for (const std::size_t count : {0u, 1u, 2u}) {
        auto response = page_of(count, 2);
        response.wrap("");
        cr_expect(response.body().find(R"("has_more":false,"limit":2,"next_cursor":null)") !=
                  std::string::npos);
    }
}

Test(page, cursors_of_uuids_give_back_their_position) {
    const auto id = Uuid::random();
    for (const auto moment : {Timestamp::first(), Timestamp{0}, Timestamp::last()}) {
        const auto position =
            read_uuid_cursor("list", write_cursor("list", MomentAndUuid{moment, id}));
        cr_expect(position.moment == moment);
        cr_expect(position.id == id);
    }
    for (const auto& forged_cursor :
         {write_cursor("list", Position{id.text(), Timestamp::last().microseconds + 1}),
          write_cursor("list", Position{id.text(), INT64_MIN}),
          write_cursor("list", Position{"", 0}),
          write_cursor("list", Position{id.text() + "0", 0})})
        EXPECT_TEXT(refusal([&] { read_uuid_cursor("list", forged_cursor); }), no_cursor);
}
