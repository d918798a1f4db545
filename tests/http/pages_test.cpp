// The pages for users, README.md and docs/*.md: their commands print what the pages show, and their
// links resolve.
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <regex>
#include <sstream>

#include "tests/support/stack/stack.hpp"

namespace {

namespace fs = std::filesystem;

// A command at a `$ ` prompt with its continuation lines at `> `, and the output shown below it.
struct Example {
    std::string command;
    std::string output;
};

std::vector<std::string> lines_of(const std::string& text) {
    std::vector<std::string> lines;
    std::istringstream in{text};
    for (std::string line; std::getline(in, line);) lines.push_back(line);
    return lines;
}

// Returns the examples in the fenced blocks of a page, in order. A prompt anywhere else fails the
// test.
std::vector<Example> examples_of(const std::string& page) {
    std::vector<Example> examples;
    bool in_fence = false;
    std::size_t indent = 0;
    std::size_t line_in_fence = 0;
    bool has_prompt = false;
    for (const auto& line : lines_of(read_text(page))) {
        const auto text = line.substr(std::min(line.size(), in_fence ? indent : 0));
        const auto begin = line.find_first_not_of(' ');
        if (begin != line.npos && line.compare(begin, 3, "```") == 0) {
            in_fence = !in_fence;
            indent = begin;
            line_in_fence = 0;
            has_prompt = false;
        } else if (begin != line.npos && line.compare(begin, 2, "$ ") == 0) {
            cr_assert(in_fence && begin == indent && has_prompt == (line_in_fence > 0),
                      "%s: a prompt outside a fenced block, or below other text: %s", page.c_str(),
                      line.c_str());
            has_prompt = true;
            ++line_in_fence;
            examples.push_back({text.substr(2), ""});
        } else if (in_fence) {
            ++line_in_fence;
            if (has_prompt && text.starts_with("> ") && examples.back().output.empty())
                examples.back().command += "\n" + text.substr(2);
            else if (has_prompt)
                examples.back().output += text + "\n";
        }
    }
    cr_assert(!in_fence, "%s: a block has no end", page.c_str());
    return examples;
}

// Replaces everything that differs from run to run.
std::string normalised(std::string text) {
    static const std::pair<std::regex, const char*> kinds[] = {
        {std::regex{R"re("next_cursor":"[0-9a-f]+")re"}, R"("next_cursor":"CURSOR")"},
        {std::regex{R"re(\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z)re"}, "TIMESTAMP"},
        {std::regex{R"re(\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b)re"}, "UUID"},
        {std::regex{R"re(\b(\d+-\d+)-[0-9a-f]{8}\b)re"}, "$1-EPOCH"},
        {std::regex{R"re(\b[0-9a-f]{64}\b)re"}, "ETAG"},
        {std::regex{R"re(\b[0-9a-f]{32}\b)re"}, "REQUEST-ID"},
        {std::regex{R"re(\beyJ[\w-]+\.[\w-]+\.[\w-]+)re"}, "TOKEN"},
        {std::regex{R"re(\bin \d+\.\d s\n)re"}, "in SECONDS\n"},
        {std::regex{R"re(127\.0\.0\.1:\d+)re"}, "127.0.0.1:PORT"},
    };
    for (const auto& [pattern, name] : kinds) text = std::regex_replace(text, pattern, name);
    text.erase(text.find_last_not_of('\n') + 1);
    return text;
}

// Returns the settings on the line `NAME=value … make run` of README.md, as the shell passes them
// to make.
Variables settings_of_the_readme(const fs::path& folder) {
    std::smatch found;
    const auto text = read_text("README.md");
    cr_assert(std::regex_search(text, found, std::regex{R"re(\n +([A-Z_]+=.* make run)\n)re"}),
              "README.md shows no `make run` with settings");
    fs::create_directory(folder / "bin");
    std::ofstream{folder / "bin/make"} << "#!/bin/sh\n/usr/bin/env\n";
    fs::permissions(folder / "bin/make", fs::perms::owner_all);
    Variables settings;
    const auto printed =
        run_command({"/bin/sh", "-c", found[1]}, {{"PATH", folder / "bin"}}).output;
    for (const auto& line : lines_of(printed)) {
        const auto equals = line.find('=');
        const auto name = line.substr(0, equals);
        if (name != "PATH" && name != "PWD") settings[name] = line.substr(equals + 1);
    }
    return settings;
}

// A clone of the repository with a service that was started as README.md says, on a new database.
class Clone {
public:
    Clone() {
        static int count = 0;
        folder_ = test_variable("TEST_DIR") + "/clone_" + std::to_string(getpid()) + "_" +
                  std::to_string(++count);
        fs::create_directory(folder_);
        for (const auto& entry : fs::directory_iterator{"."}) {
            const auto name = entry.path().filename();
            if (name != "build" && name != "run" && name != ".env" && name != ".git")
                fs::create_symlink(fs::absolute(entry.path()), folder_ / name);
        }
        fs::create_symlink(test_variable("TEST_BUILD"), folder_ / "build");
        auto settings = settings_of_the_readme(folder_);
        settings["RUN_DIR"] = folder_ / "run";
        for (const char* name : {"JWT_SECRET", "LOGIN_RATE_LIMIT", "RATE_LIMIT"})
            settings[name] = "";
        stack_ = std::make_unique<Stack>("sqlite:///./steelthread.db", settings);
    }

