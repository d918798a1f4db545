#include "shared/http/target.hpp"

#include "shared/text.hpp"

namespace {

int hex_value(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    return -1;
}

std::optional<std::string> decode_segment(std::string_view raw) {
    std::string text;
    for (std::size_t i = 0; i < raw.size(); ++i) {
        if (raw[i] != '%') {
            text += raw[i];
            continue;
        }
        if (i + 2 >= raw.size()) return std::nullopt;
        const int high = hex_value(raw[i + 1]);
        const int low = hex_value(raw[i + 2]);
        if (high < 0 || low < 0) return std::nullopt;
        text += static_cast<char>(high << 4 | low);
        i += 2;
    }
    if (text == "." || text == ".." || text.find('/') != text.npos) return std::nullopt;
    if (has_control_bytes(text) || !is_utf8(text)) return std::nullopt;
    return text;
}

// Takes the text up to the next slash off the front of `path`.
std::string_view take_segment(std::string_view& path) {
    const auto segment = path.substr(0, path.find('/'));
    path.remove_prefix(std::min(segment.size() + 1, path.size()));
    return segment;
}

}  // namespace

std::string_view path_of(std::string_view target) { return target.substr(0, target.find('?')); }

std::optional<PathParameters> match_path(std::string_view path_template, std::string_view target) {
    auto path = path_of(target);
    if (!path.starts_with('/')) return std::nullopt;
    // A path that ends in a slash has one more, empty, segment.
    bool has_more = true;
    PathParameters parameters;
    path.remove_prefix(1);
    path_template.remove_prefix(1);
    while (has_more) {
        const bool template_goes_on = path_template.find('/') != path_template.npos;
        has_more = path.find('/') != path.npos;
        if (has_more != template_goes_on) return std::nullopt;
        const auto expected = take_segment(path_template);
        auto actual = decode_segment(take_segment(path));
        if (!actual) return std::nullopt;
        if (expected.starts_with('{')) {
            if (actual->empty()) return std::nullopt;
            parameters.emplace_back(expected.substr(1, expected.size() - 2), std::move(*actual));
        } else if (expected != *actual) {
            return std::nullopt;
        }
    }
    return parameters;
}
