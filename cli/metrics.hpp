// `steelthread metrics`, and the process that answers /metrics.
#pragma once

#include <iosfwd>

#include "cli/endpoint_list.hpp"
#include "shared/config/config.hpp"
#include "shared/metrics/counters.hpp"

// The name of its process and of its socket.
inline constexpr const char* metrics_name = "metrics";

// What the supervisor must know about it. It is no endpoint of the users.
EndpointEntry metrics_entry();

// The counters of the service that runs in RUN_DIR. Throws std::runtime_error if none does.
metrics::ReadableCounters running_counters(const Config& config);

// Prints the metrics of the service that runs in RUN_DIR. Throws std::runtime_error if none does.
void print_metrics(const Config& config, std::ostream& out);

// Serves them on the listening socket that is stdin. Returns the exit status.
int serve_metrics();
