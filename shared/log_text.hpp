// Lines of the log as people read them: "2026-12-01 10:44:34.791 info    tasks  slow ms=12".
#pragma once

#include <string>
#include <string_view>

namespace logging {

// A JSON line of the log as a line of text: time (UTC), level, endpoint, message, and the other
// members as name=value, with quotes around values that need them and without empty ones. Other
// lines stay as they are. No
// control character, and nothing else that a terminal would obey or that could pass for another
// line, gets through. The result ends with a newline.
std::string text_line(std::string_view line, bool has_colours);

// Whether the descriptor is a terminal that shows colours, and nobody has switched them off
// (NO_COLOR, https://no-color.org).
bool may_have_colours(int fd);

}  // namespace logging
