#include "shared/log.hpp"

#include <unistd.h>

#include <string>

#include "shared/json/writer.hpp"
#include "shared/text.hpp"
#include "shared/timestamp.hpp"

namespace logging {

namespace {

Level threshold = Level::info;
std::string endpoint_name;

constexpr std::string_view names[] = {"debug", "info", "warning", "error"};

// Foreign bytes (a libpq message in another encoding, say) must not spoil the line.
void put_text(json::Writer& writer, std::string_view text) {
    if (is_utf8(text)) return writer.string(text);
    std::string ascii{text};
    for (char& c : ascii)
        if (static_cast<unsigned char>(c) >= 0x80) c = '?';
    writer.string(ascii);
}

}  // namespace

void set_level(std::string_view name) {
    for (std::size_t i = 0; i < std::size(names); ++i)
        if (names[i] == name) threshold = static_cast<Level>(i);
}

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
    writer.end_object();
    line += '\n';
    // A log that cannot be written must not stop the service.
    [[maybe_unused]] const auto written = ::write(STDERR_FILENO, line.data(), line.size());
}

}  // namespace logging
