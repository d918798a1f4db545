// nginx's access log on its way through the supervisor.
#pragma once

#include <string_view>

// Counts the status of a line of the log, if it is one of nginx's access log
// (metrics::Counters::responses). Returns whether it is.
bool count_response(std::string_view line);
