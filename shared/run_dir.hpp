// RUN_DIR belongs to this service alone: what lies in it is believed, so nobody else may leave
// anything in it, or put another folder in its place.
//
// A folder that is not there is made with mode 0700, an empty one of this user gets that mode. Any
// other has to bear the mark that the service left there: the file `.steelthread` of this user, or
// one of the files by which the folder of an earlier release is known. It belongs to this user, and
// neither its group nor others may write to it; its mode is never changed. A symbolic link is
// followed before anything is judged.
//
// Nobody else may be able to replace it: shared/trusted_path.hpp.
#pragma once

#include <string>

// Makes RUN_DIR, if need be, and marks it; the first of several processes to come does it. Returns
// its path, absolute and free of links. Throws ConfigError, before a byte is written, where it is
// not this service's to take.
std::string claim_run_dir(const std::string& run_dir);

// Its path, absolute and free of links. Touches nothing; throws ConfigError where somebody else
// could replace it.
std::string resolve_run_dir(const std::string& run_dir);

// What claim_run_dir() would find: the path, and that it "is there" or "can be made". Writes
// nothing. Throws the same.
std::string look_at_run_dir(const std::string& run_dir);
