// Calls of the operations in the OpenAPI document, made from its own examples.
#pragma once

#include <string>

#include "tests/support/stack/openapi.hpp"
#include "tests/support/stack/stack.hpp"

class Examples {
public:
    // Uses the token of this user, or of the developer account if `user` is empty.
    explicit Examples(const Stack& stack, const std::string& user = {});

    // Fills in the parameters of a path from the document. For {id} it creates a resource.
    std::string filled(std::string path);

    // Returns the call of an operation, with the example body and the required credentials. For the
    // ids in a batch of operations on tasks it creates tasks.
    Call call(std::string method, const std::string& filled_path);

    Reply send(const Call& call) { return client_.send(call); }

    const Contract& contract() const { return contract_; }

private:
    // Creates a resource and returns its location.
    std::string create(const std::string& path);
    std::int64_t create_task();

    const Contract& contract_ = Contract::of("/api/v1");
    Client client_;
    std::string token_;
    std::string user_;
};
