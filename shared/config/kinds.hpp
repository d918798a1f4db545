// The kinds of settings: how a text becomes a value, and a value a text again. Every kind has
//
//   std::string read(std::string_view text, T& value) const   the fault, as in Setting::read
//   std::string print(const T& value) const                   what read() takes
//   std::string form() const                                  as in Setting::form; may be empty
//
// A kind of secrets that contain more than a secret has also
//
//   std::string masked(const T& value) const                  the value with its secrets masked
#pragma once

#include <chrono>
#include <concepts>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "shared/config/addresses.hpp"
#include "shared/config/database_url.hpp"
#include "shared/config/secret.hpp"
#include "shared/rate.hpp"
#include "shared/redis/url.hpp"

namespace kinds {

inline constexpr std::string_view mask = "********";  // stands for a secret

// A whole number within bounds.
class Number {
public:
    constexpr Number(std::int64_t minimum, std::int64_t maximum)
        : minimum_(minimum), maximum_(maximum) {}

    template <std::integral T>
    std::string read(std::string_view text, T& value) const {
        std::int64_t number = 0;
        auto fault = read_number(text, number);
        if (fault.empty()) value = static_cast<T>(number);
        return fault;
    }
    std::string print(std::int64_t value) const { return std::to_string(value); }
    std::string form() const;

private:
    std::string read_number(std::string_view text, std::int64_t& number) const;

    std::int64_t minimum_;
    std::int64_t maximum_;
};

// An enumeration: the choices "a|b|c" are its enumerators in their order.
class Choice {
public:
    explicit constexpr Choice(std::string_view choices) : choices_(choices) {}

    template <class T>
    requires std::is_enum_v<T> std::string read(std::string_view text, T& value)
    const {
        const auto index = index_of(text);
        if (!index) return "must be one of " + form();
        value = static_cast<T>(*index);
        return {};
    }
    template <class T>
    requires std::is_enum_v<T> std::string print(T value)
    const { return choice_at(static_cast<std::size_t>(value)); }
    std::string form() const { return std::string{choices_}; }

private:
    std::optional<std::size_t> index_of(std::string_view text) const;
    std::string choice_at(std::size_t index) const;

    std::string_view choices_;
};

// "on" or "off".
struct Switch {
    std::string read(std::string_view text, bool& value) const;
    std::string print(bool value) const { return value ? "on" : "off"; }
    std::string form() const { return "on|off"; }
};

using Check = bool (*)(std::string_view);

// A text without control characters, with an optional check. `fault` says what it must be.
class Text {
public:
    constexpr Text() = default;
    constexpr Text(Check check, std::string_view fault) : check_(check), fault_(fault) {}

    std::string read(std::string_view text, std::string& value) const;
    std::string read(std::string_view text, Secret& value) const;
    std::string print(const std::string& value) const { return value; }
    std::string print(const Secret& value) const { return value.reveal(); }
    std::string form() const { return {}; }

private:
    Check check_ = nullptr;
    std::string_view fault_;
};

// Items separated by commas, each of which must pass the check. A fault does not quote the items of
// a secret.
enum class Quoting { never, items };
class List {
public:
    constexpr List(Check check, std::string_view fault, Quoting quoting = Quoting::items)
        : check_(check), fault_(fault), quoting_(quoting) {}

    std::string read(std::string_view text, std::vector<std::string>& value) const;
    std::string print(const std::vector<std::string>& value) const;
    std::string form() const { return {}; }

private:
    Check check_;
    std::string_view fault_;
    Quoting quoting_;
};

// "10/minute", or nullopt for "off".
struct RateOrOff {
    std::string read(std::string_view text, std::optional<Rate>& value) const;
    std::string print(const std::optional<Rate>& value) const;
    std::string form() const { return {}; }
};

// A whole number from 1, or nullopt for "off".
struct CountOrOff {
    std::string read(std::string_view text, std::optional<std::int64_t>& value) const;
    std::string print(const std::optional<std::int64_t>& value) const;
    std::string form() const { return {}; }
};

// "7d", "12h", "15m" or "90s" (shared/age.hpp), or nullopt for "off".
struct AgeOrOff {
    std::string read(std::string_view text, std::optional<std::chrono::seconds>& value) const;
    std::string print(const std::optional<std::chrono::seconds>& value) const;
    std::string form() const { return {}; }
};

// "127.0.0.1:9464", or nullopt for "off".
struct ListenOrOff {
    std::string read(std::string_view text, std::optional<ListenAddress>& value) const;
    std::string print(const std::optional<ListenAddress>& value) const;
    std::string form() const { return {}; }
};

// A Redis URL, or nullopt for "memory://".
struct RedisOrMemory {
    std::string read(std::string_view text, std::optional<RedisUrl>& value) const;
    std::string print(const std::optional<RedisUrl>& value) const;
    std::string masked(const std::optional<RedisUrl>& value) const;
    std::string form() const { return {}; }
};

struct Database {
    std::string read(std::string_view text, DatabaseUrl& value) const;
    std::string print(const DatabaseUrl& value) const { return value.text; }
    std::string masked(const DatabaseUrl& value) const;
    std::string form() const { return {}; }
};

// An http or https URL; nullopt for none.
struct Url {
    std::string read(std::string_view text, std::optional<HttpUrl>& value) const;
    std::string print(const std::optional<HttpUrl>& value) const;
    std::string form() const { return {}; }
};

}  // namespace kinds
