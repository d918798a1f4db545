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
