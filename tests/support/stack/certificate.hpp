// A certificate for localhost that signs itself, with its key, in a folder of its own.
#pragma once

#include <string>

class Certificate {
public:
    // `name` is its common name.
    explicit Certificate(const std::string& name);

    const std::string& file() const { return file_; }
    const std::string& key() const { return key_; }

private:
    std::string file_;
    std::string key_;
};
