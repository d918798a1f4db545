#include "shared/control_characters.hpp"

#include <cstdint>

namespace {

bool is_control(std::uint8_t byte) { return byte < 0x20 || byte == 0x7f; }

// The number of bytes of the control character at the start of the text; 0 for any other one.
std::size_t control_bytes(std::string_view text) {
    const auto first = static_cast<std::uint8_t>(text[0]);
    if (is_control(first)) return 1;
    // The second byte is 0x80 at least, because the text is UTF-8.
    return text.size() > 1 && first == 0xc2 && static_cast<std::uint8_t>(text[1]) < 0xa0 ? 2 : 0;
}

// The same for separators and for what changes the direction.
std::size_t layout_bytes(std::string_view text) {
    if (text.starts_with("\xd8\x9c")) return 2;
    if (text.size() < 3 || text[0] != '\xe2') return 0;
    const auto last = static_cast<std::uint8_t>(text[2]);
    const bool is_separator_or_override = last >= 0xa8 && last <= 0xae;
    const bool is_mark = last == 0x8e || last == 0x8f;
    const bool is_isolate = last >= 0xa6 && last <= 0xa9;
    const bool is_layout = (text[1] == '\x80' && (is_separator_or_override || is_mark)) ||
                           (text[1] == '\x81' && is_isolate);
    return is_layout ? 3 : 0;
}

}  // namespace

bool has_control_characters(std::string_view text) {
    for (std::size_t i = 0; i < text.size(); ++i)
        if (control_bytes(text.substr(i)) > 0) return true;
    return false;
}

std::string printable(std::string_view text) {
    std::string shown;
    while (!text.empty()) {
        const auto replaced = control_bytes(text) + layout_bytes(text);
        shown += replaced > 0 ? '?' : text[0];
        text.remove_prefix(replaced > 0 ? replaced : 1);
    }
    return shown;
}
