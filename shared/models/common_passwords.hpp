// The 10,000 commonest passwords of at least 8 bytes (common_passwords.inc), in lower case.
#pragma once

#include <string_view>

// Whether the list contains this text, which is in lower case.
bool is_common_password(std::string_view password);
