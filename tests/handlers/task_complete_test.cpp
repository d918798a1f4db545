#include "tests/support/personal.hpp"

namespace {

const std::string path = my_tasks + "/1/complete";

Response complete(Service& service, const std::string& body = "") {
    return service.send(service.with_token("PATCH", path, body));
}

bool is_completed(Service& service) {
    return count(service, "tasks WHERE id = 1 AND completed") == 1;
}

}  // namespace

ON_BOTH_ENGINES(task_complete, sets_what_the_body_says) {
    add_task(service);
    for (const bool wanted : {true, true, false, false, true}) {
        const auto response =
            complete(service, wanted ? R"({"completed":true})" : R"({"completed":false})");
        cr_assert_eq(response.status(), 200, "%s", shown(response.body()).c_str());
        cr_expect_eq(json_of(response)["data"]["completed"].GetBool(), wanted);
        cr_expect_eq(is_completed(service), wanted);
    }
}

ON_BOTH_ENGINES(task_complete, toggles_without_a_body) {
    add_task(service);
    bool wanted = true;
    for (const char* body : {"", "{}", "", " { } "}) {
        const auto response = complete(service, body);
        cr_assert_eq(response.status(), 200, "%s", shown(response.body()).c_str());
        cr_expect_eq(json_of(response)["data"]["completed"].GetBool(), wanted);
        cr_expect_eq(is_completed(service), wanted);
        wanted = !wanted;
    }
}

ON_BOTH_ENGINES(task_complete, answers_with_the_task) {
    add_task(service);
    for (const char* body : {"", R"({"completed":true})"}) {
        const auto response = complete(service, body);
        const auto document = json_of(response);
        const auto& task = document["data"];
        EXPECT_TEXT(member(task, "title"), "Buy milk");
        EXPECT_TEXT(member(task, "description"), "two litres");
        cr_expect(task["completed"].IsTrue());
        cr_expect(member(task, "updated_at") > "2026-01-08T12:34:56.123456Z");
        cr_expect_eq(response.etag().size(), 66u);
        EXPECT_TEXT(last_event(service),
                    "task.updated user:" + me + " /tasks/1 " + data_of(response, "Task updated"));
    }
}

