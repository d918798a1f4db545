// The two engines behind Database.
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "shared/db/database.hpp"

// Connections beyond the first are closed after this time without use.
inline constexpr std::chrono::milliseconds idle_limit{60'000};

std::unique_ptr<Database> open_postgres(const Config& config, Loop& loop,
                                        std::chrono::milliseconds idle = idle_limit);
std::unique_ptr<Database> open_sqlite(const Config& config, Loop& loop, std::string path);
