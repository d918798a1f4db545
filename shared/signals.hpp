// Signals before anything waits for them.
#pragma once

// SIGTERM and SIGINT end this process at once, with status 128 + the signal, from now on until
// somebody blocks or handles them. Of any other process that is what they do by default; PID 1 of a
// container would not notice them (pid_namespaces(7)). One that is ignored stays ignored, and what
// is executed gets the default again.
void end_with_signals();
