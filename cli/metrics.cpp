#include "cli/metrics.hpp"

#include <array>
#include <chrono>
#include <ostream>
#include <stdexcept>
#include <string>

#include "cli/database.hpp"
#include "cli/database_gauges.hpp"
#include "cli/prometheus.hpp"
#include "cli/run_dir.hpp"
#include "shared/handler.hpp"
#include "shared/server/endpoint_main.hpp"

namespace {

// However many programs ask, the database is asked once in this time. Who asks meanwhile gets the
// gauges of before, if there are any.
constexpr std::chrono::seconds kept_for{5};

struct KeptGauges {
    std::optional<DatabaseGauges> gauges;
    Clock::time_point asked_at;
    bool has_answer = false;  // possibly that the database is away: no gauges
};

Async<Response> get(const Request&, Context& context) {
    auto& kept = context.state.get<KeptGauges>();
    if (!kept.has_answer || Clock::now() - kept.asked_at >= kept_for) {
        kept.asked_at = Clock::now();
        std::optional<DatabaseGauges> gauges;
        co_await read_database_gauges(context.db, gauges);
        kept.gauges = gauges;
        kept.has_answer = true;
    }
    co_return Response{200, prometheus_text(metrics::counters(), kept.gauges)}.with(
        "Content-Type", prometheus_media_type);
}

Endpoint metrics_endpoint() {
    return {.path = "/metrics",
            .operations = {{.method = Method::get,
                            .handler = get,
                            .name = "getMetrics",
                            .summary = "Metrics for Prometheus",
                            .answer = {}}}};
}

}  // namespace

metrics::ReadableCounters running_counters(const Config& config) {
    require_supervisor(config.run_dir);
    auto counters = metrics::read(config.run_dir);
    if (!counters)
        throw std::runtime_error("the service in " + config.run_dir +
                                 " is of another release: use its own steelthread");
    return counters;
}

EndpointEntry metrics_entry() {
    return {.name = metrics_name, .settings = setting_groups(metrics_endpoint())};
}

void print_metrics(const Config& config, std::ostream& out) {
    const auto counters = running_counters(config);
    std::optional<DatabaseGauges> gauges;
    with_database(config,
                  [&](Database& database) { return read_database_gauges(database, gauges); });
    out << prometheus_text(*counters, gauges);
}

int serve_metrics() {
    std::string name = metrics_name;
    std::array<char*, 1> words{name.data()};
    return endpoint_main(metrics_endpoint, words.size(), words.data());
}
