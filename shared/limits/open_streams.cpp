#include "shared/limits/open_streams.hpp"

#include <chrono>
#include <stdexcept>
#include <string>
#include <unordered_map>

#include "shared/limits/caller.hpp"
#include "shared/metrics/counters.hpp"

namespace {

// A stream lasts for minutes, so a client that is refused need not hurry.
constexpr std::chrono::seconds pause_of_refused{10};

// How many streams each caller has. Places outlive a request, and perhaps the process's state.
struct OpenStreams {
    using Counts = std::unordered_map<std::string, std::int64_t>;
    std::shared_ptr<Counts> counts = std::make_shared<Counts>();
};

}  // namespace

StreamPlace take_stream_place(const Identity& reader, Context& context) {
    if (!context.config.groups.contains(SettingGroup::limits))
        throw std::logic_error("the endpoint declares no stream");
    const auto& most = context.config.max_streams_per_user;
    auto caller = caller_of(reader);
    if (!most || caller.empty()) return {};
    const auto counts = context.state.get<OpenStreams>().counts;
    const auto place = counts->try_emplace(std::move(caller), 0).first;
    if (place->second >= *most) {
        metrics::count(metrics::Limit::streams);
        throw ApiError{Error::rate_limited, pause_of_refused};
    }
    ++place->second;
    const auto leave = [counts, name = place->first](const void*) {
        const auto found = counts->find(name);
        if (--found->second == 0) counts->erase(found);
    };
    return {counts.get(), leave};
}
