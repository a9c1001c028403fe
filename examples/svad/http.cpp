// SPDX-License-Identifier: Apache-2.0
// POSTs by libcurl. Handles are kept and used again, one per request at a time, so that connections stay open.
#include "http.hpp"

#include "chat_api.hpp"

#include <chrono>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#if SVAD_CURL
#include <curl/curl.h>
#endif

namespace tool {

using namespace svad;

#if SVAD_CURL

namespace {

struct FreeHandle {
    void operator()(CURL* handle) const { curl_easy_cleanup(handle); }
    void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};
using Handle = std::unique_ptr<CURL, FreeHandle>;
using Headers = std::unique_ptr<curl_slist, FreeHandle>;

/// What libcurl's callbacks fill.
struct Receiving {
    HttpAnswer answer;
    std::size_t most_bytes = 0;
    bool too_large = false;
};

std::size_t take_body(char* bytes, std::size_t one, std::size_t count, void* target) {
    auto& r = *static_cast<Receiving*>(target);
    r.too_large = one * count > r.most_bytes - r.answer.body.size();
    if (r.too_large) return 0;   // ends the transfer
    r.answer.body.append(bytes, one * count);
    return one * count;
}

std::size_t take_header(char* bytes, std::size_t one, std::size_t count, void* target) {
    constexpr std::string_view name = "retry-after:";
    const std::string_view line(bytes, one * count);
    bool same = line.size() > name.size();
    for (std::size_t i = 0; same && i < name.size(); ++i) same = (line[i] | 32) == (name[i] | 32);
    if (same) {
        const std::size_t first = line.find_first_not_of(" \t", name.size()), last = line.find_last_not_of(" \t\r\n");
        if (first != std::string_view::npos && first <= last && last - first < 32)
            static_cast<Receiving*>(target)->answer.retry_after = line.substr(first, last + 1 - first);
    }
    return one * count;
}

class ChatServer {
public:
    explicit ChatServer(const HttpOptions& o) : options_(o), url_(checked_endpoint(o.endpoint) + "/chat/completions") {
        static const CURLcode ready = curl_global_init(CURL_GLOBAL_DEFAULT);
        if (ready != CURLE_OK) fail("libcurl cannot be initialised: ", curl_easy_strerror(ready));
        add_header("Content-Type: application/json");
        add_header("Accept: application/json");
        add_header("Expect:");   // no extra round trip before the body
        for (const char c : o.key)
            if (c <= ' ' || c == 127) fail<UsageError>("SVAD_API_KEY holds a blank or a control character; it must be the bare key");
        if (!o.key.empty()) add_header("Authorization: Bearer " + o.key);
    }

    text::Reply operator()(const text::Request& request) {
        {
            const std::lock_guard lock{mutex_};
            if (!closed_.empty()) fail<text::ModelError>("not asked, since ", closed_);
        }
        const std::string body = chat_body(request);
        const std::uint64_t stream = stable_hash(body) + static_cast<std::uint64_t>(request.attempt);
        bool refused = false;
        try {
            text::Reply reply = with_retries(options_.retry, stream, [&] { return once(body, refused); }, [](double seconds) {
                std::this_thread::sleep_for(std::chrono::duration<double>(seconds));
            });
            const std::lock_guard lock{mutex_};
            failed_in_a_row_ = 0;
            return reply;
        } catch (const text::ModelError& e) {
            const std::lock_guard lock{mutex_};
            ++failed_in_a_row_;
            if (refused) closed_ = join("an earlier request was refused: ", e.what());
            else if (failed_in_a_row_ >= options_.give_up_after)
                closed_ = join(failed_in_a_row_, " requests in a row had no reply: ", e.what());
            throw;
        }
    }

private:
    void add_header(const std::string& line) {
        curl_slist* longer = curl_slist_append(headers_.get(), line.c_str());
        if (!longer) fail("libcurl is out of memory");
        (void)headers_.release();
        headers_.reset(longer);
    }

    /// One try. `refused`: the key, the right or the address is wrong, as it will be for every request.
    Outcome once(const std::string& body, bool& refused) {
        const HttpAnswer answer = post(body);
        refused = answer.status == 401 || answer.status == 403 || answer.status == 404;
        return outcome_of(answer, options_.key);
    }

