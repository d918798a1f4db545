#include "shared/json/writer.hpp"

#include <charconv>
#include <cmath>
#include <cstring>
#include <stdexcept>

#include "shared/text.hpp"

namespace json {

namespace {

// Appends the escape of a byte below 0x20, '"' or '\' (RFC 8785, section 3.2.2.2).
void append_escape(std::string& out, char c) {
    switch (c) {
        case '"': out += "\\\""; break;
        case '\\': out += "\\\\"; break;
        case '\b': out += "\\b"; break;
        case '\t': out += "\\t"; break;
        case '\n': out += "\\n"; break;
        case '\f': out += "\\f"; break;
        case '\r': out += "\\r"; break;
        default: out.append("\\u00").append(hex({&c, 1}));
    }
}

bool needs_escape(char c) { return static_cast<unsigned char>(c) < 0x20 || c == '"' || c == '\\'; }

// Whether any of eight bytes needs an escape: a byte below 0x20, or one that is zero after an XOR
// with '"' or '\'.
bool any_needs_escape(const char* eight) {
    constexpr std::uint64_t ones = 0x0101010101010101;
    constexpr std::uint64_t tops = ones * 0x80;
    std::uint64_t bytes = 0;
    std::memcpy(&bytes, eight, sizeof bytes);
    const auto quotes = bytes ^ ones * '"';
    const auto slashes = bytes ^ ones * '\\';
    return (((bytes - ones * 0x20) & ~bytes) | ((quotes - ones) & ~quotes) |
            ((slashes - ones) & ~slashes)) &
           tops;
}

// Returns the index of the first byte at or after `at` that needs an escape. Tests eight bytes at a
// time, because most texts need none.
std::size_t find_escaped(std::string_view text, std::size_t at) {
    while (at + 8 <= text.size() && !any_needs_escape(text.data() + at)) at += 8;
    while (at < text.size() && !needs_escape(text[at])) ++at;
    return at;
}

void append_quoted(std::string& out, std::string_view text) {
    out += '"';
    for (std::size_t start = 0;;) {
        const auto end = find_escaped(text, start);
        out.append(text, start, end - start);
        if (end == text.size()) break;
        append_escape(out, text[end]);
        start = end + 1;
    }
    out += '"';
}

// Appends the number as Number::toString of ECMA-262 does, from the shortest digits that
// round-trip.
void append_number(std::string& out, double value) {
    if (value == 0) {
        out += '0';  // also for -0
        return;
    }
    char buffer[32];
    const auto end = std::to_chars(buffer, buffer + sizeof buffer, std::fabs(value),
                                   std::chars_format::scientific)
                         .ptr;
    const std::string_view scientific{buffer, static_cast<std::size_t>(end - buffer)};
    const auto e = scientific.find('e');
    std::string digits{scientific.substr(0, 1)};
    if (e > 2) digits += scientific.substr(2, e - 2);
    const int exponent = std::stoi(std::string{scientific.substr(e + 1)});
    const int point = exponent + 1;  // digits before the decimal point
    const int count = static_cast<int>(digits.size());

    if (value < 0) out += '-';
    if (point > 21 || point <= -6) {
        out += digits[0];
        if (count > 1) out.append(".").append(digits, 1);
        out += exponent < 0 ? "e-" : "e+";
        out += std::to_string(std::abs(exponent));
    } else if (point >= count) {
        out.append(digits).append(static_cast<std::size_t>(point - count), '0');
    } else if (point > 0) {
        out.append(digits, 0, static_cast<std::size_t>(point)).append(".");
        out.append(digits, static_cast<std::size_t>(point));
    } else {
        out.append("0.").append(static_cast<std::size_t>(-point), '0').append(digits);
    }
}

}  // namespace

void Writer::separate() {
    if (!first_) out_ += ',';
    first_ = false;
}

void Writer::begin_object() {
    separate();
    out_ += '{';
    first_ = true;
}

void Writer::end_object() {
    out_ += '}';
    first_ = false;
}

void Writer::begin_array() {
    separate();
    out_ += '[';
    first_ = true;
}

void Writer::end_array() {
    out_ += ']';
    first_ = false;
}

void Writer::key(std::string_view name) {
    separate();
    append_quoted(out_, name);
    out_ += ':';
    first_ = true;
}

void Writer::string(std::string_view utf8) {
    separate();
    append_quoted(out_, utf8);
}

void Writer::plain(std::string_view ascii) {
    separate();
    out_ += '"';
    out_ += ascii;
    out_ += '"';
}

void Writer::integer(std::int64_t value) {
    separate();
    char buffer[24];
    out_.append(buffer, std::to_chars(buffer, buffer + sizeof buffer, value).ptr);
}

void Writer::number(double value) {
    if (!std::isfinite(value)) throw std::invalid_argument("JSON has no NaN and no infinity");
    separate();
    append_number(out_, value);
}

void Writer::boolean(bool value) { raw(value ? "true" : "false"); }

void Writer::null() { raw("null"); }

void Writer::raw(std::string_view canonical_json) {
    separate();
    out_ += canonical_json;
}

}  // namespace json
