#include "shared/json/fields.hpp"

#include "tests/support/expect.hpp"

namespace {

using json::field;

struct NewTask {
    std::string title;
    std::optional<std::string> description;

    static consteval auto fields() {
        return std::tuple{
            field("title", &NewTask::title)
                .trimmed()
                .length(1, 255)
                .describe("What to do")
                .example("Buy milk"),
            field("description", &NewTask::description).length(0, 1024),
        };
    }
};

struct Change {
    json::Maybe<std::string> title;
    json::Maybe<std::optional<std::string>> note;
    json::Maybe<bool> done;

    static consteval auto fields() {
        return std::tuple{
            field("title", &Change::title).trimmed().length(1, 3),
            field("note", &Change::note).length(2, 4),
            field("done", &Change::done),
        };
    }
};

struct Settings {
    std::string colour = "blue";
    std::int64_t limit = 20;
    bool loud = true;

    static consteval auto fields() {
        return std::tuple{
            field("limit", &Settings::limit).range(1, 100).optional(),
            field("loud", &Settings::loud).optional(),
            field("colour", &Settings::colour).optional().length(3, 3),
        };
    }
};

struct Everything {
    Uuid id;
    bool flag{};
    std::int64_t count{};
    std::string text;

    static consteval auto fields() {
        return std::tuple{
            field("text", &Everything::text).length(2, 4),
            field("id", &Everything::id),
            field("flag", &Everything::flag),
            field("count", &Everything::count).range(-5, 5),
        };
    }
};

// A whole number without a declared range.
struct Unbounded {
    std::int64_t count{};

    static consteval auto fields() { return std::tuple{field("count", &Unbounded::count)}; }
};

struct Outer {
    NewTask task;
    std::optional<Settings> settings;

    static consteval auto fields() {
        return std::tuple{field("task", &Outer::task), field("settings", &Outer::settings)};
    }
};

struct Sent {
    Uuid id;
    std::string title;
    std::optional<std::string> description;
    std::vector<Settings> history;
    std::int64_t version{};
    Timestamp created_at;

    static consteval auto fields() {
        return std::tuple{
            field("version", &Sent::version),
            field("id", &Sent::id),
            field("title", &Sent::title),
            field("description", &Sent::description),
            field("history", &Sent::history),
            field("created_at", &Sent::created_at).describe("When"),
        };
    }
};

struct Filter {
    std::string status = "all";
    std::string role;

    static consteval auto fields() {
        return std::tuple{
            field("status", &Filter::status).optional().one_of("all|open|done").describe("Which"),
            field("role", &Filter::role).one_of("user|assistant").example("user"),
        };
    }
};

struct Nothing {
    static consteval auto fields() { return std::tuple{}; }
};

constexpr const char* emoji = "\xf0\x9f\x98\x80";

std::string repeated(std::string_view text, std::size_t times) {
    std::string all;
    for (std::size_t i = 0; i < times; ++i) all += text;
    return all;
}

template <class T>
std::string refusal_of(std::string_view text) {
    return refusal([&] { json::read<T>(text); });
}

std::string title_refusal(const std::string& title) {
    return refusal_of<NewTask>("{\"title\":\"" + title + "\"}");
}

}  // namespace

Test(json_fields, reads_what_it_declares) {
    const auto task = json::read<NewTask>(R"({"description":"d\n","title":"t\"\u00e9"})");
    EXPECT_TEXT(task.title, "t\"\u00e9");
    cr_assert(task.description.has_value());
    EXPECT_TEXT(*task.description, "d\n");

    const auto all = json::read<Everything>(
        R"({"id":"00112233-4455-6677-8899-AABBCCDDEEFF","flag":true,"count":-5,"text":"abcd"})");
    EXPECT_TEXT(all.id.text(), "00112233-4455-6677-8899-aabbccddeeff");
    cr_expect(all.flag);
    cr_expect_eq(all.count, -5);
    EXPECT_TEXT(all.text, "abcd");
}

