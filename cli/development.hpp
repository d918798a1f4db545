// Commands for developers. They refuse to run in production.
#pragma once

#include <iosfwd>
#include <string>

#include "shared/config/config.hpp"

// Prints a token for a user id, valid for JWT_EXPIRE_MINUTES, and creates the user if necessary.
// Throws std::runtime_error in production and when the schema is not up to date,
// std::invalid_argument when a token cannot contain the id, and DbError.
void print_token(const Config& config, const std::string& user_id, std::ostream& out);

// Adds tasks to the board, and tasks and a conversation to a user, unless some exist; prints what
// it has added. An empty id means the account of DEV_USER_EMAIL, or demo-user if that is not set.
// Throws std::runtime_error in production and when the schema is not up to date, and DbError.
void seed(const Config& config, const std::string& user_id, std::ostream& out);