    // Runs the commands in one shell and returns their outputs. There are fewer if the shell ends
    // early.
    std::vector<std::string> outputs_of(const std::vector<Example>& examples) const {
        const auto port = std::to_string(stack_->port());
        std::string script = "cd " + folder_.string() + " && exec 2>&1\n";
        for (const auto& example : examples)
            script += std::regex_replace(example.command, std::regex{R"(127\.0\.0\.1:8000\b)"},
                                         "127.0.0.1:" + port) +
                      "\nprintf '\\036'\n";
        auto variables = base_variables();
        variables["PORT"] = port;
        const auto printed = run_command({"/bin/sh", "-c", script}, variables).output;
        std::vector<std::string> outputs;
        for (std::size_t begin = 0, end; (end = printed.find('\036', begin)) != printed.npos;
             begin = end + 1)
            outputs.push_back(printed.substr(begin, end - begin));
        return outputs;
    }

private:
    fs::path folder_;
    std::unique_ptr<Stack> stack_;
};

std::vector<std::string> pages_in(const std::string& folder) {
    std::vector<std::string> pages;
    for (const auto& entry : fs::directory_iterator{folder})
        if (entry.path().extension() == ".md")
            pages.push_back(entry.path().lexically_normal().string());
    std::sort(pages.begin(), pages.end());
    return pages;
}

// Returns the anchor that GitHub gives to a heading.
std::string anchor_of(const std::string& heading) {
    std::string anchor;
    for (const char c : heading) {
        if (c == ' ') anchor += '-';
        if (std::isalnum(static_cast<unsigned char>(c)) || c == '-' || c == '_' || c < 0)
            anchor += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    }
    return anchor;
}

bool has_heading(const std::string& page, const std::string& anchor) {
    for (const auto& line : lines_of(read_text(page)))
        if (line.starts_with("#") && anchor_of(line.substr(line.find(' ') + 1)) == anchor)
            return true;
    return false;
}

}  // namespace

Test(pages, show_what_their_commands_print) {
    auto pages = pages_in("docs");
    pages.insert(pages.begin(), "README.md");
    int count = 0;
    for (const auto& page : pages) {
        const auto examples = examples_of(page);
        if (examples.empty()) continue;
        const Clone clone;
        const auto outputs = clone.outputs_of(examples);
        cr_expect_eq(outputs.size(), examples.size(), "%s: the shell ended after command %zu",
                     page.c_str(), outputs.size());
        for (std::size_t i = 0; i < outputs.size(); ++i) {
            ++count;
            const auto shown = normalised(examples[i].output);
            const auto printed = normalised(outputs[i]);
            cr_expect(shown == printed, "%s: $ %s\nshown:\n%s\nprinted:\n%s", page.c_str(),
                      examples[i].command.c_str(), shown.c_str(), outputs[i].c_str());
        }
    }
    cr_expect_gt(count, 0);
}

Test(pages, have_links_that_resolve) {
    static const std::regex link{R"re(\]\(([^)#\s]*)(#[^)\s]*)?\))re"};
    for (const char* folder : {".", "docs", "docs/adr", "bench"})
        for (const auto& page : pages_in(folder)) {
            const auto text = read_text(page);
            for (std::sregex_iterator found{text.begin(), text.end(), link}, end; found != end;
                 ++found) {
                const auto target = (*found)[1].str();
                const auto anchor = (*found)[2].str();
                if (target.starts_with("https://")) continue;
                const auto file =
                    target.empty() ? page : (fs::path{page}.parent_path() / target).string();
                cr_expect(fs::exists(file), "%s: %s", page.c_str(), target.c_str());
                if (!anchor.empty() && fs::exists(file))
                    cr_expect(has_heading(file, anchor.substr(1)), "%s: %s%s", page.c_str(),
                              target.c_str(), anchor.c_str());
            }
        }
}
