// `steelthread user`: the accounts of this service and the users of other issuers. All functions
// throw std::runtime_error if there is no such user, if a name stands for two users, and if the
// schema is not up to date, and DbError.
#pragma once

#include <iosfwd>
#include <optional>
#include <string>

#include "shared/config/config.hpp"

// How a command line names a user: by e-mail address or id, or by id only. The text is UTF-8.
struct UserName {
    std::string text;
    bool is_id = false;
};

// Prints a table of all users, oldest first, or a JSON array of them.
void list_users(const Config& config, bool as_json, std::ostream& out);

// Creates an account and prints its id. Without a password it makes one and prints it. Throws
// std::runtime_error if the address is taken, or a value is not what signing up accepts.
void create_user(const Config& config, const std::string& email,
                 const std::optional<std::string>& name, const std::optional<std::string>& password,
                 std::ostream& out);

// Sets the password of a user with an e-mail address, otherwise as create_user(). Tokens remain
// valid.
void set_password(const Config& config, const UserName& name,
                  const std::optional<std::string>& password, std::ostream& out);

// Refuses the tokens of a user from the next request on and ends the user's streams, with an event.
void disable_user(const Config& config, const UserName& name, std::ostream& out);

void enable_user(const Config& config, const UserName& name, std::ostream& out);

// Disables a user, and then deletes the user's messages, conversations and tasks, in transactions
// of 1,000 rows, and at last the user. It may be interrupted and repeated at any time. Unless
// `is_confirmed`, asks on the terminal, and throws std::runtime_error if there is none.
void delete_user(const Config& config, const UserName& name, bool is_confirmed, std::ostream& out);

// The first line of standard input, or nullopt if that is a terminal or empty. Throws
// std::runtime_error if the line has more than 1,024 bytes, is not UTF-8 or contains a NUL.
std::optional<std::string> read_password();