Test(json_fields, reports_every_fault_at_once) {
    EXPECT_TEXT(
        refusal_of<Everything>(R"({"zebra":1,"text":"abcde","count":6,"flag":0,"apple":[]})"),
        "body/zebra: Extra inputs are not permitted (extra_forbidden)\n"
        "body/apple: Extra inputs are not permitted (extra_forbidden)\n"
        "body/count: Input should be less than or equal to 5 (less_than_equal)\n"
        "body/flag: Input should be a valid boolean (bool_type)\n"
        "body/id: Field required (missing)\n"
        "body/text: String should have at most 4 characters (string_too_long)");
    EXPECT_TEXT(refusal_of<Everything>("{}"),
                "body/count: Field required (missing)\n"
                "body/flag: Field required (missing)\n"
                "body/id: Field required (missing)\n"
                "body/text: Field required (missing)");
}

Test(json_fields, refuses_what_is_no_object) {
    for (const char* text : {"[]", "null", "1", "1.5", "true", "\"{}\"", "[{\"title\":\"a\"}]"})
        EXPECT_TEXT(refusal_of<NewTask>(text),
                    "body: Input should be a valid dictionary or object to extract fields from "
                    "(model_attributes_type)");
    EXPECT_TEXT(refusal_of<NewTask>("{"),
                "body/[1]: JSON decode error: Missing a name for object member. (json_invalid)");
    EXPECT_TEXT(refusal_of<NewTask>(""),
                "body/[0]: JSON decode error: The document is empty. (json_invalid)");
}

Test(json_fields, knows_member_names_exactly) {
    for (const char* name : {"Title", "title ", " title", "titl", "titles", "", "TITLE"}) {
        const std::string text{name};
        EXPECT_TEXT(refusal_of<NewTask>("{\"title\":\"a\",\"" + text + "\":0}"),
                    "body/" + text + ": Extra inputs are not permitted (extra_forbidden)");
    }
    EXPECT_TEXT(json::read<NewTask>(R"({"\u0074itle":"a"})").title, "a");
    EXPECT_TEXT(refusal_of<NewTask>(R"({"title":"a","title\u0000":0})"),
                "body: \\u0000 is not allowed (json_invalid)");
    EXPECT_TEXT(refusal_of<NewTask>(R"({"title":"a","title":"a"})"),
                "body/title: Value error, this member occurs twice (value_error)");
}

Test(json_fields, refuses_other_types_for_text) {
    for (const char* value : {"0", "1.5", "true", "null", "[]", "{}", "[\"a\"]"})
        EXPECT_TEXT(refusal_of<NewTask>("{\"title\":" + std::string{value} + "}"),
                    "body/title: Input should be a valid string (string_type)");
    EXPECT_TEXT(title_refusal(R"(a\u0000b)"), "body/title: \\u0000 is not allowed (json_invalid)");
}

Test(json_fields, trims_unicode_white_space_before_it_counts) {
    EXPECT_TEXT(json::read<NewTask>("{\"title\":\"\\t\u3000\u00a0 a  b\u2028\\r\\n\"}").title,
                "a  b");
    EXPECT_TEXT(json::read<NewTask>(R"({"title":"\u0020\u3000x\u1680"})").title, "x");
    for (const char* title : {"", " ", "\\t\\n", "\u3000", "\\u00a0\u2003"})
        EXPECT_TEXT(title_refusal(title),
                    "body/title: String should have at least 1 character (string_too_short)");
    const auto padding = repeated("\u3000", 300);
    EXPECT_TEXT(title_refusal(padding + repeated("a", 255) + padding), "");
    // This field is not declared as trimmed.
    EXPECT_TEXT(*json::read<NewTask>(R"({"title":"a","description":" d "})").description, " d ");
}

