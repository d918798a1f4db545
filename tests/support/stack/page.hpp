// What docs/deploying.md shows, for tests that use its very text.
#pragma once

#include <string>

// The only block of the page in this language.
std::string block(const std::string& language);

// The text with another value in the place of a word, which must occur.
std::string with(std::string text, const std::string& word, const std::string& value);
