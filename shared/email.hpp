// E-mail addresses.
#pragma once

#include <string_view>

// Returns what is wrong with an address, as a sentence; empty if nothing is.
//
// An address follows RFC 5321, section 4.1.2, without quoted local parts and address literals: one
// @, a local part of at most 64 characters, a domain of at least two labels, at most 254 bytes.
// Only ASCII is allowed: other characters can be written in more than one way, so one address could
// belong to several accounts.
std::string_view fault_of_email(std::string_view email);
