// Errors for clients. Throwing an ApiError ends a request; shared/http/error_body.hpp renders it in
// the shape of the endpoint.
#pragma once

#include <chrono>
#include <exception>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

enum class Error {
#define ERROR(name, ...) name,
#include "shared/error.def"
#undef ERROR
};

struct ErrorEntry {
    Error error;
    std::string_view name;  // as in error.def
    int status;
    std::string_view code;          // in an enveloped body
    std::string_view type;          // in a plain body
    std::string_view title;         // RFC 9110 reason phrase
    std::string_view header;        // set by every answer with this error; "" for none
    std::string_view header_value;  // "" if it depends on the request
    std::string_view message;       // for the client, with advice
    std::string_view meaning;       // for the documentation
};

// All entries of error.def, in its order.
std::span<const ErrorEntry> error_registry();

// The entry of one error.
const ErrorEntry& entry(Error error);

// One invalid field. `type` is the name that Pydantic v2 uses for such an error, so that clients of
// a FastAPI back end keep working: https://docs.pydantic.dev/latest/errors/validation_errors/
struct ErrorDetail {
    std::vector<std::variant<std::string, long>> location;  // "loc": {"body", "title"}
    std::string message;                                    // "msg"
    std::string type;
};

class ApiError : public std::exception {
public:
    explicit ApiError(Error error, std::vector<ErrorDetail> details = {})
        : error_(error), details_(std::move(details)) {}

    // For an error with a Retry-After: the answer has this one in place of the one in error.def.
    ApiError(Error error, std::chrono::seconds retry_after)
        : error_(error), retry_after_(retry_after) {}

    Error error() const { return error_; }
    const std::vector<ErrorDetail>& details() const { return details_; }
    std::optional<std::chrono::seconds> retry_after() const { return retry_after_; }
    const char* what() const noexcept override;

private:
    Error error_;
    std::vector<ErrorDetail> details_;
    std::optional<std::chrono::seconds> retry_after_;
};

// A validation_error with one detail.
ApiError invalid(std::vector<std::variant<std::string, long>> location, std::string message,
                 std::string type = "value_error");
