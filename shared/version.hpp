// The version of the service, as / and /health report it.
#pragma once

#include <string_view>

inline constexpr std::string_view service_version = "2.0.0";
