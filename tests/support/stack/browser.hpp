// A headless Chromium, driven by chromedriver over WebDriver (https://www.w3.org/TR/webdriver2/).
// It writes only to TEST_DIR.
#pragma once

#include <memory>
#include <string>
#include <vector>

class Client;
class Background;

class Browser {
public:
    // Starts a browser. Fails the test if it is not ready within 20 s.
    Browser();
    // Ends the browser. If the test ends early, chromedriver ends as well, and the browser with it.
    ~Browser();
    Browser(const Browser&) = delete;
    Browser& operator=(const Browser&) = delete;

    void open(const std::string& url);

    // Gives the page this many pixels, in the dark colours that a user may prefer if `is_dark`.
    void resize(int width, int height, bool is_dark = false);

    // Each of these waits for an interactable element that matches the CSS selector. Fails the test
    // if there is none within 20 s.
    void click(const std::string& selector);
    void type(const std::string& selector, const std::string& text);
    std::string text(const std::string& selector);

    // Returns the result of a script as JSON.
    std::string run(const std::string& script);

    // Waits until an expression is true in the page. Fails the test after 20 s.
    void wait_for(const std::string& expression);

    // Returns the browser's complaints since the last call, one per line: script errors, failed
    // loads, and violations of the Content-Security-Policy.
    std::vector<std::string> complaints();

    // Returns the URL of each request since the last call.
    std::vector<std::string> requests();

private:
    // Sends a command of the Chrome DevTools Protocol.
    void command(const std::string& name, const std::string& parameters);
    std::string send(const std::string& method, const std::string& path, const std::string& body);
    std::string element(const std::string& selector);
    // Repeats an action on an element until it succeeds, and returns the answer.
    std::string act(const std::string& selector, const std::string& method, const std::string& what,
                    const std::string& body);
    std::string log(const std::string& type);

    std::unique_ptr<Background> driver_;
    std::unique_ptr<Client> client_;
    std::string session_;
    long status_ = 0;  // of the last response
};
