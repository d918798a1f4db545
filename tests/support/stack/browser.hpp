// A headless Chromium, driven by chromedriver over WebDriver (https://www.w3.org/TR/webdriver2/).
// All that it writes lies in TEST_DIR.
#pragma once

#include <memory>
#include <string>
#include <vector>

class Client;
class Background;

class Browser {
public:
    // Starts one. Fails the test when there is none within 20 s.
    Browser();
    // Ends it. With a test that ends early chromedriver ends as well, and with that the browser.
    ~Browser();
    Browser(const Browser&) = delete;
    Browser& operator=(const Browser&) = delete;

    void open(const std::string& url);

    // Each of these waits for an element that the CSS selector finds and that can be acted on, and
    // fails the test when there is none within 20 s.
    void click(const std::string& selector);
    void type(const std::string& selector, const std::string& text);
    std::string text(const std::string& selector);

    // What a script returns, as JSON.
    std::string run(const std::string& script);

    // Returns when an expression is true of the page; fails the test when it is not within 20 s.
    void wait_for(const std::string& expression);

    // What the browser has complained about since the last call, one line each: errors of scripts,
    // what failed to load, what the Content-Security-Policy forbids.
    std::vector<std::string> complaints();

    // The URL of each request that it has sent since the last call.
    std::vector<std::string> requests();

private:
    std::string send(const std::string& method, const std::string& path, const std::string& body);
    std::string element(const std::string& selector);
    // Acts on an element until that succeeds; what came back.
    std::string act(const std::string& selector, const std::string& method, const std::string& what,
                    const std::string& body);
    std::string log(const std::string& type);

    std::unique_ptr<Background> driver_;
    std::unique_ptr<Client> client_;
    std::string session_;
    long status_ = 0;  // of the last answer
};
