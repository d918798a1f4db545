// Request targets and path templates.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// Names and decoded values of a template's {parameters}, in order.
using PathParameters = std::vector<std::pair<std::string_view, std::string>>;

// Matches the raw path of an origin-form target ("/collab/tasks/42?x=1") against a template
// ("/collab/tasks/{id}"). Each segment is percent-decoded once, on its own (RFC 3986, section 2.4).
// Nullopt when it does not match, and for every path that could mean two things to two programs: an
// encoded slash, NUL or other control byte, a dot segment, a malformed escape, malformed UTF-8. The
// names view into `path_template`.
std::optional<PathParameters> match_path(std::string_view path_template, std::string_view target);

// The target up to its query.
std::string_view path_of(std::string_view target);
