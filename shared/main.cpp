// The main() of every handler.
#include "shared/endpoint.hpp"
#include "shared/server/endpoint_main.hpp"
#include "shared/signals.hpp"

int main(int argc, char** argv) {
    end_with_signals();
    return endpoint_main(endpoint, argc, argv);
}
