// The request methods that endpoints can declare. The server answers HEAD and OPTIONS itself.
#pragma once

#include <optional>
#include <string_view>

enum class Method { get, post, put, patch, delete_ };

constexpr std::string_view name_of(Method method) {
    constexpr std::string_view names[] = {"GET", "POST", "PUT", "PATCH", "DELETE"};
    return names[static_cast<int>(method)];
}

// Method names are case-sensitive (RFC 9110, section 9.1).
constexpr std::optional<Method> parse_method(std::string_view name) {
    for (const auto method :
         {Method::get, Method::post, Method::put, Method::patch, Method::delete_})
        if (name_of(method) == name) return method;
    return std::nullopt;
}
