#include "shared/db/migrations.hpp"

#include <regex>
#include <sstream>

#include "shared/digest.hpp"
#include "shared/number.hpp"
#include "shared/text.hpp"

std::vector<FunctionFile> functions_at(std::string_view engine, std::string_view migration,
                                       std::span<const FunctionFile> files) {
    const auto number_of = [](std::string_view name) { return name.substr(0, name.find('_')); };
    const auto subject_of = [](std::string_view name) { return name.substr(name.find('_')); };
    std::vector<FunctionFile> found;
    for (const auto& file : files) {
        if (file.engine != engine || number_of(file.name) > number_of(migration)) continue;
        const auto same = std::find_if(found.begin(), found.end(), [&](const FunctionFile& other) {
            return subject_of(other.name) == subject_of(file.name);
        });
        if (same == found.end())
            found.push_back(file);
        else
            *same = file;
    }
    std::stable_partition(found.begin(), found.end(), [&](const FunctionFile& file) {
        return subject_of(file.name) != "_events";
    });
    return found;
}

std::vector<std::string> dropped_by(const std::string& script) {
    static const std::regex statement{
        R"(DROP TABLE (\w+);|ALTER TABLE (\w+) DROP COLUMN (\w+);|DELETE FROM (?!sqlite_)(\w+) WHERE )"};
    std::vector<std::string> dropped;
    for (std::sregex_iterator found{script.begin(), script.end(), statement}, end; found != end;
         ++found) {
        const auto table = (*found)[1].str();
        // SQLite changes a table by copying it under another name.
        if (!table.empty() && script.find(" RENAME TO " + table + ";") != script.npos) continue;
        const auto part_of = (*found)[4].str();
        if (!part_of.empty())
            dropped.push_back("rows of " + part_of);
        else
            dropped.push_back(table.empty() ? (*found)[2].str() + "." + (*found)[3].str() : table);
    }
    return dropped;
}

bool is_concurrent(std::string_view script) { return script.starts_with("-- concurrently\n"); }

std::string oldest_release(const std::string& script) {
    static const std::regex line{"^(?:-- concurrently\\n)?-- works with (\\d+\\.\\d+\\.\\d+)\\n"};
    std::smatch found;
    return std::regex_search(script, found, line) ? found[1].str() : "";
}

bool is_older_release(std::string_view release, std::string_view other) {
    const auto numbers = [](std::string_view text) {
        std::vector<int> found;
        for (const auto part : split(text, '.'))
            found.push_back(parse_number<int>(part).value_or(0));
        return found;
    };
    return numbers(release) < numbers(other);
}

std::vector<std::string> statements_of(const std::string& script) {
    std::vector<std::string> statements(1);
    std::istringstream lines{script};
    for (std::string line; std::getline(lines, line);) {
        if (trimmed(line).empty() || trimmed(line).starts_with("--")) continue;
        statements.back() += line + '\n';
        if (line.ends_with(';')) statements.emplace_back();
    }
    if (statements.back().empty()) statements.pop_back();
    return statements;
}

std::string within_transaction(std::string script) {
    constexpr std::string_view word = " CONCURRENTLY";
    for (auto at = script.find(word); at != script.npos; at = script.find(word, at))
        script.erase(at, word.size());
    return script;
}

std::string functions_digest(std::span<const FunctionFile> functions) {
    std::string texts;
    for (const auto& file : functions) texts += file.sql;
    return hex(bytes_of(sha256(texts)));
}