Test(json_fields, counts_code_points_at_the_limits) {
    constexpr auto too_long =
        "body/title: String should have at most 255 characters (string_too_long)";
    for (const char* character :
         {"a", "\u00e9", "\u20ac", emoji, "\\ud83d\\ude00", "\\n\\\"", "\u0301"}) {
        const std::size_t count = std::string_view{character} == "\\n\\\"" ? 2 : 1;
        // A leading letter keeps white space and combining marks away from the trimmed ends.
        const auto text = [&](std::size_t length) {
            return "x" + repeated(character, (length - 1 - (length - 1) % count) / count) +
                   repeated("x", (length - 1) % count);
        };
        EXPECT_TEXT(title_refusal(text(255)), "");
        EXPECT_TEXT(title_refusal(text(256)), too_long);
    }
    EXPECT_TEXT(title_refusal("a"), "");
    cr_expect_eq(json::read<NewTask>("{\"title\":\"" + repeated(emoji, 255) + "\"}").title.size(),
                 1020u);

    const auto described = [](std::size_t length) {
        return "{\"title\":\"a\",\"description\":\"" + repeated(emoji, length) + "\"}";
    };
    EXPECT_TEXT(refusal_of<NewTask>(described(0)), "");
    EXPECT_TEXT(refusal_of<NewTask>(described(1024)), "");
    EXPECT_TEXT(refusal_of<NewTask>(described(1025)),
                "body/description: String should have at most 1024 characters (string_too_long)");
}

Test(json_fields, words_one_character_in_the_singular) {
    EXPECT_TEXT(title_refusal(""),
                "body/title: String should have at least 1 character (string_too_short)");
    EXPECT_TEXT(refusal_of<Change>(R"({"note":"a"})"),
                "body/note: String should have at least 2 characters (string_too_short)");
}

Test(json_fields, reads_optional_as_absent_null_or_value) {
    cr_expect_not(json::read<NewTask>(R"({"title":"a"})").description.has_value());
    cr_expect_not(
        json::read<NewTask>(R"({"title":"a","description":null})").description.has_value());
    EXPECT_TEXT(
        json::read<NewTask>(R"({"title":"a","description":""})").description.value_or("none"), "");
    EXPECT_TEXT(refusal_of<NewTask>(R"({"title":"a","description":0})"),
                "body/description: Input should be a valid string (string_type)");
    EXPECT_TEXT(refusal_of<NewTask>(R"({"title":null})"),
                "body/title: Input should be a valid string (string_type)");
}

Test(json_fields, reads_maybe_as_absent_or_value) {
    const auto nothing = json::read<Change>("{}");
    cr_expect_not(nothing.title.has_value());
    cr_expect_not(nothing.note.has_value());
    cr_expect_not(nothing.done.has_value());

    const auto change = json::read<Change>(R"({"title":" abc ","done":false})");
    EXPECT_TEXT(change.title.value_or("none"), "abc");
    cr_expect(change.done.has_value() && !*change.done);
    cr_expect_not(change.note.has_value());

    EXPECT_TEXT(refusal_of<Change>(R"({"title":null,"done":null})"),
                "body/done: Input should be a valid boolean (bool_type)\n"
                "body/title: Input should be a valid string (string_type)");
    EXPECT_TEXT(refusal_of<Change>(R"({"title":"abcd"})"),
                "body/title: String should have at most 3 characters (string_too_long)");
}

Test(json_fields, tells_null_from_absent_in_maybe_of_optional) {
    const auto cleared = json::read<Change>(R"({"note":null})");
    cr_assert(cleared.note.has_value());
    cr_expect_not(cleared.note->has_value());
    const auto set = json::read<Change>(R"({"note":"abcd"})");
    cr_assert(set.note.has_value() && set.note->has_value());
    EXPECT_TEXT(**set.note, "abcd");
    EXPECT_TEXT(refusal_of<Change>(R"({"note":"abcde"})"),
                "body/note: String should have at most 4 characters (string_too_long)");
}

Test(json_fields, keeps_defaults_of_optional_fields) {
    const auto settings = json::read<Settings>("{}");
    EXPECT_TEXT(settings.colour, "blue");
    cr_expect_eq(settings.limit, 20);
    cr_expect(settings.loud);
    const auto changed = json::read<Settings>(R"({"loud":false,"colour":"red"})");
    EXPECT_TEXT(changed.colour, "red");
    cr_expect_eq(changed.limit, 20);
    cr_expect_not(changed.loud);
    // Null does not mean that a field is absent.
    EXPECT_TEXT(refusal_of<Settings>(R"({"colour":null,"limit":null})"),
                "body/colour: Input should be a valid string (string_type)\n"
                "body/limit: Input should be a valid integer (int_type)");
}

