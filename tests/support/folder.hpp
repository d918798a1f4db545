// A temporary folder of the test's own.
#pragma once

#include <criterion/criterion.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

// Removed at the end with everything in it. Its path has no links.
class Folder {
public:
    Folder() {
        auto pattern = (std::filesystem::temp_directory_path() / "steelthread.XXXXXX").string();
        cr_assert_not_null(mkdtemp(pattern.data()));
        path_ = std::filesystem::canonical(pattern);
    }
    ~Folder() { std::filesystem::remove_all(path_); }
    Folder(const Folder&) = delete;
    Folder& operator=(const Folder&) = delete;

    std::string path(const std::string& name = "") const {
        return name.empty() ? path_ : path_ + "/" + name;
    }

    // The path of a file with this content, which replaces an earlier one.
    std::string file(const std::string& name, std::string_view text) const {
        std::ofstream{path(name), std::ios::binary} << text;
        return path(name);
    }

private:
    std::string path_;
};
