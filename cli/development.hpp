// What makes development convenient, and is refused in production.
#pragma once

#include <iosfwd>
#include <string>

#include "shared/config/config.hpp"

// Prints a token of this service for any user id, valid for JWT_EXPIRE_MINUTES, and makes the user
// where there is none. Throws std::runtime_error in production and for a schema that is not up to
// date, DbError, and std::invalid_argument for an id that no token may hold.
void print_token(const Config& config, const std::string& user_id, std::ostream& out);

// Gives a user some tasks and a conversation, and the board some tasks, each where there are none;
// says what it added. An empty id stands for the account of DEV_USER_EMAIL, or demo-user without
// one. Throws std::runtime_error in production and for a schema that is not up to date, and
// DbError.
void seed(const Config& config, const std::string& user_id, std::ostream& out);
