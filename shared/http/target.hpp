// Request targets and path templates.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "shared/json/fields.hpp"

// Names and decoded values of a template's {parameters}, in order.
using PathParameters = std::vector<std::pair<std::string_view, std::string>>;

// Matches the raw path of an origin-form target ("/collab/tasks/42?x=1") against a template
// ("/collab/tasks/{id}"). Each segment is percent-decoded once, on its own (RFC 3986, section 2.4).
// Nullopt when it does not match, and for every path that could mean two things to two programs: an
// encoded slash, NUL or other control byte, a dot segment, a malformed escape, malformed UTF-8, an
// empty parameter. With a prefix ("/api/v1"), the path has its segments first. The names view into
// `path_template`.
std::optional<PathParameters> match_path(std::string_view path_template, std::string_view target,
                                         std::string_view prefix = {});

inline constexpr std::string_view user_parameter = "{user_id}";

// The target up to its query.
std::string_view path_of(std::string_view target);

// The query of a target, decoded.
class QueryParameters {
public:
    explicit QueryParameters(std::string_view target);

    // The value of a parameter; nullopt when it is not there, and after a fault: it occurs twice,
    // or is no percent-encoded UTF-8 without control characters (`value_error`).
    std::optional<std::string> take(std::string_view name, json::Faults& faults) const;

private:
    std::vector<std::pair<std::string, std::optional<std::string>>> pairs_;
};

// Reads a T from a query; parameters that T does not declare are ignored. Throws one ApiError (422)
// that lists every fault.
template <json::Declared T>
T read_query(std::string_view target) {
    const QueryParameters given{target};
    json::Faults faults{"query"};
    T result{};
    json::for_each_field<T>([&](const auto& field) {
        using Member = std::remove_reference_t<decltype(result.*field.member)>;
        faults.enter(std::string{field.name});
        if (const auto text = given.take(field.name, faults))
            result.*field.member = json::Type<Member>::parse(*text, field.rules, faults);
        faults.leave();
    });
    faults.raise();
    return result;
}
