// Accounts and logging in to them.
#pragma once

#include "shared/json/fields.hpp"

struct Credentials {
    std::string email;
    std::string password;

    static consteval auto fields() {
        using json::field;
        return std::tuple{
            field("email", &Credentials::email).trimmed().length(1, 254).example("dev@example.org"),
            field("password", &Credentials::password).length(1, 1024).example("correct horse battery"),
        };
    }
};

// A row of users, never sent to a client.
struct Account {
    std::string id;
    std::string email;
    std::optional<std::string> password_hash;

    static consteval auto fields() {
        using json::field;
        return std::tuple{
            field("id", &Account::id),
            field("email", &Account::email),
            field("password_hash", &Account::password_hash),
        };
    }
};

struct IssuedToken {
    std::string access_token;
    std::string token_type = "bearer";
    std::int64_t expires_in = 0;

    static consteval auto fields() {
        using json::field;
        return std::tuple{
            field("access_token", &IssuedToken::access_token),
            field("token_type", &IssuedToken::token_type).example("bearer"),
            field("expires_in", &IssuedToken::expires_in).describe("Seconds"),
        };
    }
};
