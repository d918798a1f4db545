#include "shared/auth/fetch.hpp"

#include <curl/curl.h>
#include <dlfcn.h>

#include <memory>
#include <stdexcept>
#include <string_view>

namespace {

// If libcurl and its dependencies were linked, every process would start 1.5 ms later and need 0.6
// MB more (measured on healthz), although most never fetch anything. The library stays loaded
// because libraries of this kind do not support unloading well.
class Curl {
public:
    Curl() : library_{dlopen("libcurl.so.4", RTLD_NOW | RTLD_LOCAL)} {
        if (!library_) throw std::runtime_error("libcurl.so.4 is not installed");
        find(global_init, "curl_global_init");
        find(easy_init, "curl_easy_init");
        find(easy_setopt, "curl_easy_setopt");
        find(easy_perform, "curl_easy_perform");
        find(easy_getinfo, "curl_easy_getinfo");
        find(easy_strerror, "curl_easy_strerror");
        find(easy_cleanup, "curl_easy_cleanup");
        if (global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
            throw std::runtime_error("libcurl cannot be initialised");
    }

    decltype(&curl_global_init) global_init = nullptr;
    decltype(&curl_easy_init) easy_init = nullptr;
    decltype(&curl_easy_setopt) easy_setopt = nullptr;
    decltype(&curl_easy_perform) easy_perform = nullptr;
    decltype(&curl_easy_getinfo) easy_getinfo = nullptr;
    decltype(&curl_easy_strerror) easy_strerror = nullptr;
    decltype(&curl_easy_cleanup) easy_cleanup = nullptr;

private:
    template <class Function>
    void find(Function& function, const char* name) {
        function = reinterpret_cast<Function>(dlsym(library_, name));
        if (!function) throw std::runtime_error("libcurl has an unsupported version");
    }

    void* library_;
};

// Tries again, and throws again, until the library could be loaded.
const Curl& curl() {
    static const Curl loaded;
    return loaded;
}

// A return value other than the size ends the transfer.
std::size_t append(const char* bytes, std::size_t, std::size_t size, void* target) {
    auto& body = *static_cast<std::string*>(target);
    if (body.size() + size > max_fetched_bytes) return 0;
    body.append(bytes, size);
    return size;
}

}  // namespace

std::string fetch(const std::string& url) {
    const auto& library = curl();
    const std::unique_ptr<CURL, decltype(&curl_easy_cleanup)> transfer{library.easy_init(),
                                                                       library.easy_cleanup};
    if (!transfer) throw std::runtime_error("libcurl cannot start");
    std::string body;
    CURLcode code = CURLE_OK;
    const auto set = [&](CURLoption option, auto value) {
        if (code == CURLE_OK) code = library.easy_setopt(transfer.get(), option, value);
    };
    set(CURLOPT_URL, url.c_str());
    set(CURLOPT_PROTOCOLS_STR, "http,https");
    set(CURLOPT_FOLLOWLOCATION, 0L);
    set(CURLOPT_TIMEOUT_MS, max_fetch_ms);
    set(CURLOPT_NOSIGNAL, 1L);    // signals belong to the event loop
    set(CURLOPT_QUICK_EXIT, 1L);  // does not wait for a silent name server
    set(CURLOPT_MAXFILESIZE, static_cast<long>(max_fetched_bytes));
    set(CURLOPT_WRITEFUNCTION, &append);
    set(CURLOPT_WRITEDATA, static_cast<void*>(&body));
    set(CURLOPT_USERAGENT, "steelthread");
    if (code == CURLE_OK) code = library.easy_perform(transfer.get());
    if (code == CURLE_WRITE_ERROR) throw std::runtime_error("larger than 256 KiB");
    if (code != CURLE_OK) throw std::runtime_error(library.easy_strerror(code));
    long status = 0;
    library.easy_getinfo(transfer.get(), CURLINFO_RESPONSE_CODE, &status);
    if (status != 200) throw std::runtime_error("status " + std::to_string(status));
    return body;
}
