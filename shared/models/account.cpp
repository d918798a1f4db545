#include "shared/models/account.hpp"

#include "shared/control_characters.hpp"
#include "shared/email.hpp"
#include "shared/models/common_passwords.hpp"
#include "shared/password_bounds.hpp"
#include "shared/text.hpp"
#include "shared/unicode.hpp"

void check_email(std::string_view email, json::Faults& faults) {
    if (const auto fault = fault_of_email(email); !fault.empty())
        faults.add("value is not a valid email address: " + std::string{fault}, "value_error");
}

void check_name(std::string_view name, json::Faults& faults) {
    if (has_control_characters(name))
        faults.add("Value error, a name must not contain control characters", "value_error");
}

void check_new_password(std::string_view password, json::Faults& faults) {
    const auto composed = nfc(password);
    if (composed.size() < min_password_bytes)
        faults.add("String should have at least 8 bytes of UTF-8", "string_too_short");
    if (composed.size() > max_password_bytes)
        faults.add("String should have at most 72 bytes of UTF-8", "string_too_long");
    if (trimmed(composed).empty() && !composed.empty())
        faults.add("Value error, a password is more than white space", "value_error");
    if (is_common_password(ascii_lower(composed)))
        faults.add("Value error, this is one of the 10,000 commonest passwords: choose another one",
                   "value_error");
}