Test(task_complete, refuses_bad_bodies) {
    Service service{endpoint(), Engine::sqlite};
    add_task(service);
    static constexpr struct {
        const char* body;
        const char* location;
        const char* type;
    } cases[] = {
        {"null", "body", "model_attributes_type"},
        {"true", "body", "model_attributes_type"},
        {"[]", "body", "model_attributes_type"},
        {R"({"completed":null})", "body.completed", "bool_type"},
        {R"({"completed":1})", "body.completed", "bool_type"},
        {R"({"completed":"true"})", "body.completed", "bool_type"},
        {R"({"complete":true})", "body.complete", "extra_forbidden"},
        {R"({"completed":true,"completed":true})", "body.completed", "value_error"},
        {" ", "body.1", "json_invalid"},
    };
    for (const auto& [body, location, type] : cases)
        expect_detail(complete(service, body), location, type);
    auto sent = service.with_token("PATCH", path, "{}");
    sent.content_type = "text/plain";
    expect_error(service.send(sent), Error::unsupported_media_type);
    sent.body = std::string(65'537, ' ');
    expect_error(service.send(sent), Error::payload_too_large);
    cr_assert_not(is_completed(service));
}

// Without a body the media type does not matter.
Test(task_complete, asks_for_no_media_type_without_a_body) {
    Service service{endpoint(), Engine::sqlite};
    add_task(service);
    auto sent = service.with_token("PATCH", path);
    for (const char* type : {"", "application/json", "text/plain"}) {
        sent.content_type = type;
        cr_expect_eq(service.send(sent).status(), 200, "%s", type);
    }
}

ON_BOTH_ENGINES(task_complete, honours_if_match) {
    add_task(service);
    std::string etag{complete(service).etag()};
    for (const char* body : {"", R"({"completed":true})"}) {
        auto sent = service.with_token("PATCH", path, body);
        for (const auto& header : {std::string{"\"stale\""}, etag + "x", std::string{"x"},
                                   std::string{"\""}, etag.substr(1, 64)}) {
            sent.if_match = header;
            expect_error(service.send(sent), Error::precondition_failed);
        }
        sent.if_match = "W/" + etag;
        expect_error(service.send(sent), Error::weak_etag);
        sent.if_match = "\"x\", " + etag;
        const auto response = service.send(sent);
        cr_expect_eq(response.status(), 200, "%s", shown(response.body()).c_str());
        expect_error(service.send(sent), Error::precondition_failed);
        etag = response.etag();
    }
    auto sent = service.with_token("PATCH", path);
    sent.if_match = "*";
    cr_expect_eq(service.send(sent).status(), 200);
    cr_assert_eq(count(service, "events WHERE type = 'task.updated'"), 4);
}

ON_BOTH_ENGINES(task_complete, honours_if_none_match) {
    add_task(service);
    std::string etag{complete(service).etag()};
    for (const char* body : {"", R"({"completed":true})"}) {
        auto sent = service.with_token("PATCH", path, body);
        for (const auto& header :
             {std::string{"*"}, etag, "W/" + etag, "\"x\", " + etag, std::string{"x"}}) {
            sent.if_none_match = header;
            for (const auto& if_match : {std::string{}, std::string{"*"}, etag}) {
                sent.if_match = if_match;
                expect_error(service.send(sent), Error::precondition_failed);
            }
        }
        sent.if_none_match = "\"x\"";
        const auto response = service.send(sent);
        cr_expect_eq(response.status(), 200, "%s", shown(response.body()).c_str());
        etag = response.etag();
    }
    cr_assert_eq(count(service, "events WHERE type = 'task.updated'"), 3);
}

ON_BOTH_ENGINES(task_complete, is_not_found_where_there_is_no_task) {
    add_task(service, {.user_id = other});
    for (const char* id : {"1", "2", "9223372036854775807"})
        for (const char* body : {"", R"({"completed":true})"})
            for (const char* if_match : {"", "*", "\"stale\""}) {
                auto sent = service.with_token("PATCH", my_tasks + "/" + id + "/complete", body);
                sent.if_match = if_match;
                expect_error(service.send(sent), Error::not_found);
            }
    cr_assert_not(is_completed(service));
}

ON_BOTH_ENGINES(task_complete, needs_a_positive_id) {
    for (const char* id : {"0", "-1", "9223372036854775808", "1.0", "%D9%A1", "x"})
        expect_error(service.send(service.with_token("PATCH", my_tasks + "/" + id + "/complete")),
                     Error::validation_error);
}

ON_BOTH_ENGINES(task_complete, is_its_owners_alone) {
    add_task(service);
    expect_owner_only(service, service.with_token("PATCH", path));
    cr_assert_not(is_completed(service));
}

// Each toggle reverses the result of the one before.
ON_BOTH_ENGINES(task_complete, racing_toggles_all_count) {
    add_task(service);
    const auto toggle = service.with_token("PATCH", path);
    for (const auto& response : service.send_all({toggle, toggle, toggle, toggle, toggle}))
        cr_expect_eq(response.status(), 200);
    cr_assert(is_completed(service));
    cr_assert_eq(count(service, "events WHERE type = 'task.updated'"), 5);
}

Test(task_complete, lists_its_methods) {
    Service service{endpoint(), Engine::sqlite};
    for (const char* method : {"GET", "HEAD", "POST", "PUT", "DELETE"}) {
        const auto response = service.send(service.with_token(method, path));
        cr_expect_eq(response.status(), 405);
        EXPECT_TEXT(response.header("Allow"), "PATCH, OPTIONS");
    }
}
