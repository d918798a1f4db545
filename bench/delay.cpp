// delay PORT MICROSECONDS: a TCP proxy that makes 127.0.0.1:PORT seem further away. It prints its
// own port, forwards connections to PORT, delays every byte by that time in either direction, and
// ends when its stdin does.

#include <unistd.h>

#include <cstdlib>
#include <iostream>
#include <string>

#include "tests/support/proxy.hpp"

int main(int argc, char** argv) {
    if (argc != 3) {
        std::cerr << "usage: delay PORT MICROSECONDS\n";
        return 64;
    }
    const Proxy proxy{static_cast<unsigned short>(std::stoi(argv[1])),
                      std::chrono::microseconds{std::stoi(argv[2])}};
    std::cout << proxy.port() << std::endl;
    char byte = 0;
    while (read(STDIN_FILENO, &byte, 1) > 0) continue;
    return EXIT_SUCCESS;
}