Test(json_fields, takes_only_true_and_false_for_a_boolean) {
    for (const char* value : {"0", "1", "\"true\"", "null", "[]", "{}", "1.0"})
        EXPECT_TEXT(refusal_of<Settings>("{\"loud\":" + std::string{value} + "}"),
                    "body/loud: Input should be a valid boolean (bool_type)");
}

Test(json_fields, takes_whole_numbers_in_range) {
    const auto fault = [](const char* value) {
        return refusal_of<Settings>("{\"limit\":" + std::string{value} + "}");
    };
    EXPECT_TEXT(fault("1"), "");
    // However it is written (JSON Schema, Validation, section 6.1.1).
    for (const char* value : {"100", "3.0", "3e0", "0.3E1", "1.00e2"})
        EXPECT_TEXT(fault(value), "");
    cr_expect_eq(json::read<Settings>(R"({"limit":3.0})").limit, 3);
    EXPECT_TEXT(fault("101.0"),
                "body/limit: Input should be less than or equal to 100 (less_than_equal)");
    EXPECT_TEXT(fault("0"),
                "body/limit: Input should be greater than or equal to 1 (greater_than_equal)");
    EXPECT_TEXT(fault("-9223372036854775808"),
                "body/limit: Input should be greater than or equal to 1 (greater_than_equal)");
    EXPECT_TEXT(fault("101"),
                "body/limit: Input should be less than or equal to 100 (less_than_equal)");
    EXPECT_TEXT(fault("9223372036854775807"),
                "body/limit: Input should be less than or equal to 100 (less_than_equal)");
    for (const char* value :
         {"9223372036854775808", "18446744073709551615", "100000000000000000000000000000"})
        EXPECT_TEXT(fault(value),
                    "body/limit: Input should be less than or equal to 100 (less_than_equal)");
    EXPECT_TEXT(fault("-9223372036854775809"),
                "body/limit: Input should be greater than or equal to 1 (greater_than_equal)");
    for (const char* value : {"1.5", "5e-1", "1e300", "\"5\"", "true", "null", "[]", "{}"})
        EXPECT_TEXT(fault(value), "body/limit: Input should be a valid integer (int_type)");
}

Test(json_fields, takes_no_whole_number_that_json_may_change) {
    const auto fault = [](const std::string& value) {
        return refusal_of<Unbounded>("{\"count\":" + value + "}");
    };
    EXPECT_TEXT(fault("9007199254740991"), "");
    EXPECT_TEXT(fault("-9007199254740991"), "");
    for (const char* digits : {"9007199254740992", "9223372036854775807", "9223372036854775809",
                               "100000000000000000000000000000"}) {
        EXPECT_TEXT(fault(digits),
                    "body/count: Input should be less than or equal to 9007199254740991 "
                    "(less_than_equal)");
        EXPECT_TEXT(fault(std::string{"-"} + digits),
                    "body/count: Input should be greater than or equal to -9007199254740991 "
                    "(greater_than_equal)");
    }
    EXPECT_TEXT(json::schema<Unbounded>().find("imum") == std::string::npos ? "" : "a range", "");
}

Test(json_fields, takes_canonical_uuids) {
    for (const char* value : {"null", "0", "\"\"", "\"00112233445566778899aabbccddeeff\"", "[]",
                              "\"{00112233-4455-6677-8899-aabbccddeeff}\"",
                              "\"00112233-4455-6677-8899-aabbccddeeff \""})
        EXPECT_TEXT(refusal_of<Everything>("{\"count\":0,\"flag\":true,\"text\":\"ab\",\"id\":" +
                                           std::string{value} + "}"),
                    "body/id: Input should be a valid UUID (uuid_parsing)");
}

Test(json_fields, locates_faults_in_nested_objects) {
    EXPECT_TEXT(refusal_of<Outer>(R"({"task":{"title":"","x":1},"settings":{"limit":"a"}})"),
                "body/settings/limit: Input should be a valid integer (int_type)\n"
                "body/task/x: Extra inputs are not permitted (extra_forbidden)\n"
                "body/task/title: String should have at least 1 character (string_too_short)");
    EXPECT_TEXT(refusal_of<Outer>(R"({"task":[]})"),
                "body/task: Input should be a valid dictionary or object to extract fields from "
                "(model_attributes_type)");
    const auto outer = json::read<Outer>(R"({"settings":{"limit":3},"task":{"title":"a"}})");
    cr_assert(outer.settings.has_value());
    cr_expect_eq(outer.settings->limit, 3);
    EXPECT_TEXT(outer.task.title, "a");
    cr_expect_not(
        json::read<Outer>(R"({"settings":null,"task":{"title":"a"}})").settings.has_value());
}

