// libxcrypt's crypt_rn() in tests: every call of this process is counted, and goes to what a test
// has put in its place.
#pragma once

#include <crypt.h>

#include <atomic>

using Crypt = char* (*)(const char* phrase, const char* setting, void* data, int size);

extern std::atomic<int> hashes;
extern Crypt crypt_in_place;  // null: libxcrypt's own

Crypt real_crypt();
