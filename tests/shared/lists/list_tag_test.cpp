#include "shared/lists/list_tag.hpp"

#include <criterion/criterion.h>

#include <set>

#include "shared/digest.hpp"
#include "tests/support/expect.hpp"
#include "tests/support/task_statements.hpp"

namespace {

const std::string digits = "0123456789abcdef";

std::string shown_revisions(std::string_view if_none_match, std::string_view if_match = "") {
    const ListConditions conditions{if_match, if_none_match, digits};
    std::string text;
    for (const auto& revision : conditions.revisions()) text += revision + " ";
    return text;
}

}  // namespace

Test(list_tag, belongs_to_its_list_page_and_version) {
    std::set<std::string> seen;
    for (const auto& statement : {tasks_by_title("ann", 10), tasks_by_title("bob", 10),
                                  tasks_by_title("ann", 11), tasks_by_title("ann", 10, 1),
                                  tasks_by_title("ann", 10, 0, sql::list_tasks_by_title_desc)})
        seen.insert(list_digits(statement));
    seen.insert(list_digits(tasks_by_title("ann", 10), "0.0.1"));
    cr_expect_eq(seen.size(), 6u);
    cr_expect_eq(list_digits(tasks_by_title("ann", 10)).size(), 16u);
    EXPECT_TEXT(list_digits(tasks_by_title("ann", 10)), list_digits(tasks_by_title("ann", 10)));
    EXPECT_TEXT(list_tag(digits, "-5.7-1"), "\"0123456789abcdef.-5.7-1\"");
}

Test(list_tag, is_found_among_others) {
    const auto own = list_tag(digits, "-5.7-1");
    EXPECT_TEXT(shown_revisions(own), "-5.7-1 ");
    EXPECT_TEXT(shown_revisions("W/" + own), "-5.7-1 ");
    EXPECT_TEXT(shown_revisions("\"x\", " + own + ", " + list_tag(digits, "8")), "-5.7-1 8 ");
    for (const auto& other :
         {std::string{}, std::string{"*"}, std::string{"malformed"}, entity_tag("x"),
          list_tag("1123456789abcdef", "1"), list_tag(digits, ""), list_tag(digits, "1 2"),
          list_tag(digits, "x"), list_tag(digits, std::string(97, '1')), "\"" + digits + "\""})
        EXPECT_TEXT(shown_revisions(other), "");
    EXPECT_TEXT(shown_revisions(list_tag(digits, std::string(96, '1'))),
                std::string(96, '1') + " ");
}

Test(list_tag, only_four_count) {
    std::string field;
    for (const char* revision : {"1", "2", "3", "4", "5"})
        field += (field.empty() ? "" : ", ") + list_tag(digits, revision);
    EXPECT_TEXT(shown_revisions(field), "1 2 3 4 ");
}

// The answer to a condition with the tag of a body needs the body.
Test(list_tag, does_not_count_beside_if_match) {
    EXPECT_TEXT(shown_revisions(list_tag(digits, "1"), "*"), "");
    EXPECT_TEXT(shown_revisions(list_tag(digits, "1"), entity_tag("x")), "");
}

Test(list_tag, bodies_are_named_in_both_fields) {
    const ListConditions none{"*", list_tag(digits, "1"), digits};
    cr_expect_not(none.names_bodies());
    const ListConditions both{entity_tag("1"), "W/" + entity_tag("2"), digits};
    cr_expect(both.names_bodies());
    cr_expect(both.names_body(entity_tag("1")) && both.names_body(entity_tag("2")));
    cr_expect_not(both.names_body(entity_tag("3")) || both.names_body(""));
}
