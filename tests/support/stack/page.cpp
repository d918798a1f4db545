#include "tests/support/stack/page.hpp"

#include "tests/support/stack/stack.hpp"

std::string block(const std::string& language) {
    const auto page = read_text("docs/deploying.md");
    const auto fence = "```" + language + "\n";
    const auto begin = page.find(fence);
    cr_assert_neq(begin, page.npos, "no block in %s", language.c_str());
    cr_assert_eq(page.find(fence, begin + 1), page.npos);
    return page.substr(begin + fence.size(), page.find("```", begin + 1) - begin - fence.size());
}

std::string with(std::string text, const std::string& word, const std::string& value) {
    cr_assert_neq(text.find(word), text.npos, "no %s in %s", word.c_str(), text.c_str());
    for (auto at = text.find(word); at != text.npos; at = text.find(word, at + value.size()))
        text.replace(at, word.size(), value);
    return text;
}
