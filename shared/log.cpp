#include "shared/log.hpp"

#include <poll.h>
#include <unistd.h>

#include <climits>
#include <string>

#include "shared/json/writer.hpp"
#include "shared/log_text.hpp"
#include "shared/text.hpp"
#include "shared/timestamp.hpp"

namespace logging {

namespace {

constexpr std::size_t most_text_bytes = 1000;

Level threshold = Level::info;
std::int64_t dropped_lines = 0;
std::string endpoint_name;
bool writes_text = false;
bool has_colours = false;

constexpr std::string_view names[] = {"debug", "info", "warning", "error"};

// The beginning of a long text, not cut within a character.
std::string_view shortened(std::string_view text) {
    auto start = text.substr(0, most_text_bytes);
    for (int i = 0; i < 3 && start.size() < text.size(); ++i)
        if ((static_cast<unsigned char>(text[start.size()]) & 0xc0) == 0x80) start.remove_suffix(1);
    return start;
}

// Invalid bytes (in a libpq message in another encoding, for example) must not break the line.
void put_text(json::Writer& writer, std::string_view whole) {
    const auto text = shortened(whole);
    if (is_utf8(text)) return writer.string(text);
    std::string ascii{text};
    for (char& c : ascii)
        if (static_cast<unsigned char>(c) >= 0x80) c = '?';
    writer.string(ascii);
}

// Writes the whole line or nothing: poll() guarantees that a pipe takes PIPE_BUF bytes at once.
bool write_at_once(std::string_view line) {
    pollfd room{STDERR_FILENO, POLLOUT, 0};
    return line.size() <= PIPE_BUF && poll(&room, 1, 0) == 1 &&
           ::write(STDERR_FILENO, line.data(), line.size()) == static_cast<ssize_t>(line.size());
}

// Empty ids and an empty action are left out.
void put_line(Level level, std::string_view message, const RequestIds& request, Fields fields,
              std::string_view action) {
    std::string line;
    json::Writer writer{line};
    const auto put = [&](std::string_view name, std::string_view value) {
        if (value.empty()) return;
        writer.key(name);
        put_text(writer, value);
    };
    writer.begin_object();
    put("time", Timestamp::now().text());
    put("level", names[static_cast<std::size_t>(level)]);
    put("endpoint", endpoint_name);
    writer.key("message");
    put_text(writer, message);
    put("action", action);
    put("request_id", request.request_id);
    put("trace_id", request.trace_id);
    for (const auto& [name, value] : fields) {
        writer.key(name);
        if (const auto* text = std::get_if<std::string_view>(&value))
            put_text(writer, *text);
        else
            writer.integer(std::get<std::int64_t>(value));
    }
    if (dropped_lines > 0) {
        writer.key("dropped_lines");
        writer.integer(dropped_lines);
    }
    writer.end_object();
    line = writes_text ? text_line(line, has_colours) : line + '\n';
    // A log that cannot be written must not stop the service.
    dropped_lines = write_at_once(line) ? 0 : dropped_lines + 1;
}

}  // namespace

void set_level(Level level) { threshold = level; }

bool is_text(Format format) {
    return format == Format::text || (format == Format::automatic && isatty(STDERR_FILENO) != 0);
}

void set_format(Format format) {
    writes_text = is_text(format);
    has_colours = writes_text && may_have_colours(STDERR_FILENO);
}

void set_endpoint(std::string_view name) { endpoint_name = name; }

void write(Level level, std::string_view message, Fields fields) {
    if (level >= threshold) put_line(level, message, {}, fields, {});
}

void write(Level level, const RequestIds& request, std::string_view message, Fields fields) {
    if (level >= threshold) put_line(level, message, request, fields, {});
}

void audit(const RequestIds& request, std::string_view action, Fields fields) {
    put_line(Level::info, "audit", request, fields, action);
}

}  // namespace logging
