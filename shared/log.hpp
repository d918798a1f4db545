// Structured logs: one JSON object per line on stderr, written with one write(2) of at most
// PIPE_BUF bytes. Logging never blocks: a line that does not fit is dropped, and the next line
// reports the number of dropped lines as "dropped_lines".
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

// Lines below this level are dropped. The default is info.
void set_level(Level level);

// The name that every line contains as "endpoint".
void set_endpoint(std::string_view name);

// Texts of more than 1,000 bytes are truncated.
void write(Level level, std::string_view message, std::initializer_list<Field> fields = {});

inline void debug(std::string_view message, std::initializer_list<Field> fields = {}) {
    write(Level::debug, message, fields);
}
inline void info(std::string_view message, std::initializer_list<Field> fields = {}) {
    write(Level::info, message, fields);
}
inline void warning(std::string_view message, std::initializer_list<Field> fields = {}) {
    write(Level::warning, message, fields);
}
inline void error(std::string_view message, std::initializer_list<Field> fields = {}) {
    write(Level::error, message, fields);
}

}  // namespace logging
