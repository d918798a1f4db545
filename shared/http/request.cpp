#include "shared/http/request.hpp"

#include <algorithm>
#include <array>
#include <limits>
#include <stdexcept>

#include "shared/text.hpp"

namespace {

constexpr std::array fields = {
#define REQUEST_FIELD(member, ...) RequestField{&RawRequest::member, __VA_ARGS__},
#include "shared/http/request_fields.def"
#undef REQUEST_FIELD
};

}  // namespace

std::span<const RequestField> request_fields() { return fields; }

std::string_view trace_id_of(std::string_view traceparent) {
    // version "-" trace-id "-" parent-id "-" trace-flags; later versions may add "-" and more.
    constexpr std::size_t size = 55;
    const auto part = [&](std::size_t begin, std::size_t length) {
        const auto digits = traceparent.substr(begin, length);
        const bool is_hex = digits.find_first_not_of("0123456789abcdef") == digits.npos;
        return is_hex ? digits : std::string_view{};
    };
    if (traceparent.size() < size || traceparent[2] != '-' || traceparent[35] != '-' ||
        traceparent[52] != '-')
        return {};
    const auto version = part(0, 2);
    const auto trace_id = part(3, 32);
    const auto parent_id = part(36, 16);
    const bool has_more = traceparent.size() > size;
    if (version.empty() || version == "ff" || part(53, 2).empty()) return {};
    if (has_more && (version == "00" || traceparent[size] != '-')) return {};
    const auto is_zero = [](std::string_view id) { return id.find_first_not_of('0') == id.npos; };
    return is_zero(trace_id) || is_zero(parent_id) ? std::string_view{} : trace_id;
}

void Request::add_header(std::string_view name, std::string value) const {
    if (has_control_bytes(value))
        throw std::invalid_argument("control byte in header " + std::string{name});
    if (answer_headers_) answer_headers_->emplace_back(name, std::move(value));
}

std::optional<std::string> Request::idempotency_key() const {
    const auto key = raw_.idempotency_key;
    if (key.empty()) return std::nullopt;
    constexpr std::size_t max_bytes = 255;
    const bool is_visible =
        std::all_of(key.begin(), key.end(), [](char c) { return c > ' ' && c <= '~'; });
    if (key.size() > max_bytes || !is_visible)
        throw invalid({"header", "Idempotency-Key"},
                      "Value error, 1 to 255 visible ASCII characters");
    return std::string{key};
}

bool Request::names_user() const {
    return std::any_of(parameters_.begin(), parameters_.end(),
                       [](const auto& parameter) { return parameter.first == "user_id"; });
}

std::string_view Request::parameter(std::string_view name) const {
    for (const auto& [key, value] : parameters_)
        if (key == name) return value;
    throw std::logic_error("the path has no parameter " + std::string{name});
}

Uuid Request::uuid(std::string_view name) const {
    const auto uuid = Uuid::parse(parameter(name));
    if (!uuid)
        throw invalid({"path", std::string{name}}, "Input should be a valid UUID", "uuid_parsing");
    return *uuid;
}

std::int64_t Request::id(std::string_view name) const {
    json::Faults faults{"path"};
    faults.enter(std::string{name});
    json::Rules positive;
    positive.minimum = 1;
    positive.maximum = std::numeric_limits<std::int64_t>::max();
    const auto id = json::Type<std::int64_t>::parse(parameter(name), positive, faults);
    faults.raise();
    return id;
}
