// Replaces libxcrypt's crypt_rn() in tests. Every call of this process is counted and goes to the
// function that the test has set.
#pragma once

#include <crypt.h>

#include <atomic>

using Crypt = char* (*)(const char* phrase, const char* setting, void* data, int size);

extern std::atomic<int> hashes;
extern Crypt crypt_in_place;  // null: libxcrypt's own

Crypt real_crypt();
