// API keys: programs that work with jobs send one of API_KEYS as X-API-Key.
#pragma once

#include <string>
#include <string_view>

#include "shared/endpoint.hpp"

// The digest that names a key of API_KEYS wherever it has to be told from others: 32 hexadecimal
// digits, half of its SHA-256. Throws ApiError (401), the same for no key and for any other. The
// time that this takes says nothing about the keys.
std::string check_api_key(std::string_view key, std::string_view request_id, Context& context);

// Whether a key of API_KEYS has these first digits: of a key that a ticket names.
bool accepts_key_named(std::string_view digits, Context& context);

// Counts one request of the key that was proved, over all endpoints of jobs and their processes
// (RATE_LIMIT), and gives the answer the headers of the limit; throws ApiError (429) beyond it.
Async<> count_request(const Request& request, Context& context);
