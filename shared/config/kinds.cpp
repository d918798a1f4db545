#include "shared/config/kinds.hpp"

#include <algorithm>

#include "shared/number.hpp"
#include "shared/text.hpp"

namespace kinds {

namespace {

constexpr std::string_view memory_url = "memory://";

std::string fault_of_control_characters(std::string_view text) {
    return has_control_bytes(text) ? "contains a control character" : "";
}

std::string joined(const std::vector<std::string>& items, std::string_view separator) {
    std::string text;
    for (const auto& item : items) text.append(text.empty() ? "" : separator).append(item);
    return text;
}

}  // namespace

std::string Number::form() const {
    return std::to_string(minimum_) + " to " + std::to_string(maximum_);
}

std::string Number::read_number(std::string_view text, std::int64_t& number) const {
    const auto parsed = parse_number<std::int64_t>(text);
    if (!parsed || *parsed < minimum_ || *parsed > maximum_)
        return "must be a whole number from " + form();
    number = *parsed;
    return {};
}

std::optional<std::size_t> Choice::index_of(std::string_view text) const {
    const auto all = split(choices_, '|');
    const auto found = std::find(all.begin(), all.end(), text);
    if (found == all.end()) return std::nullopt;
    return static_cast<std::size_t>(found - all.begin());
}

std::string Choice::choice_at(std::size_t index) const {
    return std::string{split(choices_, '|').at(index)};
}

std::string Switch::read(std::string_view text, bool& value) const {
    if (text != "on" && text != "off") return "must be one of " + form();
    value = text == "on";
    return {};
}

std::string Text::read(std::string_view text, std::string& value) const {
    if (auto fault = fault_of_control_characters(text); !fault.empty()) return fault;
    if (check_ && !check_(text)) return std::string{fault_};
    value = text;
    return {};
}

std::string Text::read(std::string_view text, Secret& value) const {
    std::string bytes;
    auto fault = read(text, bytes);
    if (fault.empty()) value = Secret{std::move(bytes)};
    return fault;
}

std::string List::read(std::string_view text, std::vector<std::string>& value) const {
    if (auto fault = fault_of_control_characters(text); !fault.empty()) return fault;
    std::vector<std::string> good;
    std::vector<std::string> bad;
    for (const auto part : split(text, ','))
        if (const auto item = trimmed(part); !item.empty())
            (check_(item) ? good : bad).emplace_back(item);
    if (bad.empty()) {
        value = std::move(good);
        return {};
    }
    std::string fault{fault_};
    if (quoting_ == Quoting::items) fault += ", not " + joined(bad, ", ");
    return fault;
}

std::string List::print(const std::vector<std::string>& value) const { return joined(value, ","); }

std::string Rate::read(std::string_view text, Quota& value) const {
    const auto quota = parse_quota(text);
    if (!quota)
        return "must be a number and a unit, at most 1000 per second: 10/second, 10/minute, "
               "10/hour or 10/day";
    value = *quota;
    return {};
}

std::string RedisOrMemory::read(std::string_view text, std::optional<RedisUrl>& value) const {
    if (auto fault = fault_of_control_characters(text); !fault.empty()) return fault;
    value = parse_redis_url(text);
    if (value || text == memory_url) return {};
    return "must be memory:// or redis://user:password@host:port/database, where only the host is "
           "required, special characters as %XX";
}

// The URL without user and password.
std::string RedisOrMemory::print(const std::optional<RedisUrl>& value) const {
    if (!value) return std::string{memory_url};
    return "redis://" + value->place() + "/" + std::to_string(value->database);
}

// libpq's own message could quote a part of the password.
std::string Database::read(std::string_view text, DatabaseUrl& value) const {
    if (auto fault = fault_of_control_characters(text); !fault.empty()) return fault;
    if (!has_database_scheme(text)) return "must start with postgresql:// or sqlite:///";
    auto parsed = parse_database_url(text);
    if (!parsed)
        return "is malformed: postgresql://user:password@host:port/database, special characters as "
               "%XX, and only parameters that libpq knows";
    value = std::move(*parsed);
    return {};
}

std::string Url::read(std::string_view text, std::optional<HttpUrl>& value) const {
    if (auto fault = fault_of_control_characters(text); !fault.empty()) return fault;
    value = parse_http_url(text);
    if (value || text.empty()) return {};
    return "must be a URL: http(s)://host:port/path";
}

std::string Url::print(const std::optional<HttpUrl>& value) const {
    return value ? value->text : "";
}

}  // namespace kinds
