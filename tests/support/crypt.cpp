#include "tests/support/crypt.hpp"

#include <dlfcn.h>

std::atomic<int> hashes = 0;
Crypt crypt_in_place = nullptr;

Crypt real_crypt() {
    static const auto real = reinterpret_cast<Crypt>(dlsym(RTLD_NEXT, "crypt_rn"));
    return real;
}

extern "C" char* crypt_rn(const char* phrase, const char* setting, void* data, int size) noexcept {
    ++hashes;
    return (crypt_in_place ? crypt_in_place : real_crypt())(phrase, setting, data, size);
}
