// The operations of the OpenAPI document as calls, made from its own examples.
#pragma once

#include <string>

#include "tests/support/stack/openapi.hpp"
#include "tests/support/stack/stack.hpp"

class Examples {
public:
    // With the token of a user, or of any.
    explicit Examples(const Stack& stack, const std::string& user = {});

    // A path of the document with parameters of things that are there: for {id} something new.
    std::string filled(std::string path);

    // The call of an operation, with a body and with what proves who calls where it wants them.
    Call call(std::string method, const std::string& filled_path) const;

    Reply send(const Call& call) { return client_.send(call); }

    const rapidjson::Document& document() const { return contract_.document(); }

private:
    // Where something new is.
    std::string create(const std::string& path);

    const Contract& contract_ = Contract::of("/api/v1");
    Client client_;
    std::string token_;
    std::string user_;
};
