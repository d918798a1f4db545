#include "shared/http/conditional.hpp"
#include "shared/digest.hpp"

#include "tests/support/expect.hpp"

using namespace std::string_view_literals;

namespace {

// Returns "* strong,… / weak,…", or "malformed".
std::string parsed(std::string_view field_value) {
    const auto tags = EntityTags::parse(field_value);
    if (!tags) return "malformed";
    std::string text = tags->is_any ? "*" : "";
    for (const auto& tag : tags->strong) text += tag;
    text += "/";
    for (const auto& tag : tags->weak) text += tag;
    return text;
}

}  // namespace

Test(conditional, etag_is_the_quoted_sha256_of_the_bytes) {
    EXPECT_TEXT(entity_tag(""),
                "\"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\"");
    EXPECT_TEXT(entity_tag("abc"),
                "\"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\"");
    cr_expect(entity_tag("{}") != entity_tag("{}\0"sv));
}

Test(conditional, parses_lists_of_entity_tags) {
    static constexpr std::string_view cases[][2] = {
        {"*", "*/"},
        {" * \t", "*/"},
        {R"("a")", R"("a"/)"},
        {R"(W/"a")", R"(/"a")"},
        {R"("")", R"(""/)"},
        {R"(W/"")", R"(/"")"},
        {R"("a","b")", R"("a""b"/)"},
        {"\"a\" \t,\t W/\"b\" , \"c\"", R"("a""c"/"b")"},
        {R"("a,b", "c")", R"("a,b""c"/)"},
        {R"("W/x")", R"("W/x"/)"},
        {R"("*")", R"("*"/)"},
        {R"("a\")", R"("a\"/)"},  // an entity-tag has no escapes
        {"\"\x21\x23\x7e\x80\xff\"", "\"\x21\x23\x7e\x80\xff\"/"},
        {R"(,"a")", R"("a"/)"},
        {R"("a",)", R"("a"/)"},
        {R"( , ,"a", ,, "b" , )", R"("a""b"/)"},
    };
    for (const auto& [field_value, expected] : cases) EXPECT_TEXT(parsed(field_value), expected);
}

Test(conditional, refuses_malformed_lists) {
    static constexpr std::string_view field_values[] = {
        "",
        " ",
        ",",
        ", ,",
        "a",
        "\"",
        "\"a",
        "a\"",
        "\"a\"b",
        "\"a\"\"b\"",
        "\"a\" \"b\"",
        "\"a\";\"b\"",
        "'a'",
        "w/\"a\"",
        "W\"a\"",
        "W/",
        "W/a",
        "W/ \"a\"",
        "W/W/\"a\"",
        "W//\"a\"",
        "*,\"a\"",
        "\"a\",*",
        "**",
        "*x",
        "* *",
        "\"a b\"",
        "\"a\tb\"",
        "\"a\x7f\"",
        "\"a\x01\"",
        "\"a\0\""sv,
        "\0\"a\""sv,
        "\"a\"\0"sv,
        "\"a\",b",
        "\"a\",\"b",
        "\"a\"\"",
        "\"a\"\n",
        "\"a\"\r\n",
        "\xe2\x80\x9c"
        "a\xe2\x80\x9d",
        "ba7816bf",
    };
    for (const auto field_value : field_values)
        cr_expect(parsed(field_value) == "malformed", "%s: %s", shown(field_value).c_str(),
                  shown(parsed(field_value)).c_str());
}

// RFC 9110, section 13.1.2.
Test(conditional, answers_304_by_weak_comparison) {
    const auto etag = entity_tag("{}");
    for (const auto& field_value : {etag, "W/" + etag, "\"x\", " + etag, "W/\"x\",W/" + etag,
                                    std::string{"*"}, etag + ",\"x\"", " " + etag + " "})
        cr_expect(is_not_modified(field_value, etag), "%s", field_value.c_str());
    for (const auto& field_value :
         {std::string{}, std::string{"\"x\""}, std::string{"\"\""}, std::string{"W/\"x\""},
          entity_tag("[]"), etag.substr(1), etag.substr(1, 64), "\"a" + etag.substr(1), etag + "x",
          // A malformed list is ignored, even when the tag is in it.
          etag + " \"x\"", "x, " + etag, "*, " + etag, "w/" + etag})
        cr_expect_not(is_not_modified(field_value, etag), "%s", field_value.c_str());
}

