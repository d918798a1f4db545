#include "shared/email.hpp"

#include <algorithm>

#include "shared/text.hpp"

namespace {

constexpr std::size_t max_email_bytes = 254;
constexpr std::size_t max_local_bytes = 64;
constexpr std::size_t max_label_bytes = 63;

bool is_letter_or_digit(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

// RFC 5322, section 3.2.3: atext.
bool is_atom(std::string_view text) {
    constexpr std::string_view others = "!#$%&'*+-/=?^_`{|}~";
    return !text.empty() && std::all_of(text.begin(), text.end(), [&](char c) {
        return is_letter_or_digit(c) || others.find(c) != others.npos;
    });
}

bool is_label(std::string_view text) {
    return !text.empty() && text.size() <= max_label_bytes && !text.starts_with('-') &&
           !text.ends_with('-') && std::all_of(text.begin(), text.end(), [](char c) {
               return is_letter_or_digit(c) || c == '-';
           });
}

}  // namespace

std::string_view fault_of_email(std::string_view email) {
    if (email.size() > max_email_bytes) return "It has more than 254 bytes.";
    const auto at = email.find('@');
    if (at == email.npos) return "It must have an @-sign.";
    const auto local = split(email.substr(0, at), '.');
    if (local.empty()) return "There must be something before the @-sign.";
    if (at > max_local_bytes) return "There are more than 64 characters before the @-sign.";
    if (!std::all_of(local.begin(), local.end(), is_atom))
        return "The part before the @-sign contains a character or a dot that is not allowed "
               "there.";
    const auto labels = split(email.substr(at + 1), '.');
    if (labels.size() < 2) return "The part after the @-sign must be a domain, with a dot.";
    if (!std::all_of(labels.begin(), labels.end(), is_label))
        return "The part after the @-sign is not a domain name.";
    return {};
}
