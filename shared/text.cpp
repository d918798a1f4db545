#include "shared/text.hpp"

#include <algorithm>
#include <cstdint>

namespace {

struct CodePoint {
    char32_t value = 0;
    std::size_t length = 0;  // 0: malformed
};

// Decodes the code point at the start of `text`, by the table of RFC 3629, section 4.
CodePoint decode(std::string_view text) {
    const auto byte = [&](std::size_t i) {
        return i < text.size() ? static_cast<std::uint8_t>(text[i]) : std::uint8_t{0};
    };
    const auto continues = [&](std::size_t i) { return (byte(i) & 0xc0) == 0x80; };
    const std::uint8_t first = byte(0);
    if (first < 0x80) return {first, 1};
    if (first >= 0xc2 && first <= 0xdf && continues(1))
        return {char32_t(first & 0x1f) << 6 | (byte(1) & 0x3f), 2};
    if (first >= 0xe0 && first <= 0xef && continues(1) && continues(2)) {
        const char32_t value =
            char32_t(first & 0x0f) << 12 | char32_t(byte(1) & 0x3f) << 6 | (byte(2) & 0x3f);
        if (value < 0x800 || (value >= 0xd800 && value <= 0xdfff)) return {};
        return {value, 3};
    }
    if (first >= 0xf0 && first <= 0xf4 && continues(1) && continues(2) && continues(3)) {
        const char32_t value = char32_t(first & 0x07) << 18 | char32_t(byte(1) & 0x3f) << 12 |
                               char32_t(byte(2) & 0x3f) << 6 | (byte(3) & 0x3f);
        if (value < 0x10000 || value > 0x10ffff) return {};
        return {value, 4};
    }
    return {};
}

// Unicode's White_Space property (PropList.txt).
bool is_white_space(char32_t c) {
    return (c >= 0x09 && c <= 0x0d) || c == 0x20 || c == 0x85 || c == 0xa0 || c == 0x1680 ||
           (c >= 0x2000 && c <= 0x200a) || c == 0x2028 || c == 0x2029 || c == 0x202f ||
           c == 0x205f || c == 0x3000;
}

char ascii_lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

int hex_value(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    return -1;
}

bool is_unreserved(char c) {
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
           std::string_view{"-._~"}.find(c) != std::string_view::npos;
}

}  // namespace

bool is_utf8(std::string_view text) {
    while (!text.empty()) {
        const auto point = decode(text);
        if (point.length == 0) return false;
        text.remove_prefix(point.length);
    }
    return true;
}

std::size_t code_points(std::string_view text) {
    return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
        return (static_cast<std::uint8_t>(c) & 0xc0) != 0x80;
    }));
}

std::string_view trimmed(std::string_view text) {
    while (!text.empty()) {
        const auto point = decode(text);
        if (point.length == 0 || !is_white_space(point.value)) break;
        text.remove_prefix(point.length);
    }
    while (!text.empty()) {
        std::size_t start = text.size() - 1;
        while (start > 0 && (static_cast<std::uint8_t>(text[start]) & 0xc0) == 0x80) --start;
        const auto point = decode(text.substr(start));
        // Shorter than the rest: malformed bytes follow it.
        if (point.length != text.size() - start || !is_white_space(point.value)) break;
        text = text.substr(0, start);
    }
    return text;
}

bool has_control_bytes(std::string_view text) {
    return std::any_of(text.begin(), text.end(), [](char c) {
        return static_cast<std::uint8_t>(c) < 0x20 || static_cast<std::uint8_t>(c) == 0x7f;
    });
}

std::string ascii_lower(std::string_view text) {
    std::string lower{text};
    for (char& c : lower) c = ascii_lower(c);
    return lower;
}

bool ascii_iequals(std::string_view a, std::string_view b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                      [](char x, char y) { return ascii_lower(x) == ascii_lower(y); });
}

std::string hex(std::string_view bytes) {
    static constexpr char digits[] = "0123456789abcdef";
    std::string text;
    text.reserve(bytes.size() * 2);
    for (const char byte : bytes) {
        text += digits[static_cast<std::uint8_t>(byte) >> 4];
        text += digits[static_cast<std::uint8_t>(byte) & 0x0f];
    }
    return text;
}

std::vector<std::string_view> split(std::string_view text, char separator) {
    std::vector<std::string_view> parts;
    for (bool has_more = !text.empty(); has_more;) {
        const auto end = text.find(separator);
        has_more = end != text.npos;
        parts.push_back(text.substr(0, end));
        if (has_more) text.remove_prefix(end + 1);
    }
    return parts;
}

std::string joined(const std::vector<std::string>& items, std::string_view separator) {
    std::string text;
    for (const auto& item : items)
        text.append(&item == &items.front() ? "" : separator).append(item);
    return text;
}

std::optional<std::string> unhex(std::string_view digits) {
    std::string bytes;
    for (std::size_t i = 0; i < digits.size(); i += 2) {
        const auto byte = hex_byte(digits.substr(i, 2));
        if (byte < 0) return std::nullopt;
        bytes += static_cast<char>(byte);
    }
    return hex(bytes) == digits ? std::optional{bytes} : std::nullopt;
}

int hex_byte(std::string_view digits) {
    if (digits.size() != 2) return -1;
    const int high = hex_value(digits[0]);
    const int low = hex_value(digits[1]);
    return high < 0 || low < 0 ? -1 : high << 4 | low;
}

std::optional<std::string> percent_decode(std::string_view text) {
    std::string bytes;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] != '%') {
            bytes += text[i];
            continue;
        }
        const auto byte = hex_byte(text.substr(i + 1, 2));
        if (byte < 0) return std::nullopt;
        bytes += static_cast<char>(byte);
        i += 2;
    }
    return bytes;
}

std::string percent_encode(std::string_view text) {
    static constexpr char digits[] = "0123456789ABCDEF";
    std::string encoded;
    for (const char c : text) {
        const auto byte = static_cast<std::uint8_t>(c);
        if (is_unreserved(c))
            encoded += c;
        else
            encoded.append({'%', digits[byte >> 4], digits[byte & 0x0f]});
    }
    return encoded;
}
