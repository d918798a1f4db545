#include "cli/prometheus.hpp"

#include <array>
#include <charconv>
#include <string_view>

#include "shared/version.hpp"

namespace {

constexpr double us_per_second = 1e6;

// The shortest text that is read as the same number.
std::string in_seconds(std::uint64_t us) {
    std::array<char, 32> digits;
    const auto end =
        std::to_chars(digits.data(), digits.data() + digits.size(),
                      static_cast<double>(us) / us_per_second, std::chars_format::fixed);
    return {digits.data(), end.ptr};
}

// Label values are names of our own, so none of them needs an escape.
std::string label(std::string_view name, std::string_view value) {
    return std::string{name}.append("=\"").append(value).append("\"");
}

class Exposition {
public:
    // Begins a metric. Its samples follow.
    void begin(std::string_view name, std::string_view type, std::string_view help) {
        name_ = std::string{"steelthread_"}.append(name);
        text_.append("# HELP ").append(name_).append(" ").append(help).append("\n");
        text_.append("# TYPE ").append(name_).append(" ").append(type).append("\n");
    }

    void sample(const std::string& labels, const std::string& value, std::string_view suffix = {}) {
        text_.append(name_).append(suffix);
        if (!labels.empty()) text_.append("{").append(labels).append("}");
        text_.append(" ").append(value).append("\n");
    }
    void sample(const std::string& labels, std::uint64_t value) {
        sample(labels, std::to_string(value));
    }

    // The samples of a histogram in seconds.
    void histogram(const std::string& labels, const metrics::Histogram& histogram) {
        std::uint64_t total = 0;
        const auto more = labels.empty() ? labels : labels + ",";
        for (std::size_t i = 0; i < histogram.buckets.size(); ++i) {
            total += histogram.buckets[i];
            const auto bound = i < metrics::bucket_bounds.size()
                                   ? in_seconds(metrics::bucket_bounds[i])
                                   : std::string{"+Inf"};
            sample(more + label("le", bound), std::to_string(total), "_bucket");
        }
        sample(labels, in_seconds(histogram.sum_us), "_sum");
        sample(labels, std::to_string(total), "_count");
    }

    std::string text() && { return std::move(text_); }

private:
    std::string text_;
    std::string name_;
};

std::string status_name(int status) { return status == 0 ? "other" : std::to_string(status); }

template <class Use>
void for_each_endpoint(const metrics::Counters& counters, Use use) {
    for (const auto& endpoint : counters.endpoints) {
        const std::string_view name{endpoint.name.data()};
        if (!name.empty()) use(label("endpoint", name), endpoint);
    }
}

// An endpoint without requests has none of these series, and one that has them keeps them.
void put_requests(const metrics::Counters& counters, Exposition& out) {
    out.begin("requests_total", "counter", "Requests that handlers have answered.");
    for_each_endpoint(counters, [&](const std::string& labels, const auto& endpoint) {
        for (std::size_t m = 0; m < metrics::methods.size(); ++m)
            for (std::size_t s = 0; s < metrics::statuses.size(); ++s)
                if (const std::uint64_t count = endpoint.requests[m][s])
                    out.sample(labels + "," + label("method", metrics::methods[m]) + "," +
                                   label("status", status_name(metrics::statuses[s])),
                               count);
    });
    out.begin("request_seconds", "histogram",
              "Time in the handler, from the whole request to its answer.");
    for_each_endpoint(counters, [&](const std::string& labels, const auto& endpoint) {
        for (const auto& bucket : endpoint.seconds.buckets)
            if (bucket > 0) return out.histogram(labels, endpoint.seconds);
    });
    out.begin("http_responses_total", "counter",
              "Responses of nginx, its own errors included; up to a second behind.");
    for (std::size_t status = 0; status < counters.responses.size(); ++status)
        if (const std::uint64_t count = counters.responses[status])
            out.sample(label("status", status_name(static_cast<int>(status))), count);
}

void put_processes(const metrics::Counters& counters, Exposition& out) {
    std::array<std::int64_t, metrics::stream_names.size()> streams{};
    std::int64_t waiting = 0;
    for (const auto& process : counters.processes) {
        if (!metrics::is_alive(process)) continue;
        waiting += process.waiting;
        for (std::size_t i = 0; i < streams.size(); ++i) streams[i] += process.streams[i];
    }
    out.begin("db_batch_seconds", "histogram",
              "Time from a batch of statements to its results, with the wait for a connection.");
    out.histogram("", counters.batch_seconds);
    out.begin("db_waiting", "gauge", "Batches without results yet.");
    out.sample("", std::to_string(waiting));
    out.begin("streams", "gauge", "Open event streams.");
    for (std::size_t i = 0; i < streams.size(); ++i)
        out.sample(label("kind", metrics::stream_names[i]), std::to_string(streams[i]));
    out.begin("process_restarts_total", "counter", "Processes that ended by themselves.");
    for_each_endpoint(counters, [&](const std::string& labels, const auto& endpoint) {
        out.sample(labels, endpoint.restarts);
    });
}

void put_events(const metrics::Counters& counters, Exposition& out) {
    out.begin("rate_limited_total", "counter", "Requests that a limit has refused.");
    for (std::size_t i = 0; i < metrics::limit_names.size(); ++i)
        out.sample(label("limit", metrics::limit_names[i]), counters.limited[i]);
    out.begin("logins_total", "counter", "Attempts to log in whose password was compared.");
    for (std::size_t i = 0; i < metrics::login_names.size(); ++i)
        out.sample(label("outcome", metrics::login_names[i]), counters.logins[i]);
    out.begin("jobs_completed_total", "counter", "Jobs that workers have completed.");
    out.sample("", counters.completed_jobs);
}

void put_database(const std::optional<DatabaseGauges>& gauges, Exposition& out) {
    out.begin("database_up", "gauge", "Whether the database has answered: 1 or 0.");
    out.sample("", gauges ? 1 : 0);
    if (!gauges) return;
    const auto seconds = [&](std::string_view name, std::int64_t us, std::string_view help) {
        out.begin(name, "gauge", help);
        out.sample("", in_seconds(static_cast<std::uint64_t>(us)));
    };
    out.begin("jobs", "gauge", "Jobs that are pending, running or failed.");
    out.sample(label("status", "pending"), std::to_string(gauges->pending));
    out.sample(label("status", "running"), std::to_string(gauges->running));
    out.sample(label("status", "failed"), std::to_string(gauges->failed));
    seconds("jobs_oldest_due_seconds", gauges->oldest_due_us,
            "How long the job that waits longest could have been leased.");
    seconds("feed_lag_seconds", gauges->feed_lag_us,
            "Age of the oldest event that a running transaction keeps from readers.");
    seconds("oldest_transaction_seconds", gauges->oldest_transaction_us,
            "Age of the oldest transaction of the database server that this role may see.");
}

}  // namespace

std::string prometheus_text(const metrics::Counters& counters,
                            const std::optional<DatabaseGauges>& gauges) {
    Exposition out;
    out.begin("build_info", "gauge", "Always 1; the release is a label.");
    out.sample(label("version", service_version), 1);
    put_requests(counters, out);
    put_processes(counters, out);
    put_events(counters, out);
    put_database(gauges, out);
    return std::move(out).text();
}
