// The three shapes of an error body: one for each shape of endpoints, and RFC 9457 for clients that
// request it.
#pragma once

#include <string>
#include <string_view>

#include "shared/error.hpp"

enum class ErrorShape { plain, enveloped, problem };

// RFC 9457 if Accept names application/problem+json, otherwise the endpoint's own shape.
ErrorShape error_shape(bool is_enveloped, std::string_view accept);

std::string_view media_type(ErrorShape shape);

// The body as canonical JSON.
std::string error_body(ErrorShape shape, const ApiError& error, std::string_view request_id);
