// The account of DEV_USER_EMAIL.
#pragma once

#include <iosfwd>

#include "shared/config/config.hpp"
#include "shared/db/blocking_connection.hpp"

// Creates it and prints a line about that; an existing account keeps its password. Does nothing
// without DEV_USER_EMAIL. Returns whether it has created the account. Throws std::runtime_error.
bool make_developer_account(const Config& config, BlockingConnection& connection,
                            std::ostream& out);