// RFC 9110, section 13.1.1.
Test(conditional, reads_by_strong_comparison) {
    const auto etag = entity_tag("{}");
    const auto verdict = [&](std::string_view if_match) {
        return refusal([&] { check_if_match(if_match, etag); });
    };
    for (const auto& field_value :
         {std::string{}, std::string{"*"}, etag, "\"x\", " + etag, "W/\"x\"," + etag})
        EXPECT_TEXT(verdict(field_value), "");
    for (const auto& field_value :
         {std::string{"\"x\""}, "\"x\", W/" + etag, entity_tag("[]"), etag + "x",
          // A malformed list is never ignored here.
          std::string{" "}, etag + " \"x\"", "x, " + etag, "*, " + etag})
        EXPECT_TEXT(verdict(field_value), "precondition_failed");
    for (const auto& field_value : {"W/" + etag, "W/\"x\", W/" + etag, std::string{"W/\"x\""}})
        EXPECT_TEXT(verdict(field_value), "weak_etag");
}

Test(conditional, writes_where_both_fields_hold) {
    const auto one = entity_tag("1"), two = entity_tag("2");
    const struct {
        std::string if_match;
        std::string if_none_match;
        std::string expected;
    } cases[] = {
        // Any state is accepted.
        {"", "", "any"},
        {"*", "", "any"},
        {" * ", "", "any"},
        // Strong comparison (RFC 9110, section 13.1.1).
        {one, "", "among " + one},
        {one + ", " + two, "", "among " + one + two},
        {"W/" + one, "", "among "},
        {"W/" + one + ", " + two + ", W/" + one, "", "among " + two},
        // A malformed list matches nothing.
        {one + " " + two, "", "among "},
        {"a", "", "among "},
        {" ", "", "among "},
        {"*, " + one, "", "among "},
        {one + ", *", "", "among "},
        // The service has never issued these tags.
        {R"("a")", "", "among "},
        {"\"\xff\", " + two, "", "among " + two},
        {'"' + std::string(64, 'g') + '"', "", "among "},
        {'"' + std::string(63, 'a') + '"', "", "among "},
        // Weak comparison (RFC 9110, section 13.1.2).
        {"", one, "not among " + one},
        {"*", "W/" + one + ", " + two, "not among " + two + one},
        {"", R"("a", W/"b")", "any"},
        {"", R"("a", )" + one, "not among " + one},
        {"", "*", "among "},
        {"*", "*", "among "},
        {one, "*", "among "},
        // A malformed list refuses the write here, too.
        {"", one + " " + two, "among "},
        {"", "a", "among "},
        {"*", "*, " + one, "among "},
        // Both fields are present.
        {one + "," + two, one, "among " + two},
        {one, "W/" + one, "among "},
        {one, two, "among " + one},
    };
    for (const auto& [if_match, if_none_match, expected] : cases) {
        const auto condition = write_condition(if_match, if_none_match, IfMatch::optional);
        const std::string how = condition.is_among ? "among " : "not among ";
        EXPECT_TEXT(condition.tags ? how + *condition.tags : "any", expected);
        // A write that requires If-Match differs only if that field is missing.
        if (if_match.empty()) continue;
        const auto needing = write_condition(if_match, if_none_match, IfMatch::required);
        cr_expect(needing.tags == condition.tags && needing.is_among == condition.is_among);
        cr_expect(needing.refusal == condition.refusal);
    }
}

// The SQL statement searches this text for the row's tag. The text across two tags must not look
// like a third one.
Test(conditional, tags_that_run_together_make_no_other_tag) {
    const auto one = entity_tag("1"), other = entity_tag("2");
    const auto list =
        write_condition(one + "," + other, "", IfMatch::optional).tags.value_or("any");
    cr_expect(list.find(one) != list.npos && list.find(other) != list.npos);
    cr_expect(list.find(entity_tag("3")) == list.npos);
    EXPECT_TEXT(list, one + other);
}

Test(conditional, says_why_a_write_is_refused) {
    const auto refused = [](std::string_view if_match, std::string_view if_none_match,
                            IfMatch presence) {
        return entry(write_condition(if_match, if_none_match, presence).refusal).name;
    };
    EXPECT_TEXT(refused("\"a\"", "", IfMatch::required), "precondition_failed");
    EXPECT_TEXT(refused("malformed", "", IfMatch::required), "precondition_failed");
    EXPECT_TEXT(refused("*", "*", IfMatch::required), "precondition_failed");
    EXPECT_TEXT(refused("", "*", IfMatch::optional), "precondition_failed");
    EXPECT_TEXT(refused("", "W/\"a\"", IfMatch::optional), "precondition_failed");
    for (const auto presence : {IfMatch::required, IfMatch::optional}) {
        EXPECT_TEXT(refused("W/\"a\"", "", presence), "weak_etag");
        EXPECT_TEXT(refused("W/\"a\", W/\"b\"", "*", presence), "weak_etag");
        EXPECT_TEXT(refused("W/\"a\", \"b\"", "", presence), "precondition_failed");
    }
    EXPECT_TEXT(refused("", "", IfMatch::required), "precondition_required");
    EXPECT_TEXT(refused("", "\"a\"", IfMatch::required), "precondition_required");
    EXPECT_TEXT(write_condition("", "", IfMatch::required).tags.value_or("any"), "");
}
