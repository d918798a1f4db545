// The version of the service, which / and /health report.
#pragma once

#include <string_view>

inline constexpr std::string_view service_version = "2.0.0";
