// The main() of every handler. HANDLER is the name of its file, and so of its namespace.

#include "shared/server/handler.hpp"

namespace HANDLER {
Endpoint endpoint();
}

int main(int argc, char** argv) { return run_handler(HANDLER::endpoint, argc, argv); }
