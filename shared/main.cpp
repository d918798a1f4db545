// The main() of every handler.
#include "shared/endpoint.hpp"
#include "shared/server/handler.hpp"
#include "shared/signals.hpp"

int main(int argc, char** argv) {
    end_with_signals();
    return run_handler(endpoint, argc, argv);
}