    HttpAnswer post(const std::string& body) {
        Handle handle = take();
        Receiving receiving{{}, options_.most_bytes, false};
        prepare(handle.get(), body, receiving);
        const CURLcode code = curl_easy_perform(handle.get());
        if (code == CURLE_OK) curl_easy_getinfo(handle.get(), CURLINFO_RESPONSE_CODE, &receiving.answer.status);
        HttpAnswer answer = std::move(receiving.answer);
        if (receiving.too_large) answer.failure = join("it is longer than ", options_.most_bytes, " bytes"), answer.hopeless = true;
        else if (code != CURLE_OK) answer.failure = curl_easy_strerror(code), answer.hopeless = is_hopeless(code);
        const std::lock_guard lock{mutex_};
        idle_.push_back(std::move(handle));
        return answer;
    }

    static bool is_hopeless(CURLcode code) {
        return code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_SSL_CACERT_BADFILE || code == CURLE_URL_MALFORMAT ||
               code == CURLE_UNSUPPORTED_PROTOCOL || code == CURLE_OUT_OF_MEMORY;
    }

    void prepare(CURL* h, const std::string& body, Receiving& receiving) const {
        curl_easy_reset(h);   // keeps its connections
        curl_easy_setopt(h, CURLOPT_URL, url_.c_str());
#if LIBCURL_VERSION_NUM >= 0x075500
        curl_easy_setopt(h, CURLOPT_PROTOCOLS_STR, "http,https");
#else
        curl_easy_setopt(h, CURLOPT_PROTOCOLS, CURLPROTO_HTTP | CURLPROTO_HTTPS);
#endif
        curl_easy_setopt(h, CURLOPT_FOLLOWLOCATION, 0L);
        curl_easy_setopt(h, CURLOPT_SSL_VERIFYPEER, 1L);
        curl_easy_setopt(h, CURLOPT_SSL_VERIFYHOST, 2L);
        curl_easy_setopt(h, CURLOPT_NOSIGNAL, 1L);
        curl_easy_setopt(h, CURLOPT_CONNECTTIMEOUT_MS, milliseconds(options_.connect_timeout));
        curl_easy_setopt(h, CURLOPT_TIMEOUT_MS, milliseconds(options_.timeout));
        curl_easy_setopt(h, CURLOPT_HTTPHEADER, headers_.get());
        curl_easy_setopt(h, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(body.size()));
        curl_easy_setopt(h, CURLOPT_POSTFIELDS, body.c_str());
        curl_easy_setopt(h, CURLOPT_WRITEFUNCTION, take_body);
        curl_easy_setopt(h, CURLOPT_WRITEDATA, &receiving);
        curl_easy_setopt(h, CURLOPT_HEADERFUNCTION, take_header);
        curl_easy_setopt(h, CURLOPT_HEADERDATA, &receiving);
    }

    static long milliseconds(double seconds) { return std::max(1L, static_cast<long>(seconds * 1000)); }

    Handle take() {
        {
            const std::lock_guard lock{mutex_};
            if (!idle_.empty()) {
                Handle handle = std::move(idle_.back());
                idle_.pop_back();
                return handle;
            }
        }
        Handle handle{curl_easy_init()};
        if (!handle) fail("libcurl is out of memory");
        return handle;
    }

    HttpOptions options_;
    std::string url_, closed_;   // closed_: why nothing is sent any more
    Headers headers_;
    std::vector<Handle> idle_;
    int failed_in_a_row_ = 0;
    std::mutex mutex_;
};

}  // namespace

text::LanguageModel http_model(const HttpOptions& options) {
    const auto server = std::make_shared<ChatServer>(options);
    return [server](const text::Request& request) { return (*server)(request); };
}

#else

text::LanguageModel http_model(const HttpOptions&) {
    fail<UsageError>("this svad was built without libcurl and cannot ask an --endpoint; install libcurl4-openssl-dev and "
                     "build again, or use --local");
}

#endif

}  // namespace tool
