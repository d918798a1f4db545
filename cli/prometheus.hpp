// The metrics in the text format of Prometheus, version 0.0.4.
#pragma once

#include <optional>
#include <string>

#include "cli/database_gauges.hpp"
#include "shared/metrics/counters.hpp"

inline constexpr const char* prometheus_media_type = "text/plain; version=0.0.4; charset=utf-8";

// `gauges` is missing if the database does not answer.
std::string prometheus_text(const metrics::Counters& counters,
                            const std::optional<DatabaseGauges>& gauges);
