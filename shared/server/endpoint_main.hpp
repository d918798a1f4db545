// The main function of every endpoint's executable.
#pragma once

struct Endpoint;

// Serves FastCGI if stdin is a listening socket, answers one CGI request if REQUEST_METHOD is set,
// and describes the endpoint for --describe. Returns the exit status, which is 78 for invalid
// settings. Does not throw.
int endpoint_main(Endpoint (*declare)(), int argc, char** argv);
