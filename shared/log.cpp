#include "shared/log.hpp"

#include <poll.h>
#include <unistd.h>

#include <climits>
#include <string>

#include "shared/json/writer.hpp"
#include "shared/text.hpp"
#include "shared/timestamp.hpp"

namespace logging {

namespace {

constexpr std::size_t most_text_bytes = 1000;

Level threshold = Level::info;
std::int64_t dropped_lines = 0;
std::string endpoint_name;

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

}  // namespace

void set_level(Level level) { threshold = level; }

void set_endpoint(std::string_view name) { endpoint_name = name; }

void write(Level level, std::string_view message, std::initializer_list<Field> fields) {
    if (level < threshold) return;
    std::string line;
    json::Writer writer{line};
    writer.begin_object();
    writer.key("time");
    writer.string(Timestamp::now().text());
    writer.key("level");
    writer.string(names[static_cast<std::size_t>(level)]);
    if (!endpoint_name.empty()) {
        writer.key("endpoint");
        writer.string(endpoint_name);
    }
    writer.key("message");
    put_text(writer, message);
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
    line += '\n';
    // A log that cannot be written must not stop the service.
    dropped_lines = write_at_once(line) ? 0 : dropped_lines + 1;
}

}  // namespace logging
