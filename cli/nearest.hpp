// Finds what somebody who mistyped a word may have meant.
#pragma once

#include <span>
#include <string>
#include <string_view>

// ": did you mean \"run\"?" for the word with the fewest letters to insert, delete, replace or
// swap, if that is at most a third of them. Otherwise empty.
std::string suggestion(std::string_view word, std::span<const std::string_view> words);