Test(json_fields, writes_canonical_json) {
    Sent sent{.id = *Uuid::parse("00112233-4455-6677-8899-AABBCCDDEEFF"),
              .title = "a\"\n\u20ac",
              .description = std::nullopt,
              .history = {},
              .version = -3,
              .created_at = {1}};
    EXPECT_TEXT(
        json::write(sent),
        "{\"created_at\":\"1970-01-01T00:00:00.000001Z\",\"description\":null,\"history\":[],"
        "\"id\":\"00112233-4455-6677-8899-aabbccddeeff\",\"title\":\"a\\\"\\n\u20ac\","
        "\"version\":-3}");
    sent.description = "";
    sent.history = {{}, {.colour = "red", .limit = 1, .loud = false}};
    const auto text = json::write(sent);
    EXPECT_TEXT(text,
                "{\"created_at\":\"1970-01-01T00:00:00.000001Z\",\"description\":\"\",\"history\":["
                "{\"colour\":\"blue\",\"limit\":20,\"loud\":true},"
                "{\"colour\":\"red\",\"limit\":1,\"loud\":false}],"
                "\"id\":\"00112233-4455-6677-8899-aabbccddeeff\",\"title\":\"a\\\"\\n\u20ac\","
                "\"version\":-3}");
    EXPECT_TEXT(json::canonical(json::parse(text)), text);
    EXPECT_TEXT(json::write(std::vector<bool>{}.empty()), "true");
    EXPECT_TEXT(json::write(std::optional<std::string>{}), "null");
}

Test(json_fields, reads_back_what_it_writes) {
    const NewTask task{.title = "t\x01\x7f\u2028\U0001f600\\", .description = "\"\t/"};
    const auto read = json::read<NewTask>(json::write(task));
    EXPECT_TEXT(read.title, task.title);
    EXPECT_TEXT(read.description.value_or("none"), *task.description);
}

Test(json_fields, describes_itself_as_json_schema) {
    EXPECT_TEXT(
        json::schema<NewTask>(),
        R"({"additionalProperties":false,"properties":{)"
        R"("description":{"anyOf":[{"maxLength":1024,"type":"string"},{"type":"null"}]},)"
        R"("title":{"description":"What to do","examples":["Buy milk"],"maxLength":255,)"
        R"("minLength":1,"type":"string"}},"required":["title"],"title":"NewTask","type":"object"})");
    EXPECT_TEXT(json::schema<Settings>(),
                R"({"additionalProperties":false,"properties":{)"
                R"("colour":{"default":"blue","maxLength":3,"minLength":3,"type":"string"},)"
                R"("limit":{"default":20,"maximum":100,"minimum":1,"type":"integer"},)"
                R"("loud":{"default":true,"type":"boolean"}},"required":[],)"
                R"("title":"Settings","type":"object"})");
    EXPECT_TEXT(
        json::schema<Change>(),
        R"({"additionalProperties":false,"properties":{"done":{"type":"boolean"},)"
        R"("note":{"anyOf":[{"maxLength":4,"minLength":2,"type":"string"},{"type":"null"}]},)"
        R"("title":{"maxLength":3,"minLength":1,"type":"string"}},"required":[],)"
        R"("title":"Change","type":"object"})");
    EXPECT_TEXT(json::schema<Sent>(),
                R"({"additionalProperties":false,"properties":{)"
                R"("created_at":{"description":"When","format":"date-time","type":"string"},)"
                R"("description":{"anyOf":[{"type":"string"},{"type":"null"}]},)"
                R"("history":{"items":)" +
                    json::schema<Settings>() +
                    R"(,"type":"array"},)"
                    R"("id":{"format":"uuid","type":"string"},"title":{"type":"string"},)"
                    R"("version":{"type":"integer"}},)"
                    R"("required":["created_at","history","id","title","version"],)"
                    R"("title":"Sent","type":"object"})");
    for (const auto& schema :
         {json::schema<NewTask>(), json::schema<Settings>(), json::schema<Change>(),
          json::schema<Sent>(), json::schema<Outer>(), json::schema<Everything>()})
        EXPECT_TEXT(json::canonical(json::parse(schema)), schema);
}

