// RUN_DIR belongs to this service alone: its content is trusted, so no other user may be able to
// add files to it or to replace it with another folder.
//
// A missing folder is created with mode 0700, and an empty one of this user gets that mode. Any
// other folder must contain a mark of the service: the file `.steelthread` of this user, or one of
// the files by which the folder of an earlier release is recognised. It must belong to this user,
// and neither its group nor others may write to it; its mode is never changed. Symbolic links are
// resolved before the checks.
//
// No other user may be able to replace it: shared/trusted_path.hpp.
#pragma once

#include <string>

// Creates RUN_DIR if necessary and marks it; several processes may do so at the same time. Returns
// its absolute path without links. Throws ConfigError, before it writes anything, if the folder
// must not be used.
std::string claim_run_dir(const std::string& run_dir);

// Returns its absolute path without links. Changes nothing; throws ConfigError if another user
// could replace it.
std::string resolve_run_dir(const std::string& run_dir);

// Reports what claim_run_dir() would find: the path, and that it "is there" or "can be made".
// Changes nothing. Throws the same.
std::string look_at_run_dir(const std::string& run_dir);
