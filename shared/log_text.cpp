#include "shared/log_text.hpp"

#include <rapidjson/document.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>
#include <unistd.h>

#include <cstdlib>

#include "shared/control_characters.hpp"
#include "shared/json/reader.hpp"
#include "shared/text.hpp"
#include "shared/timestamp.hpp"

namespace logging {

namespace {

constexpr std::string_view dim = "\033[2m";
constexpr std::string_view plain = "\033[0m";

std::string_view colour_of(std::string_view level) {
    if (level == "error") return "\033[31m";     // red
    if (level == "warning") return "\033[33m";   // yellow
    return level == "debug" ? dim : "\033[32m";  // green
}

class Painter {
public:
    Painter(std::string& text, bool has_colours) : text_(text), has_colours_(has_colours) {}

    void put(std::string_view colour, std::string_view part) {
        if (has_colours_) text_ += colour;
        text_ += part;
        if (has_colours_) text_ += plain;
    }
    void put(std::string_view part) { text_ += part; }

private:
    std::string& text_;
    bool has_colours_;
};

std::string harmless(std::string_view text) {
    if (is_utf8(text)) return printable(text);
    std::string ascii{text};
    for (char& c : ascii)
        if (static_cast<unsigned char>(c) >= 0x80) c = '?';
    return printable(ascii);
}

// "2026-12-01 10:44:34.791"; nginx's times have an offset and no fraction.
std::string time_of(std::string_view text) {
    const auto moment = Timestamp::parse(text);
    if (!moment) return harmless(text);
    auto time = moment->text().substr(0, std::string_view{"2026-12-01T10:44:34.791"}.size());
    time[10] = ' ';
    return time;
}

std::string padded(std::string text, std::size_t width) {
    if (text.size() < width) text.append(width - text.size(), ' ');
    return text;
}

bool needs_quotes(std::string_view text) { return text.find_first_of(" \"=") != text.npos; }

// A text as it is, or in quotes with the escapes of JSON, and any other value as JSON.
std::string value_text(const rapidjson::Value& value) {
    if (value.IsString() && !needs_quotes(json::text_of(value)))
        return harmless(json::text_of(value));
    rapidjson::StringBuffer written;
    rapidjson::Writer<rapidjson::StringBuffer> writer{written};
    value.Accept(writer);
    return harmless({written.GetString(), written.GetSize()});
}

std::string_view member(const rapidjson::Document& line, const char* name) {
    const auto found = line.FindMember(name);
    const bool is_text = found != line.MemberEnd() && found->value.IsString();
    return is_text ? json::text_of(found->value) : std::string_view{};
}

}  // namespace

std::string text_line(std::string_view line, bool has_colours) {
    rapidjson::Document members;
    members.Parse(line.data(), line.size());
    if (members.HasParseError() || !members.IsObject()) return harmless(line) + '\n';
    std::string text;
    Painter painter{text, has_colours};
    const auto level = harmless(member(members, "level"));
    constexpr std::size_t longest_level = std::string_view{"warning"}.size();
    painter.put(dim, time_of(member(members, "time")));
    painter.put(" ");
    painter.put(colour_of(level), padded(level, longest_level));
    painter.put(" ");
    painter.put(harmless(member(members, "endpoint")));
    painter.put(": ");
    painter.put(harmless(member(members, "message")));
    for (const auto& [name, value] : members.GetObject()) {
        const auto key = json::text_of(name);
        const bool is_empty = value.IsString() && value.GetStringLength() == 0;
        if (is_empty || key == "time" || key == "level" || key == "endpoint" || key == "message")
            continue;
        painter.put(" ");
        painter.put(dim, harmless(key) + "=");
        painter.put(value_text(value));
    }
    return text + '\n';
}

bool may_have_colours(int fd) {
    const char* unwanted = std::getenv("NO_COLOR");
    const char* terminal = std::getenv("TERM");
    const bool is_able = terminal && *terminal && std::string_view{terminal} != "dumb";
    return isatty(fd) != 0 && is_able && !(unwanted && *unwanted);
}

}  // namespace logging
