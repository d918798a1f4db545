#include "shared/http/error_body.hpp"

#include "shared/json/reader.hpp"
#include "tests/support/expect.hpp"

namespace {

const ApiError& plain() {
    static const ApiError error{Error::not_found};
    return error;
}

// `loc` repeats names that the client chose.
const ApiError& detailed() {
    static const ApiError error{Error::validation_error,
                                {{{"body", "tasks", 2L, "a\"\n"}, "Field required", "missing"},
                                 {{"body", 7L}, "JSON decode error: \\", "json_invalid"}}};
    return error;
}

constexpr auto details =
    R"("details":[{"loc":["body","tasks",2,"a\"\n"],"msg":"Field required","type":"missing"},)"
    R"({"loc":["body",7],"msg":"JSON decode error: \\","type":"json_invalid"}])";

}  // namespace

Test(error_body, takes_the_shape_of_its_endpoint) {
    cr_expect(error_shape(true, "") == ErrorShape::enveloped);
    cr_expect(error_shape(false, "") == ErrorShape::plain);
    for (const char* accept : {"*/*", "application/json", "application/*", "problem+json",
                               "application/problem+xml", "text/html"}) {
        cr_expect(error_shape(true, accept) == ErrorShape::enveloped, "%s", accept);
        cr_expect(error_shape(false, accept) == ErrorShape::plain, "%s", accept);
    }
}

// RFC 9110, section 8.3.1: media types are compared without regard to case.
Test(error_body, is_rfc_9457_for_whoever_asks) {
    for (const char* accept :
         {"application/problem+json", "application/json, application/problem+json;q=0.9",
          "Application/Problem+JSON"}) {
        cr_expect(error_shape(true, accept) == ErrorShape::problem, "%s", accept);
        cr_expect(error_shape(false, accept) == ErrorShape::problem, "%s", accept);
    }
}

Test(error_body, names_its_media_type) {
    EXPECT_TEXT(media_type(ErrorShape::enveloped), "application/json");
    EXPECT_TEXT(media_type(ErrorShape::plain), "application/json");
    EXPECT_TEXT(media_type(ErrorShape::problem), "application/problem+json");
}

Test(error_body, plain_is_flat) {
    EXPECT_TEXT(
        error_body(ErrorShape::plain, plain(), "r-1"),
        R"({"message":"The resource does not exist","request_id":"r-1","type":"not_found"})");
    EXPECT_TEXT(error_body(ErrorShape::plain, detailed(), "r-1"),
                std::string{"{"} + details +
                    R"(,"message":"The request is not valid: see details","request_id":"r-1",)" +
                    R"("type":"unprocessable_entity"})");
}

Test(error_body, api_is_in_an_envelope) {
    EXPECT_TEXT(error_body(ErrorShape::enveloped, plain(), "r-1"),
                R"({"error":{"code":"RESOURCE_NOT_FOUND","message":"The resource does not exist",)"
                R"("request_id":"r-1"},"success":false})");
    EXPECT_TEXT(error_body(ErrorShape::enveloped, detailed(), "r-1"),
                std::string{R"({"error":{"code":"VALIDATION_ERROR",)"} + details +
                    R"(,"message":"The request is not valid: see details","request_id":"r-1"},)" +
                    R"("success":false})");
}

Test(error_body, problem_is_rfc_9457) {
    EXPECT_TEXT(error_body(ErrorShape::problem, plain(), "r-1"),
                R"({"code":"RESOURCE_NOT_FOUND","detail":"The resource does not exist",)"
                R"("instance":"r-1","status":404,"title":"Not Found","type":"about:blank"})");
    EXPECT_TEXT(error_body(ErrorShape::problem, detailed(), "r-1"),
                std::string{R"({"code":"VALIDATION_ERROR",)"} +
                    R"("detail":"The request is not valid: see details",)" + details +
                    R"(,"instance":"r-1","status":422,"title":"Unprocessable Content",)" +
                    R"("type":"about:blank"})");
}

Test(error_body, is_canonical_json_for_every_error) {
    for (const auto& registered : error_registry())
        for (const auto shape : {ErrorShape::enveloped, ErrorShape::plain, ErrorShape::problem}) {
            const auto text =
                error_body(shape, ApiError{registered.error, detailed().details()}, "r\"\n");
            EXPECT_TEXT(json::canonical(json::parse(text)), text);
        }
}
