// Accounts, and the bodies of signing up and logging in.
#pragma once

#include "shared/json/fields.hpp"

// Checks for the fields of a new account.
//
// An address is one without a fault_of_email().
void check_email(std::string_view email, json::Faults& faults);
// A name has no control characters, which a terminal or a log would interpret.
void check_name(std::string_view name, json::Faults& faults);
// A password has 8 to 72 bytes in Unicode's composed form (NFC), is not only white space, and in
// lower case is none of the commonest ones.
void check_new_password(std::string_view password, json::Faults& faults);

struct Credentials {
    std::string email;
    std::string password;

    static consteval auto fields() {
        using json::field;
        return std::tuple{
            field("email", &Credentials::email).trimmed().length(1, 254).example("dev@example.org"),
            field("password", &Credentials::password)
                .length(1, 1024)
                .example("correct horse battery"),
        };
    }
};

// The body of signing up.
struct NewAccount {
    std::string email;
    std::optional<std::string> name;
    std::string password;

    static consteval auto fields() {
        using json::field;
        return std::tuple{
            field("email", &NewAccount::email)
                .trimmed()
                .checked(check_email)
                .describe("At most 254 ASCII characters, compared without regard to case")
                .example("ada@example.org"),
            field("name", &NewAccount::name)
                .trimmed()
                .length(1, 100)
                .checked(check_name)
                .describe("How the person wants to be called, without control characters")
                .example("Ada"),
            field("password", &NewAccount::password)
                .checked(check_new_password)
                .describe("8 to 72 bytes of UTF-8, and not one of the commonest passwords")
                .example("correct horse battery"),
        };
    }
};

// A row of `users`. It is never sent to a client.
struct Account {
    std::string id;
    std::string email;
    std::optional<std::string> name;
    std::optional<std::string> password_hash;
    Timestamp created_at;
    std::optional<Timestamp> disabled_at;
    std::optional<Timestamp> network_last_at;  // the last log-in from the client's network

    static consteval auto fields() {
        using json::field;
        return std::tuple{
            field("id", &Account::id),
            field("email", &Account::email),
            field("name", &Account::name),
            field("password_hash", &Account::password_hash),
            field("created_at", &Account::created_at),
            field("disabled_at", &Account::disabled_at),
            field("network_last_at", &Account::network_last_at),
        };
    }
};

inline constexpr std::string_view example_token = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhZGEifQ.c2ln";

struct IssuedToken {
    std::string access_token;
    std::string token_type = "bearer";
    std::int64_t expires_in = 0;

    static consteval auto fields() {
        using json::field;
        return std::tuple{
            field("access_token", &IssuedToken::access_token)
                .describe("Send it as `Authorization: Bearer <token>`")
                .example(example_token),
            field("token_type", &IssuedToken::token_type).example("bearer"),
            field("expires_in", &IssuedToken::expires_in).describe("In seconds").example("3600"),
        };
    }
};

// An account as its owner sees it.
struct AccountView {
    std::string id;
    std::string email;
    std::optional<std::string> name;
    Timestamp created_at;

    static consteval auto fields() {
        using json::field;
        return std::tuple{
            field("id", &AccountView::id)
                .describe("`user_id` in paths")
                .example("0b0c2a3e-9d1f-4f6c-8a52-3b1f5e3f7a10"),
            field("email", &AccountView::email).example("ada@example.org"),
            field("name", &AccountView::name).example("Ada"),
            field("created_at", &AccountView::created_at),
        };
    }
};

// The answer to a sign-in.
struct SignedIn {
    std::string token;
    std::string token_type = "bearer";
    std::int64_t expires_in = 0;
    AccountView user;

    static consteval auto fields() {
        using json::field;
        return std::tuple{
            field("token", &SignedIn::token)
                .describe("Send it as `Authorization: Bearer <token>`")
                .example(example_token),
            field("token_type", &SignedIn::token_type).example("bearer"),
            field("expires_in", &SignedIn::expires_in).describe("In seconds").example("3600"),
            field("user", &SignedIn::user),
        };
    }
};
