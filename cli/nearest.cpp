#include "cli/nearest.hpp"

#include <algorithm>
#include <cstddef>
#include <vector>

namespace {

// The optimal string alignment distance.
std::size_t distance(std::string_view a, std::string_view b) {
    std::vector<std::vector<std::size_t>> table(a.size() + 1,
                                                std::vector<std::size_t>(b.size() + 1));
    for (std::size_t i = 0; i <= a.size(); ++i)
        for (std::size_t j = 0; j <= b.size(); ++j) {
            auto& cell = table[i][j];
            cell = i == 0 ? j : i;
            if (i == 0 || j == 0) {
                cell = i + j;
                continue;
            }
            cell = std::min({table[i - 1][j] + 1, table[i][j - 1] + 1,
                             table[i - 1][j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1)});
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                cell = std::min(cell, table[i - 2][j - 2] + 1);
        }
    return table[a.size()][b.size()];
}

}  // namespace

std::string suggestion(std::string_view word, std::span<const std::string_view> words) {
    std::string_view best;
    std::size_t least = 0;
    for (const auto candidate : words)
        if (const auto steps = distance(word, candidate); best.empty() || steps < least) {
            best = candidate;
            least = steps;
        }
    if (best.empty() || 3 * least > std::max(word.size(), best.size())) return {};
    return ": did you mean \"" + std::string{best} + "\"?";
}
