#include "shared/models/common_passwords.hpp"

#include <string>
#include <vector>

#include "tests/support/expect.hpp"

namespace {

// The lines of the list, by the same file.
std::vector<std::string_view> lines() {
    static constexpr std::string_view text =
#include "shared/models/common_passwords.inc"
        ;
    std::vector<std::string_view> all;
    for (std::size_t begin = 1; begin < text.size();) {
        const auto end = text.find('\n', begin);
        all.push_back(text.substr(begin, end - begin));
        begin = end + 1;
    }
    return all;
}

}  // namespace

Test(common_passwords, are_all_found_and_nothing_else_is) {
    const auto all = lines();
    cr_assert_eq(all.size(), 10'000u);
    for (std::size_t i = 0; i < all.size(); ++i) {
        const std::string line{all[i]};
        cr_assert(i == 0 || all[i - 1] < all[i], "%s is not in order", line.c_str());
        cr_assert(line.size() >= 8, "%s", line.c_str());
        cr_assert(is_common_password(line), "%s", line.c_str());
        for (const auto& other : {line + "\x01", line + "\n", "\n" + line})
            cr_assert(!is_common_password(other), "%s", line.c_str());
    }
    for (const char* other : {"", "\n", "correct horse battery", "!", "~~~~~~~~~", "Password"})
        cr_expect(!is_common_password(other), "%s", other);
}
