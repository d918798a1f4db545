#include "shared/models/common_passwords.hpp"

namespace {

// Begins with an empty line.
constexpr std::string_view file =
#include "shared/models/common_passwords.inc"
    ;

// Sorted lines, each of which ends with a line break.
constexpr auto passwords = file.substr(1);

}  // namespace

// A binary search over the lines.
bool is_common_password(std::string_view password) {
    auto rest = passwords;
    while (!rest.empty()) {
        const auto break_before = rest.rfind('\n', rest.size() / 2);
        const auto begin =
            break_before == rest.npos || break_before + 1 == rest.size() ? 0 : break_before + 1;
        const auto end = rest.find('\n', begin);
        const auto line = rest.substr(begin, end - begin);
        if (line == password) return true;
        rest = password < line ? rest.substr(0, begin) : rest.substr(end + 1);
    }
    return false;
}
