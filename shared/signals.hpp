// Default actions for signals, until the process handles them.
#pragma once

// From now on SIGTERM and SIGINT end this process at once, with status 128 + the signal, until it
// blocks or handles them. That is the default for every process but PID 1 of a container, which
// would ignore them (pid_namespaces(7)). An ignored signal stays ignored, and executed programs get
// the default again.
void end_with_signals();
