// What the executable of an endpoint does.
#pragma once

struct Endpoint;

// Serves FastCGI when stdin is a listening socket, answers once as CGI when REQUEST_METHOD is set,
// and describes the endpoint for --describe. Returns the exit status; 78 where the settings are at
// fault. Throws nothing.
int run_handler(Endpoint (*declare)(), int argc, char** argv);
