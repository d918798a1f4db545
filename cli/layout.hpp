// Where the files are that belong to this executable: beside it, as in the folder of a build and in
// the image, or where `make install` puts them.
#pragma once

#include <filesystem>
#include <string>

// The path of this executable.
std::string own_executable();

// The folder of the handlers: handlers/ beside this executable, or ../lib/steelthread/handlers.
// Throws std::runtime_error if there is none.
std::filesystem::path handlers_folder();

// The folder of nginx's templates and of the documents that nginx serves: nginx/ beside this
// executable or up to two levels above, or ../share/steelthread/nginx. Throws std::runtime_error if
// there is none.
std::filesystem::path nginx_folder();