Test(json_fields, names_no_more_than_fifty_faults) {
    std::string body = R"({"title":"t")";
    for (int i = 0; i < 1000; ++i) body += ",\"unknown" + std::to_string(i) + "\":0";
    try {
        json::read<NewTask>(body + "}");
        cr_assert(false, "it was accepted");
    } catch (const ApiError& error) {
        cr_assert_eq(error.details().size(), 50);
    }
}

Test(json_fields, takes_only_the_choices) {
    const auto filter = json::read<Filter>(R"({"role":"assistant","status":"done"})");
    EXPECT_TEXT(filter.role, "assistant");
    EXPECT_TEXT(filter.status, "done");
    EXPECT_TEXT(json::read<Filter>(R"({"role":"user"})").status, "all");
    for (const char* role : {"", "User", "user ", "user|assistant", "use", "|"})
        EXPECT_TEXT(refusal_of<Filter>(R"({"role":")" + std::string{role} + R"("})"),
                    "body/role: Input should be 'user' or 'assistant' (enum)");
    EXPECT_TEXT(refusal_of<Filter>(R"({"role":"user","status":"x"})"),
                "body/status: Input should be 'all', 'open' or 'done' (enum)");
    EXPECT_TEXT(refusal_of<Filter>(R"({"role":1})"),
                "body/role: Input should be a valid string (string_type)");
}

Test(json_fields, names_the_choices_in_the_schema) {
    EXPECT_TEXT(
        json::schema<Filter>(),
        R"({"additionalProperties":false,"properties":{"role":{"enum":["user","assistant"],)"
        R"("examples":["user"],"type":"string"},"status":{"default":"all",)"
        R"("description":"Which","enum":["all","open","done"],"type":"string"}},)"
        R"("required":["role"],"title":"Filter","type":"object"})");
}

namespace {

std::string first_letter(std::string_view text) { return std::string{text.substr(0, 1)}; }

struct Lists {
    std::vector<std::string> words;
    std::vector<Settings> settings;

    static consteval auto fields() {
        return std::tuple{
            field("words", &Lists::words)
                .optional()
                .items(0, 3)
                .trimmed()
                .length(1, 5)
                .distinct_by(&first_letter)
                .describe("Some")
                .example(R"(["a"])"),
            field("settings", &Lists::settings).optional().items(1, 2),
        };
    }
};

struct Range {
    std::int64_t from = 0;
    std::int64_t to = 0;

    static consteval auto fields() {
        return std::tuple{field("from", &Range::from).range(0, 9),
                          field("to", &Range::to).range(0, 9)};
    }
    static void check(const Range& range, json::Faults& faults) {
        if (range.from > range.to && !faults.concern("from"))
            faults.add("From is after to", "value_error");
    }
};

struct Ranges {
    std::vector<Range> ranges;

    static consteval auto fields() { return std::tuple{field("ranges", &Ranges::ranges)}; }
};

}  // namespace

Test(json_fields, checks_several_members_together) {
    cr_expect_eq(json::read<Range>(R"({"from":1,"to":2})").to, 2);
    // A fault of another object does not count, nor one of another member.
    EXPECT_TEXT(
        refusal_of<Ranges>(R"({"ranges":[{"from":10,"to":2},{"from":3,"to":2},{"from":1,"to":1},)"
                           R"({"from":3,"to":-1},{"to":-1}]})"),
        "body/ranges/[0]/from: Input should be less than or equal to 9 (less_than_equal)\n"
        "body/ranges/[1]: From is after to (value_error)\n"
        "body/ranges/[3]/to: Input should be greater than or equal to 0 (greater_than_equal)\n"
        "body/ranges/[3]: From is after to (value_error)\n"
        "body/ranges/[4]/from: Field required (missing)\n"
        "body/ranges/[4]/to: Input should be greater than or equal to 0 (greater_than_equal)");
}

