#include "shared/events/filter.hpp"

#include "shared/error.hpp"
#include "tests/support/expect.hpp"

namespace {

using Parameter = std::optional<std::string>;

bool accepts(const Parameter& types, const Parameter& subject) {
    return EventFilter{types, subject}.accepts("task.created", "/collab/tasks/1");
}

bool is_refused(const Parameter& types, const Parameter& subject) {
    try {
        const EventFilter filter{types, subject};
        return false;
    } catch (const ApiError& error) {
        return error.error() == Error::validation_error;
    }
}

}  // namespace

Test(event_filter, takes_names_and_beginnings) {
    for (const Parameter types : {"*", "task.created", "task.*", "t*", "job.*,task.created",
                                  "job.* , task.*", "x,*", "task.created*"})
        cr_expect(accepts(types, std::nullopt), "%s", types->c_str());
    for (const Parameter types : {"task", "task.", "job.*", "TASK.*", "created", "task.created.*"})
        cr_expect(!accepts(types, std::nullopt), "%s", types->c_str());
    for (const Parameter subject : {"*", "/collab/tasks/1", "/collab/*", "/*"})
        cr_expect(accepts(std::nullopt, subject), "%s", subject->c_str());
    for (const Parameter subject : {"/collab/tasks", "/jobs/*", "/collab/tasks/1,/jobs/*"})
        cr_expect(!accepts(std::nullopt, subject), "%s", subject->c_str());
    cr_expect(accepts("task.*", "/collab/*"));
    cr_expect(!accepts("task.*", "/jobs/*"));
    cr_expect(!accepts("job.*", "/collab/*"));
}

Test(event_filter, refuses_empty_parts_and_other_asterisks) {
    for (const Parameter types :
         {"", ",", "a,", ",a", "a,,b", " ", "*.created", "a*b", "**", "a,*b"})
        cr_expect(is_refused(types, std::nullopt), "%s", types->c_str());
    for (const Parameter subject : {"", "*/1", "/a*b", "**"})
        cr_expect(is_refused(std::nullopt, subject), "%s", subject->c_str());
}

Test(event_filter, that_takes_everything_is_none) {
    cr_expect(EventFilter{}.accepts_all());
    cr_expect((EventFilter{std::nullopt, std::nullopt}.accepts_all()));
    cr_expect((EventFilter{"task.*,*", "*"}.accepts_all()));
    cr_expect(!(EventFilter{"task.*", "*"}.accepts_all()));
    cr_expect(!(EventFilter{"*", "/x"}.accepts_all()));
}
