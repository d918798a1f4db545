// Structured logs: one JSON object per line on stderr, or a line of text for people
// (shared/log_text.hpp), written with one write(2) of at most PIPE_BUF bytes. Logging never blocks:
// a line that does not fit is dropped, and the next line reports the number of dropped lines as
// "dropped_lines".
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string_view>
#include <utility>
#include <variant>

namespace logging {

enum class Level { debug, info, warning, error };

// `automatic` is `text` on a terminal and `json` elsewhere.
enum class Format { automatic, json, text };

using Field = std::pair<std::string_view, std::variant<std::string_view, std::int64_t>>;
using Fields = std::initializer_list<Field>;

// The request that a line is about: "request_id", and "trace_id" unless it is empty.
struct RequestIds {
    std::string_view request_id;
    std::string_view trace_id = {};
};

// Lines below this level are dropped. The default is info.
void set_level(Level level);

// Whether a process with this LOG_FORMAT and this stderr writes text.
bool is_text(Format format);

// The format of lines from now on. The default is json.
void set_format(Format format);

// The name that every line contains as "endpoint".
void set_endpoint(std::string_view name);

// Texts of more than 1,000 bytes are truncated.
void write(Level level, std::string_view message, Fields fields = {});
void write(Level level, const RequestIds& request, std::string_view message, Fields fields = {});

// A line that an administrator may need as evidence, whatever the level: message "audit", with the
// action. `request` is empty where there is none.
void audit(const RequestIds& request, std::string_view action, Fields fields);

inline void debug(std::string_view message, Fields fields = {}) {
    write(Level::debug, message, fields);
}
inline void info(std::string_view message, Fields fields = {}) {
    write(Level::info, message, fields);
}
inline void warning(std::string_view message, Fields fields = {}) {
    write(Level::warning, message, fields);
}
inline void error(std::string_view message, Fields fields = {}) {
    write(Level::error, message, fields);
}

}  // namespace logging