Test(json_fields, reads_arrays) {
    const auto lists = json::read<Lists>(
        R"({"words":[" b ","a","bc"],"settings":[{"limit":7},{"colour":"red"}]})");
    EXPECT_TEXT(json::write(lists.words), R"(["b","a"])");
    cr_assert_eq(lists.settings.size(), 2);
    cr_assert_eq(lists.settings[0].limit, 7);
    EXPECT_TEXT(lists.settings[1].colour, "red");
    cr_assert(json::read<Lists>("{}").words.empty());

    static constexpr const char* refused[][2] = {
        {R"({"words":"a"})", "body/words: Input should be a valid list (list_type)"},
        {R"({"words":null})", "body/words: Input should be a valid list (list_type)"},
        {R"({"words":["a","","toolong"]})",
         "body/words/[1]: String should have at least 1 character (string_too_short)\n"
         "body/words/[2]: String should have at most 5 characters (string_too_long)"},
        {R"({"words":["a","b","c","a"]})",
         "body/words: List should have at most 3 items after validation, not 4 (too_long)"},
        {R"({"settings":[]})",
         "body/settings: List should have at least 1 item after validation, not 0 (too_short)"},
        {R"({"settings":[{},{"limit":0}]})",
         "body/settings/[1]/limit: Input should be greater than or equal to 1 "
         "(greater_than_equal)"},
    };
    for (const auto& [body, refusal] : refused) EXPECT_TEXT(refusal_of<Lists>(body), refusal);
    EXPECT_TEXT(json::schema<Lists>(),
                R"({"additionalProperties":false,"properties":{"settings":{"default":[],"items":)" +
                    json::schema<Settings>() +
                    R"(,"maxItems":2,"minItems":1,"type":"array"},)"
                    R"("words":{"default":[],"description":"Some","examples":[["a"]],)"
                    R"("items":{"maxLength":5,"minLength":1,"type":"string"},)"
                    R"("maxItems":3,"type":"array"}},"required":[],)"
                    R"("title":"Lists","type":"object"})");
}

Test(json_fields, may_have_no_field_at_all) {
    json::read<Nothing>("{}");
    EXPECT_TEXT(refusal_of<Nothing>(R"({"x":1})"),
                "body/x: Extra inputs are not permitted (extra_forbidden)");
    EXPECT_TEXT(refusal_of<Nothing>("[]"),
                "body: Input should be a valid dictionary or object to extract fields from "
                "(model_attributes_type)");
    EXPECT_TEXT(json::write(Nothing{}), "{}");
    EXPECT_TEXT(json::schema<Nothing>(),
                R"({"additionalProperties":false,"properties":{},"required":[],)"
                R"("title":"Nothing","type":"object"})");
}

namespace {

// Parses a text from a query or a path as a number between -5 and 5, or returns how it is refused.
std::string parsed(const std::string& text) {
    std::int64_t number = 0;
    const auto refused = refusal([&] {
        json::Faults faults{"query"};
        json::Rules rules;
        rules.minimum = -5;
        rules.maximum = 5;
        number = json::Type<std::int64_t>::parse(text, rules, faults);
        faults.raise();
    });
    return refused.empty() ? std::to_string(number) : refused;
}

}  // namespace

Test(json_fields, parses_whole_numbers) {
    static constexpr const char* numbers[][2] = {
        {"0", "0"}, {"5", "5"}, {"-5", "-5"}, {"-0", "0"}, {"005", "5"}};
    for (const auto& [text, number] : numbers) EXPECT_TEXT(parsed(text), number);
    EXPECT_TEXT(parsed("6"), "query: Input should be less than or equal to 5 (less_than_equal)");
    EXPECT_TEXT(parsed("-9223372036854775808"),
                "query: Input should be greater than or equal to -5 (greater_than_equal)");
    for (const std::string text : {"", " 1", "1 ", "+1", "1.0", "1e0", "0x1", "one", "--1", "-",
                                   "9223372036854775808", "\xd9\xa1"})
        EXPECT_TEXT(parsed(text),
                    "query: Input should be a valid integer, unable to parse string as an integer "
                    "(int_parsing)");
    EXPECT_TEXT(parsed(std::string{"1\0", 2}).substr(0, 6), "query:");
}
