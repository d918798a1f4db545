#include "shared/http/target.hpp"

#include "tests/support/expect.hpp"

using namespace std::string_view_literals;

namespace {

// Returns "name=value&…", or "no match".
std::string matched(std::string_view path_template, std::string_view target) {
    const auto parameters = match_path(path_template, target);
    if (!parameters) return "no match";
    std::string text;
    for (const auto& [name, value] : *parameters)
        text.append(text.empty() ? "" : "&").append(name).append("=").append(value);
    return text;
}

struct Search {
    std::string text = "nothing";
    std::int64_t limit = 20;
    std::optional<std::int64_t> last;

    static consteval auto fields() {
        using json::field;
        return std::tuple{
            field("text", &Search::text).length(0, 9).optional(),
            field("limit", &Search::limit).range(1, 100).optional(),
            field("last", &Search::last),
        };
    }
};

// Returns what a query sets, or how it is refused.
std::string read(const std::string& query) {
    Search search;
    const auto refused = refusal([&] { search = read_query<Search>("/x" + query); });
    if (!refused.empty()) return refused;
    return search.text + " " + std::to_string(search.limit) + " " +
           (search.last ? std::to_string(*search.last) : "-");
}

}  // namespace

Test(target, path_ends_at_the_first_question_mark) {
    EXPECT_TEXT(path_of("/a/b"), "/a/b");
    EXPECT_TEXT(path_of("/a?b=/c"), "/a");
    EXPECT_TEXT(path_of("/a?"), "/a");
    EXPECT_TEXT(path_of("/a??b?c"), "/a");
    EXPECT_TEXT(path_of("?a"), "");
    EXPECT_TEXT(path_of(""), "");
    EXPECT_TEXT(path_of("/a%3fb"), "/a%3fb");
}

Test(target, matches_templates) {
    static constexpr std::string_view cases[][3] = {
        {"/", "/", ""},
        {"/", "/?x=1", ""},
        {"/healthz", "/healthz", ""},
        {"/healthz", "/healthz?a/b", ""},
        {"/collab/tasks", "/collab/t%61sks", ""},
        {"/collab/tasks/{id}", "/collab/tasks/42", "id=42"},
        {"/collab/tasks/{id}", "/collab/tasks/42?id=43&x=/", "id=42"},
        {"/api/v1/{user_id}/tasks/{id}/complete", "/api/v1/u%201/tasks/7/complete",
         "user_id=u 1&id=7"},
        {"/{a}", "/x", "a=x"},
        {"/{a}/{b}", "/x/y", "a=x&b=y"},
        // A final slash makes no difference.
        {"/collab/tasks/{id}", "/collab/tasks/42/", "id=42"},
        {"/collab/tasks/{id}", "/collab/tasks/42/?x=/", "id=42"},
        {"/{a}/{b}", "/x/y/", "a=x&b=y"},
    };
    for (const auto& [path_template, target, expected] : cases)
        EXPECT_TEXT(matched(path_template, target), expected);
}

Test(target, matches_whole_paths_only) {
    static constexpr std::string_view cases[][2] = {
        {"/healthz", ""},
        {"/healthz", "/"},
        {"/healthz", "healthz"},
        {"/healthz", "/health"},
        {"/healthz", "/healthzz"},
        {"/healthz", "/Healthz"},
        {"/healthz", "//healthz"},
        {"/healthz", "/healthz//"},
        {"/healthz", "/healthz/x"},
        {"/healthz", "/healthz;x=1"},
        {"/healthz", "/healthz%20"},
        {"/healthz", "/healthz%3f"},
        {"/healthz", "http://host/healthz"},
        {"/healthz", "*"},
        {"/healthz", "?/healthz"},
        {"/", ""},
        {"/", "//"},
        {"/", "/x"},
        {"/collab/tasks/{id}", "/collab/tasks"},
        {"/collab/tasks/{id}", "/collab/tasks/"},
        {"/collab/tasks/{id}", "/collab/tasks//"},
        {"/collab/tasks/{id}", "/collab/tasks//42"},
        {"/collab/tasks/{id}", "/collab//tasks/42"},
        {"/collab/tasks/{id}", "/collab/tasks/42//"},
        {"/collab/tasks/{id}", "/collab/tasks/42/x"},
        {"/collab/tasks/{id}", "/collab/task/42"},
        {"/collab/tasks/{id}", "/collab/tasks/?42"},
        {"/{a}/{b}", "/x"},
        {"/{a}/{b}", "//y"},
        {"/{a}/{b}", "/x/"},
        // Braces mark a parameter only in a template, not in a target.
        {"/healthz", "/{a}"},
    };
    for (const auto& [path_template, target] : cases)
        cr_expect(matched(path_template, target) == "no match", "%s matches %s",
                  path_template.data(), shown(target).c_str());
}

