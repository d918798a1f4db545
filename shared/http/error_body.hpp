// The three shapes of an error body: one for each shape of endpoints, and RFC 9457 for clients that
// ask for it.
#pragma once

#include <string>
#include <string_view>

#include "shared/error.hpp"

enum class ErrorShape { plain, enveloped, problem };

// RFC 9457 when Accept names application/problem+json, else the endpoint's own shape.
ErrorShape error_shape(bool is_enveloped, std::string_view accept);

std::string_view media_type(ErrorShape shape);

// Canonical JSON.
std::string error_body(ErrorShape shape, const ApiError& error, std::string_view request_id);
