// The main() of every handler. HANDLER is the name of its file, and so of its namespace.

#include "shared/server/handler.hpp"
#include "shared/signals.hpp"

namespace HANDLER {
Endpoint endpoint();
}

int main(int argc, char** argv) {
    end_with_signals();
    return run_handler(HANDLER::endpoint, argc, argv);
}
