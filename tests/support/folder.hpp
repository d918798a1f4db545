// A temporary folder for one test.
#pragma once

#include <criterion/criterion.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

// The destructor removes the folder with its contents. Its path contains no links.
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

    // Writes a file with this content, replacing an earlier one, and returns its path.
    std::string file(const std::string& name, std::string_view text) const {
        std::ofstream{path(name), std::ios::binary} << text;
        return path(name);
    }

private:
    std::string path_;
};
