#include "shared/server/raw_request.hpp"

#include "tests/support/expect.hpp"

Test(raw_request, takes_each_variable_for_its_member) {
    static constexpr struct {
        const char* variable;
        std::string_view RawRequest::*member;
    } cases[] = {
        {"REQUEST_METHOD", &RawRequest::method},
        {"REQUEST_URI", &RawRequest::target},
        {"CONTENT_TYPE", &RawRequest::content_type},
        {"HTTP_ACCEPT", &RawRequest::accept},
        {"HTTP_AUTHORIZATION", &RawRequest::authorization},
        {"HTTP_IF_MATCH", &RawRequest::if_match},
        {"HTTP_IF_NONE_MATCH", &RawRequest::if_none_match},
        {"HTTP_ORIGIN", &RawRequest::origin},
        {"HTTP_ACCESS_CONTROL_REQUEST_METHOD", &RawRequest::access_control_request_method},
        {"HTTP_X_REQUEST_ID", &RawRequest::request_id},
        {"REMOTE_ADDR", &RawRequest::remote_address},
    };
    for (const auto& wanted : cases) {
        const std::string text = std::string{wanted.variable} + "=value";
        const char* const variables[] = {text.c_str(), nullptr};
        const auto raw = read_variables(variables);
        for (const auto& other : cases)
            EXPECT_TEXT(raw.*other.member, other.member == wanted.member ? "value" : "");
    }
}

Test(raw_request, is_empty_without_variables) {
    const char* const none[] = {nullptr};
    const auto raw = read_variables(none);
    for (const auto text : {raw.method, raw.target, raw.content_type, raw.authorization, raw.body})
        cr_expect(text.empty());
    cr_expect_not(raw.is_body_too_large);
}

Test(raw_request, ignores_what_it_does_not_know) {
    const char* const variables[] = {"FCGI_ROLE=RESPONDER",
                                     "SERVER_NAME=example.org",
                                     "HTTP_PROXY=http://evil.example",
                                     "HTTP_X_HTTP_METHOD_OVERRIDE=DELETE",
                                     "REQUEST_METHODS=PUT",
                                     "XREQUEST_METHOD=PUT",
                                     "request_method=PUT",
                                     "REQUEST_METHOD",
                                     "",
                                     "=",
                                     "=PUT",
                                     nullptr};
    const auto raw = read_variables(variables);
    EXPECT_TEXT(raw.method, "");
    EXPECT_TEXT(raw.target, "");
}

Test(raw_request, keeps_values_as_they_are) {
    const char* const variables[] = {"REQUEST_METHOD=GET",     "REQUEST_URI=/a%2Fb?x=1&y==2",
                                     "HTTP_AUTHORIZATION=",    "HTTP_IF_MATCH=\"a=b\", \"c\"",
                                     "HTTP_ORIGIN= http://x ", nullptr};
    const auto raw = read_variables(variables);
    EXPECT_TEXT(raw.method, "GET");
    EXPECT_TEXT(raw.target, "/a%2Fb?x=1&y==2");
    EXPECT_TEXT(raw.authorization, "");
    EXPECT_TEXT(raw.if_match, "\"a=b\", \"c\"");
    EXPECT_TEXT(raw.origin, " http://x ");
}

Test(raw_request, views_into_the_variables) {
    const char text[] = "REQUEST_URI=/here";
    const char* const variables[] = {text, nullptr};
    cr_expect_eq(read_variables(variables).target.data(), text + 12);
}
