// The floors of docs/ARCHITECTURE.md: no file includes one from a higher floor. And a name stands
// for one type.
#include <criterion/criterion.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <regex>
#include <string>

namespace {

namespace fs = std::filesystem;

// Maps each entry, which is a file or a folder with a trailing slash, to its floor; 0 is the top.
std::map<std::string, int> read_floors() {
    std::map<std::string, int> floors;
    std::ifstream page{"docs/ARCHITECTURE.md"};
    const std::regex entry{"`([^`]+)`"};
    int floor = 0;
    bool is_in_section = false;
    for (std::string line; std::getline(page, line);) {
        if (line.starts_with("## ")) is_in_section = line == "## Floors";
        if (!is_in_section || !line.starts_with("| `")) continue;
        const auto cell = line.substr(0, line.find('|', 1));
        for (std::sregex_iterator found{cell.begin(), cell.end(), entry}, end; found != end;
             ++found)
            floors[(*found)[1]] = floor;
        ++floor;
    }
    return floors;
}

// The entry that a file belongs to: its own, without the extension, or that of its folder.
std::string entry_of(const std::map<std::string, int>& floors, const fs::path& file) {
    const auto stem = (file.parent_path() / file.stem()).string();
    if (floors.contains(stem)) return stem;
    const auto folder = file.parent_path().string() + "/";
    return floors.contains(folder) ? folder : "";
}

}  // namespace

Test(floors, no_include_leads_up) {
    const auto floors = read_floors();
    const std::regex include{R"re(^#include "((?:shared|handlers|cli)/[^"]+)")re"};
    int arrows = 0;
    for (const auto* const root : {"shared", "handlers", "cli"})
        for (const auto& found_file : fs::recursive_directory_iterator{root}) {
            const auto& file = found_file.path();
            if (!fs::is_regular_file(file)) continue;
            const auto from = entry_of(floors, file);
            if (file.extension() != ".cpp" && file.extension() != ".hpp") continue;
            cr_expect(!from.empty(), "%s stands on no floor", file.c_str());
            std::ifstream source{file};
            std::smatch found;
            for (std::string line; std::getline(source, line);) {
                if (!std::regex_search(line, found, include)) continue;
                const auto to = entry_of(floors, found[1].str());
                ++arrows;
                cr_expect(
                    !from.empty() && !to.empty() && (from == to || floors.at(from) < floors.at(to)),
                    "%s includes %s, which is not on a lower floor", file.c_str(),
                    found[1].str().c_str());
            }
        }
    cr_expect(arrows > 100);
}

// The linker keeps one of two functions of the same name, so two types of one name are destroyed by
// the code of one of them (C++20, [basic.def.odr], 14).
Test(floors, no_two_types_share_a_name) {
    const std::regex opening{R"(^namespace ([\w:]*) ?\{)"};
    const std::regex definition{R"(^(?:class|struct|enum class) (\w+)(?: final)?(?: : .*)? \{)"};
    std::map<std::string, std::string> files;
    for (const auto* const root : {"shared", "cli"})
        for (const auto& found_file : fs::recursive_directory_iterator{root}) {
            const auto& file = found_file.path();
            if (file.extension() != ".cpp" && file.extension() != ".hpp") continue;
            std::ifstream source{file};
            std::string space = "::";
            std::smatch found;
            for (std::string line; std::getline(source, line);) {
                if (line.starts_with("}  // namespace"))
                    space = "::";
                else if (line.starts_with("namespace {"))
                    space.clear();
                else if (std::regex_search(line, found, opening))
                    space = found[1].str() + "::";
                else if (!space.empty() && std::regex_search(line, found, definition)) {
                    const auto name = space + found[1].str();
                    const auto [first, is_new] = files.try_emplace(name, file.string());
                    cr_expect(is_new, "%s is in %s and in %s", name.c_str(), first->second.c_str(),
                              file.c_str());
                }
            }
        }
    cr_expect(files.size() > 100);
}