Test(target, decodes_each_segment_once) {
    static constexpr std::string_view cases[][2] = {
        {"%41", "A"},
        {"%e2%82%ac", "\u20ac"},
        {"%E2%82%aC", "\u20ac"},
        {"%F0%9F%98%80", "\U0001f600"},
        {"\u20ac", "\u20ac"},
        {"a+b", "a+b"},
        {"a%2Bb", "a+b"},
        {"%25", "%"},
        {"%2541", "%41"},
        {"%252F", "%2F"},
        {"%252e%252e", "%2e%2e"},
        {"%2500", "%00"},
        {"%3f", "?"},
        {"%23", "#"},
        {"%7bid%7d", "{id}"},
        {"...", "..."},
        {".a", ".a"},
        {"..a", "..a"},
        {"%20", " "},
        {"a%5cb", "a\\b"},
    };
    for (const auto& [segment, value] : cases)
        EXPECT_TEXT(matched("/x/{id}", "/x/" + std::string{segment}), "id=" + std::string{value});
}

Test(target, refuses_what_two_programs_could_read_differently) {
    static constexpr std::string_view segments[] = {
        "a%2Fb",     "a%2fb",        "%2F",    "%2f..",  // encoded slashes
        ".",         "..",           "%2e",    "%2E",          "%2e%2e",
        "%2E%2e",    ".%2e",         "%2e.",  // dot segments
        "%00",       "a%00",         "%00a",   "%0a",          "%0D%0A",
        "%09",       "%1f",          "%7f",  // control bytes
        "a\tb",      "a\x7f",        "\x01",   "a\0b"sv,       "%",
        "a%",        "%4",           "a%4",    "%%41",         "%4g",
        "%g4",       "%-1",          "%+1",    "% 1",          "%u0041",
        "%zz",       "%\xff",        "%0x41",  // malformed escapes
        "%80",       "%ff",          "%c0%af", "%c0%ae%c0%ae", "%c1%9c",
        "%e0%80%af", "%f0%80%80%af", "%c0%80", "%ed%a0%80",    "%f4%90%80%80",
        "%e2%82",    "%c3",          "\xff",   "\xc0\xaf",     "%e2\xa0",
    };
    for (const auto segment : segments) {
        const auto text = std::string{segment};
        EXPECT_TEXT(matched("/x/{id}", "/x/" + text), "no match");
        EXPECT_TEXT(matched("/{id}/x", "/" + text + "/x"), "no match");
    }
    for (const std::string_view target :
         {"/x/../x/1", "/./x/1", "/x/./1", "/x/1/..", "/%2e/x/1", "/x%2F1", "/x/1/%2e%2e"})
        EXPECT_TEXT(matched("/x/{id}", target), "no match");
}

// The path is a view into a longer buffer. What follows it does not belong to an escape.
Test(target, never_reads_past_the_end) {
    constexpr std::string_view buffer = "/x/%41";
    EXPECT_TEXT(matched("/x/{id}", buffer), "id=A");
    EXPECT_TEXT(matched("/x/{id}", buffer.substr(0, 5)), "no match");
    EXPECT_TEXT(matched("/x/{id}", buffer.substr(0, 4)), "no match");
}

// Only the handler reads the query. It does not affect which path matches.
Test(target, leaves_the_query_alone) {
    for (const std::string_view query : {"?%00", "?%zz", "?/../..", "?\xff", "?a=%2F", "??", "?#"})
        EXPECT_TEXT(matched("/x/{id}", "/x/1" + std::string{query}), "id=1");
}

