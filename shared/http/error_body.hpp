// The three shapes of an error body: one for each family, and RFC 9457 for whoever asks for it.
#pragma once

#include <string>
#include <string_view>

#include "shared/error.hpp"

enum class ErrorShape { orchestrator, api, problem };

// RFC 9457 when Accept names application/problem+json, else the family's own shape.
ErrorShape error_shape(bool is_api, std::string_view accept);

std::string_view media_type(ErrorShape shape);

// Canonical JSON.
std::string error_body(ErrorShape shape, const ApiError& error, std::string_view request_id);
