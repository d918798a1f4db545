#include "shared/config/kinds.hpp"

#include <algorithm>

#include "shared/age.hpp"
#include "shared/number.hpp"
#include "shared/text.hpp"

namespace kinds {

namespace {

constexpr std::string_view memory_url = "memory://";
constexpr std::string_view off = "off";  // none, or no limit

std::string fault_of_control_characters(std::string_view text) {
    return has_control_bytes(text) ? "contains a control character" : "";
}

// A parameter that is not known to be harmless may be a password.
std::string masked_parameter(std::string_view parameter) {
    constexpr std::string_view harmless[] = {
        "connect_timeout", "dbname", "host", "hostaddr", "port", "sslmode", "target_session_attrs"};
    const auto name = parameter.substr(0, parameter.find('='));
    if (std::find(std::begin(harmless), std::end(harmless), name) != std::end(harmless))
        return std::string{parameter};
    return std::string{name}.append("=").append(mask);
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

std::string RateOrOff::read(std::string_view text, std::optional<Rate>& value) const {
    value = parse_rate(text);
    if (value || text == off) return {};
    return "must be off, or a number and a unit, at most 1000 per second: 10/second, 10/minute, "
           "10/hour or 10/day";
}

std::string RateOrOff::print(const std::optional<Rate>& value) const {
    return value ? text_of(*value) : std::string{off};
}

std::string CountOrOff::read(std::string_view text, std::optional<std::int64_t>& value) const {
    value = parse_number<std::int64_t>(text);
    if (value ? *value >= 1 : text == off) return {};
    return "must be off, or a whole number from 1";
}

std::string CountOrOff::print(const std::optional<std::int64_t>& value) const {
    return value ? std::to_string(*value) : std::string{off};
}

std::string AgeOrOff::read(std::string_view text,
                           std::optional<std::chrono::seconds>& value) const {
    value = parse_age(text);
    if (value || text == off) return {};
    return "must be off, or an age of at most 36500d: 7d, 12h, 15m or 90s";
}

std::string AgeOrOff::print(const std::optional<std::chrono::seconds>& value) const {
    return value ? text_of_age(*value) : std::string{off};
}

std::string ListenOrOff::read(std::string_view text, std::optional<ListenAddress>& value) const {
    value = parse_listen_address(text);
    if (value || text == off) return {};
    return "must be off, or an address and a port: 127.0.0.1:9464 or [::1]:9464";
}

std::string ListenOrOff::print(const std::optional<ListenAddress>& value) const {
    return value ? value->text() : std::string{off};
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

std::string RedisOrMemory::masked(const std::optional<RedisUrl>& value) const {
    auto text = print(value);
    if (value && !(value->user.empty() && value->password.empty()))
        text.insert(text.find("://") + 3, std::string{mask} + "@");
    return text;
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

// Masks everything between the scheme and the last @ before the parameters.
std::string Database::masked(const DatabaseUrl& value) const {
    if (value.is_sqlite() || value.text.empty()) return value.text;
    const std::string_view text = value.text;
    const auto begin = text.find("://") + 3;
    const auto user_end = text.find_first_of("@/", begin);
    const bool has_user = user_end != text.npos && text[user_end] == '@';
    const auto query = text.find('?', has_user ? user_end : begin);  // a password may contain a ?
    const auto at = text.substr(0, query).rfind('@');
    const auto place = at == text.npos ? begin : at + 1;
    std::string shown{text.substr(0, begin)};
    if (at != text.npos) shown.append(mask).append("@");
    shown.append(text.substr(place, query - place));
    if (query == text.npos) return shown;
    char separator = '?';
    for (const auto parameter : split(text.substr(query + 1), '&')) {
        shown.append(1, separator).append(masked_parameter(parameter));
        separator = '&';
    }
    return shown;
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
