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
// Returns nullopt if the path does not match, and for every path that two programs could understand
// differently: an encoded slash, a NUL or another control byte, a dot segment, a malformed escape,
// malformed UTF-8, or an empty parameter. With a prefix ("/api/v1"), the path must begin with its
// segments. The names point into `path_template`.
std::optional<PathParameters> match_path(std::string_view path_template, std::string_view target,
                                         std::string_view prefix = {});

inline constexpr std::string_view user_parameter = "{user_id}";

// Whether a text can be the value of a parameter in a path. Clients resolve "." and "..", and some
// proxies decode "%2F".
bool is_path_segment(std::string_view text);

// The target without its query.
std::string_view path_of(std::string_view target);

// The decoded query of a target.
class QueryParameters {
public:
    explicit QueryParameters(std::string_view target);

    // Returns the value of a parameter, or nullopt if it is absent or faulty: it occurs twice, or
    // is not percent-encoded UTF-8 without control characters (`value_error`).
    std::optional<std::string> take(std::string_view name, json::Faults& faults) const;

private:
    std::vector<std::pair<std::string, std::optional<std::string>>> pairs_;
};

// Reads a T from a query and ignores parameters that T does not declare. Throws one ApiError (422)
// that lists every fault.
template <json::Declared T>
T read_query(std::string_view target) {
    const QueryParameters parameters{target};
    json::Faults faults{"query"};
    T result{};
    json::for_each_field<T>([&](const auto& field) {
        using Member = std::remove_reference_t<decltype(result.*field.member)>;
        faults.enter(std::string{field.name});
        if (const auto text = parameters.take(field.name, faults))
            result.*field.member = json::Type<Member>::parse(*text, field.rules, faults);
        faults.leave();
    });
    faults.raise();
    return result;
}
