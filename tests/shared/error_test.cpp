#include "shared/error.hpp"

#include <set>

#include "tests/support/expect.hpp"

Test(error, keeps_the_codes_that_clients_know) {
    static constexpr struct {
        Error error;
        const char* code;
        const char* type;
        int status;
    } cases[] = {
        {Error::auth_required, "AUTH_REQUIRED", "unauthorized", 401},
        {Error::invalid_token, "INVALID_TOKEN", "unauthorized", 401},
        {Error::invalid_credentials, "INVALID_CREDENTIALS", "unauthorized", 401},
        {Error::forbidden, "FORBIDDEN", "forbidden", 403},
        {Error::not_found, "RESOURCE_NOT_FOUND", "not_found", 404},
        {Error::method_not_allowed, "METHOD_NOT_ALLOWED", "method_not_allowed", 405},
        {Error::conflict, "CONFLICT", "conflict", 409},
        {Error::precondition_failed, "PRECONDITION_FAILED", "precondition_failed", 412},
        {Error::weak_etag, "WEAK_ETAG", "precondition_failed", 412},
        {Error::payload_too_large, "PAYLOAD_TOO_LARGE", "payload_too_large", 413},
        {Error::unsupported_media_type, "UNSUPPORTED_MEDIA_TYPE", "unsupported_media_type", 415},
        {Error::validation_error, "VALIDATION_ERROR", "unprocessable_entity", 422},
        {Error::precondition_required, "PRECONDITION_REQUIRED", "precondition_required", 428},
        {Error::rate_limited, "RATE_LIMITED", "rate_limited", 429},
        {Error::internal_error, "INTERNAL_ERROR", "internal_error", 500},
        {Error::service_unavailable, "SERVICE_UNAVAILABLE", "service_unavailable", 503},
    };
    for (const auto& [error, code, type, status] : cases) {
        EXPECT_TEXT(entry(error).code, code);
        EXPECT_TEXT(entry(error).type, type);
        cr_expect_eq(entry(error).status, status, "%s", code);
    }
}

Test(error, registry_is_in_the_order_of_the_enum) {
    int index = 0;
    for (const auto& registered : error_registry()) {
        cr_expect_eq(static_cast<int>(registered.error), index++);
        cr_expect_eq(&entry(registered.error), &registered);
    }
    cr_expect_geq(index, 15);
}

Test(error, registry_is_complete_and_unambiguous) {
    std::set<std::string_view> codes, names;
    for (const auto& registered : error_registry()) {
        cr_expect(codes.insert(registered.code).second, "%s twice", registered.code.data());
        cr_expect(names.insert(registered.name).second, "%s twice", registered.name.data());
        cr_expect(registered.status >= 400 && registered.status < 600, "%d", registered.status);
        cr_expect(registered.code.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZ_") ==
                      registered.code.npos,
                  "%s", registered.code.data());
        for (const auto text :
             {registered.type, registered.title, registered.message, registered.meaning})
            cr_expect_not(text.empty(), "%s", registered.code.data());
        // Errors of the same status share its reason phrase, which the status line contains.
        for (const auto& other : error_registry())
            if (other.status == registered.status) EXPECT_TEXT(other.title, registered.title);
    }
}

Test(error, an_internal_error_says_nothing_of_its_cause) {
    const ApiError error{Error::internal_error};
    EXPECT_TEXT(error.what(), "Something went wrong on our side");
    cr_expect(error.details().empty());
}

Test(error, carries_its_details) {
    const ApiError error{
        Error::validation_error,
        {{{"body", 3L, "title"}, "Field required", "missing"}, {{}, "odd", "value_error"}}};
    cr_expect(error.error() == Error::validation_error);
    cr_assert_eq(error.details().size(), 2u);
    EXPECT_TEXT(refusal([&] { throw error; }),
                "body/[3]/title: Field required (missing)\n: odd (value_error)");
    EXPECT_TEXT(error.what(), entry(Error::validation_error).message);
    EXPECT_TEXT(refusal([] { throw ApiError{Error::not_found}; }), "not_found");
}

Test(error, an_invalid_value_has_one_detail) {
    const auto error = invalid({"body", 3L, "title"}, "Field required", "missing");
    cr_expect(error.error() == Error::validation_error);
    EXPECT_TEXT(refusal([&] { throw error; }), "body/[3]/title: Field required (missing)");
    EXPECT_TEXT(refusal([] { throw invalid({"body"}, "odd"); }), "body: odd (value_error)");
}
