#include "shared/http/target.hpp"

#include <algorithm>

#include "shared/text.hpp"

namespace {

std::optional<std::string> decode_segment(std::string_view raw) {
    auto text = percent_decode(raw);
    if (!text || !is_path_segment(*text)) return std::nullopt;
    if (has_control_bytes(*text) || !is_utf8(*text)) return std::nullopt;
    return text;
}

// Removes the text up to the next slash from the front of `path`.
std::string_view take_segment(std::string_view& path) {
    const auto segment = path.substr(0, path.find('/'));
    path.remove_prefix(std::min(segment.size() + 1, path.size()));
    return segment;
}

// Decodes application/x-www-form-urlencoded, which browsers and every HTTP library use for queries.
std::optional<std::string> decode_form(std::string_view raw) {
    std::string spaced{raw};
    std::replace(spaced.begin(), spaced.end(), '+', ' ');
    auto text = percent_decode(spaced);
    if (!text || has_control_bytes(*text) || !is_utf8(*text)) return std::nullopt;
    return text;
}

}  // namespace

bool is_path_segment(std::string_view text) {
    return text != "." && text != ".." && text.find('/') == text.npos;
}

std::string_view path_of(std::string_view target) { return target.substr(0, target.find('?')); }

std::optional<PathParameters> match_path(std::string_view path_template, std::string_view target,
                                         std::string_view prefix) {
    auto path = path_of(target);
    if (!path.starts_with('/')) return std::nullopt;
    path.remove_prefix(1);
    if (path.size() > 1 && path.ends_with('/') && !path.ends_with("//")) path.remove_suffix(1);
    path_template.remove_prefix(1);
    if (!prefix.empty()) prefix.remove_prefix(1);
    PathParameters parameters;
    for (bool has_more = true; has_more;) {
        const bool template_goes_on =
            !prefix.empty() || path_template.find('/') != path_template.npos;
        has_more = path.find('/') != path.npos;
        if (has_more != template_goes_on) return std::nullopt;
        const auto expected = take_segment(prefix.empty() ? path_template : prefix);
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

QueryParameters::QueryParameters(std::string_view target) {
    const auto mark = target.find('?');
    if (mark == target.npos) return;
    for (const auto pair : split(target.substr(mark + 1), '&')) {
        const auto equals = std::min(pair.find('='), pair.size());
        auto name = decode_form(pair.substr(0, equals));
        if (name)
            pairs_.emplace_back(*name, decode_form(pair.substr(std::min(equals + 1, pair.size()))));
    }
}

std::optional<std::string> QueryParameters::take(std::string_view name,
                                                 json::Faults& faults) const {
    const auto is_named = [&](const auto& pair) { return pair.first == name; };
    const auto count = std::count_if(pairs_.begin(), pairs_.end(), is_named);
    if (count == 0) return std::nullopt;
    const auto& value = std::find_if(pairs_.begin(), pairs_.end(), is_named)->second;
    if (count > 1)
        faults.add("Value error, a parameter must not occur twice", "value_error");
    else if (!value)
        faults.add("Value error, not percent-encoded UTF-8 text", "value_error");
    else
        return value;
    return std::nullopt;
}