Test(target, names_view_into_the_template) {
    const std::string path_template = "/{first}/{second}";
    const auto parameters = match_path(path_template, "/1/2");
    cr_assert(parameters && parameters->size() == 2);
    cr_expect_eq((*parameters)[0].first.data(), path_template.data() + 2);
    EXPECT_TEXT((*parameters)[1].first, "second");
}

Test(target, no_parameter_is_empty) {
    for (const char* target : {"/v1//tasks", "/v1//tasks/", "/v1/a/tasks/"}) {
        if (target != std::string_view{"/v1/a/tasks/"})
            EXPECT_TEXT(matched("/v1/{user_id}/tasks", target), "no match");
        EXPECT_TEXT(matched("/v1/{user_id}/tasks/{id}", target), "no match");
    }
    EXPECT_TEXT(matched("//{user_id}", "//"), "no match");
}

Test(target, matches_below_a_prefix) {
    const auto below = [](std::string_view prefix, std::string_view target) {
        const auto parameters = match_path("/{user_id}/tasks", target, prefix);
        return parameters ? parameters->at(0).second : "no match";
    };
    EXPECT_TEXT(below("/people/v2", "/people/v2/ann/tasks?x=1"), "ann");
    EXPECT_TEXT(below("/people/v2", "/people/%762/ann/tasks"), "ann");
    EXPECT_TEXT(below("/x", "/x/ann/tasks"), "ann");
    for (const char* target : {"/people/ann/tasks", "/people/v2/ann", "/people/v2", "/ann/tasks",
                               "/people/v2//ann/tasks", "/people/v2x/ann/tasks"})
        EXPECT_TEXT(below("/people/v2", target), "no match");
}

Test(target, reads_a_query) {
    EXPECT_TEXT(read(""), "nothing 20 -");
    EXPECT_TEXT(read("?"), "nothing 20 -");
    EXPECT_TEXT(read("?limit=5&text=a&last=1"), "a 5 1");
    EXPECT_TEXT(read("?text=&limit=100"), " 100 -");
    EXPECT_TEXT(read("?text"), " 20 -");
    EXPECT_TEXT(read("?text=a=b"), "a=b 20 -");
    EXPECT_TEXT(read("?text=/a?b"), "/a?b 20 -");
    EXPECT_TEXT(read("?&&text=a&"), "a 20 -");
}

Test(target, decodes_a_query_as_forms_do) {
    EXPECT_TEXT(read("?text=a+b%2Bc%20d"), "a b+c d 20 -");
    EXPECT_TEXT(read("?te%78t=%26%3D%25"), "&=% 20 -");
    EXPECT_TEXT(read("?text=%C3%A9\xc3\xa9"), "\xc3\xa9\xc3\xa9 20 -");
    EXPECT_TEXT(read("?text=%2541"), "%41 20 -");
}

Test(target, ignores_parameters_that_nobody_declared) {
    EXPECT_TEXT(read("?Text=a&LIMIT=x&x=1&x=2&=3&%zz=4&x=%ff&limit%00=x&text%20=b"),
                "nothing 20 -");
}

Test(target, refuses_a_parameter_that_occurs_twice) {
    for (const char* query :
         {"?limit=1&limit=1", "?limit=1&limit=x", "?limit=%zz&limit=1", "?limit&x=1&%6Cimit"})
        EXPECT_TEXT(read(query),
                    "query/limit: Value error, a parameter must not occur twice (value_error)");
}

Test(target, refuses_a_parameter_that_is_no_text) {
    for (const char* query :
         {"?text=%", "?text=%4", "?text=%zz", "?text=%ff", "?text=%c0%af", "?text=%ed%a0%80",
          "?text=%00", "?text=%0a", "?text=%7f", "?text=\xff", "?text=a\tb"})
        EXPECT_TEXT(read(query),
                    "query/text: Value error, not percent-encoded UTF-8 text (value_error)");
}

Test(target, reports_every_fault_of_a_query) {
    EXPECT_TEXT(read("?limit=0&last=x&text=0123456789"),
                "query/last: Input should be a valid integer, unable to parse string as an integer "
                "(int_parsing)\n"
                "query/limit: Input should be greater than or equal to 1 (greater_than_equal)\n"
                "query/text: String should have at most 9 characters (string_too_long)");
}
