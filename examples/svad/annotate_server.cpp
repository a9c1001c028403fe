// SPDX-License-Identifier: Apache-2.0
// Routes of the annotation page, the guard before them, and videos in byte ranges.
#include "annotate_server.hpp"

#include "svad/core/error.hpp"

#include <charconv>
#include <csignal>
#include <optional>
#include <thread>

#if SVAD_HTTPLIB
#include <httplib.h>
#endif

namespace tool {

using namespace svad;

std::string secret() {
    const io::detail::Descriptor random{"/dev/urandom", O_RDONLY};
    unsigned char bytes[16];
    for (std::size_t used = 0; used < sizeof bytes;) {
        const ssize_t n = ::read(random.get(), bytes + used, sizeof bytes - used);
        if (n <= 0 && errno != EINTR) io::detail::fail_errno("/dev/urandom", "cannot be read");
        if (n > 0) used += static_cast<std::size_t>(n);
    }
    std::string out;
    for (const unsigned char b : bytes) {
        out += "0123456789abcdef"[b >> 4];
        out += "0123456789abcdef"[b & 15];
    }
    return out;
}

#if SVAD_HTTPLIB

namespace {

/// With its character set the type is none that the library compresses, which takes seconds for 10,000 clips.
constexpr char json_type[] = "application/json; charset=utf-8";

/// Equal, in a time that does not tell where they differ.
bool same_secret(std::string_view a, std::string_view b) {
    unsigned char differs = a.size() != b.size();
    for (std::size_t i = 0; i < a.size() && i < b.size(); ++i) differs |= static_cast<unsigned char>(a[i] ^ b[i]);
    return differs == 0;
}

/// Whether a Host header names this machine. The port may be another: people forward ports.
bool is_loopback(std::string_view host) {
    for (const std::string_view name : {"127.0.0.1", "localhost", "[::1]"})
        if (host.starts_with(name) && (host.size() == name.size() || host[name.size()] == ':')) return true;
    return false;
}

std::optional<std::uint64_t> number_in(std::string_view text) {
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || text.empty() || end != text.data() + text.size()) return std::nullopt;
    return value;
}

/// First and last byte that a Range header asks for.
struct Bytes {
    std::uint64_t first = 0, last = 0;
};

/// Nothing: not one range that can be given of a file of `size` bytes.
std::optional<Bytes> one_range(std::string_view header, std::uint64_t size) {
    if (!header.starts_with("bytes=") || size == 0) return std::nullopt;
    header.remove_prefix(6);
    const std::size_t dash = header.find('-');
    if (dash == std::string_view::npos) return std::nullopt;
    const std::string_view from = header.substr(0, dash), to = header.substr(dash + 1);
    if (from.empty()) {   // the last bytes
        const auto count = number_in(to);
        if (!count || *count == 0) return std::nullopt;
        return Bytes{size - std::min(size, *count), size - 1};
    }
    const auto first = number_in(from), last = to.empty() ? std::optional(size - 1) : number_in(to);
    if (!first || !last || *first > *last || *first >= size) return std::nullopt;
    return Bytes{*first, std::min(*last, size - 1)};
}

/// An opened video that is sent piece by piece.
struct MediaFile {
    explicit MediaFile(const std::string& path) : fd{path, O_RDONLY | O_NONBLOCK} {
        struct stat s {};
        if (::fstat(fd.get(), &s) != 0 || !S_ISREG(s.st_mode)) fail<io::FileError>(path, ": is no regular file");
        size = static_cast<std::uint64_t>(s.st_size);
    }

    io::detail::Descriptor fd;
    std::uint64_t size = 0;
};

/// The answer's length and range are ours: the library's own treatment of ranges does not check them against the file.
void send_media(const AnnotatedClip& clip, const httplib::Request& request, httplib::Response& response) {
    const std::string type = media_type(clip.path);
    if (type.empty()) {
        response.status = 404;
        return;
    }
    const auto file = std::make_shared<MediaFile>(clip.path);
    Bytes bytes{0, file->size - 1};
    std::uint64_t count = file->size;
    response.status = 200;
    response.set_header("Accept-Ranges", "bytes");
    if (request.has_header("Range")) {
        const auto range = one_range(request.get_header_value("Range"), file->size);
        if (!range) {
            response.status = 416;
            response.set_header("Content-Range", join("bytes */", file->size));
            return;
        }
        bytes = *range;
        count = bytes.last - bytes.first + 1;
        response.status = 206;
        response.set_header("Content-Range", join("bytes ", bytes.first, "-", bytes.last, "/", file->size));
    }
    response.set_header("Content-Length", std::to_string(count));
    response.set_content_provider(type, [file, first = bytes.first, count](std::size_t sent, httplib::DataSink& sink) {
        char buffer[1 << 16];
        const std::size_t most = std::min<std::uint64_t>(sizeof buffer, count - sent);
        const ssize_t n = most == 0 ? 0 : ::pread(file->fd.get(), buffer, most, static_cast<off_t>(first + sent));
        if (n < 0 || (n == 0 && most > 0)) return false;   // the file shrank: hang up rather than send less than promised
        if (n > 0 && !sink.write(buffer, static_cast<std::size_t>(n))) return false;
        if (sent + static_cast<std::size_t>(n) == count) sink.done();
        return true;
    });
}

class AnnotationServer {
public:
    AnnotationServer(AnnotationDesk& desk, FilmStrips& strips, const ServeOptions& options)
        : desk_(desk), strips_(strips), options_(options), prefix_("/" + secret() + "/") {
        limit();
        guard();
        route();
    }

    void run() {
        const int port = options_.port == 0 ? server_.bind_to_any_port("127.0.0.1")
                                            : server_.bind_to_port("127.0.0.1", options_.port) ? options_.port : -1;
        if (port < 0) fail<UsageError>("annotate: port ", options_.port, " cannot be taken; choose another with --port");
        sigset_t stops;
        sigemptyset(&stops);
        sigaddset(&stops, SIGINT);
        sigaddset(&stops, SIGTERM);
        pthread_sigmask(SIG_BLOCK, &stops, nullptr);
        std::thread waiting([&] {
            int which = 0;
            sigwait(&stops, &which);
            server_.stop();
        });
        options_.ready(join("http://127.0.0.1:", port, prefix_));
        const bool good = server_.listen_after_bind();
        pthread_kill(waiting.native_handle(), SIGTERM);   // no more than a nudge where it is through already
        waiting.join();
        if (!good) fail<Error>("annotate: the server stopped by itself");
    }

private:
    void limit() {
        server_.new_task_queue = [] { return new httplib::ThreadPool(48); };
        server_.set_payload_max_length(1 << 20);
        server_.set_read_timeout(10);
        server_.set_write_timeout(30);
        server_.set_keep_alive_timeout(5);
        server_.set_keep_alive_max_count(1000);
        server_.set_tcp_nodelay(true);
        const std::string own = "'nonce-" + options_.nonce + "'";
        server_.set_default_headers({{"X-Content-Type-Options", "nosniff"}, {"Referrer-Policy", "no-referrer"},
            {"Cross-Origin-Resource-Policy", "same-origin"}, {"Cross-Origin-Opener-Policy", "same-origin"}, {"X-Frame-Options", "DENY"},
            {"Cache-Control", "no-store"},
            {"Content-Security-Policy", "default-src 'none'; script-src " + own + "; style-src " + own + "; img-src 'self' data: blob:; "
             "media-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"}});
    }

    /// Why a request is refused; empty: it is not.
    [[nodiscard]] std::string refusal(const httplib::Request& r) const {
        const std::string host = r.get_header_value("Host");
        if (r.get_header_value_count("Host") != 1 || !is_loopback(host)) return "this server answers to 127.0.0.1 and localhost only";
        if (r.has_header("Origin") && r.get_header_value("Origin") != "http://" + host) return "requests of other sites are refused";
        const std::string site = r.get_header_value("Sec-Fetch-Site");
        if (!site.empty() && site != "same-origin" && site != "none") return "requests of other sites are refused";
        if (!same_secret(std::string_view(r.path).substr(0, prefix_.size()), prefix_)) return "the secret in the address is wrong; use the address that svad printed";
        return {};
    }

    /// Whether the body, if there is one, can be read within the limits: those do not hold for chunks and compressed
    /// bodies. JSON also is what no form of another site can send.
    [[nodiscard]] static bool is_plain(const httplib::Request& r) {
        if (r.has_header("Transfer-Encoding") || r.has_header("Content-Encoding")) return false;
        return r.method != "POST" || r.get_header_value("Content-Type").starts_with("application/json");
    }

    void guard() {
        server_.set_pre_routing_handler([this](const httplib::Request& request, httplib::Response& response) {
            const std::string why = refusal(request);
            if (why.empty() && is_plain(request)) return httplib::Server::HandlerResponse::Unhandled;
            response.status = why.empty() ? 415 : 403;
            response.set_content((why.empty() ? "a save is plain JSON of a known length" : why) + "\n", "text/plain; charset=utf-8");
            return httplib::Server::HandlerResponse::Handled;
        });
        server_.set_exception_handler([](const httplib::Request&, httplib::Response& response, std::exception_ptr error) {
            response.status = 500;
            std::string why = "the server failed";
            try {
                std::rethrow_exception(error);
            } catch (const std::exception& e) {
                why = e.what();
            } catch (...) {   // nothing more is known of it
            }
            response.set_content(io::dump(io::object({{"error", why}})), json_type);
        });
    }

    template <class Use>
    void with_clip(const httplib::Request& request, httplib::Response& response, Use use) const {
        const auto number = number_in(request.matches[1].str());
        if (!number || *number >= desk_.clips().size()) response.status = 404;
        else use(desk_.clips()[static_cast<std::size_t>(*number)]);
    }

    void route() {
        using Request = httplib::Request;
        using Response = httplib::Response;
        server_.Get(prefix_, [this](const Request&, Response& response) { response.set_content(options_.page, "text/html; charset=utf-8"); });
        server_.Get(prefix_ + "clips", [this](const Request&, Response& response) { response.set_content(desk_.all(), json_type); });
        server_.Get(prefix_ + "changes/(\\d{1,19})", [this](const Request& request, Response& response) {
            response.set_content(desk_.changes(number_in(request.matches[1].str()).value_or(0)), json_type);
        });
        server_.Get(prefix_ + "strip/(\\d{1,9})", [this](const Request& request, Response& response) {
            with_clip(request, response, [&](const AnnotatedClip& clip) {
                response.set_content(strips_.get(clip), "image/jpeg");
                response.set_header("Cache-Control", "private, max-age=3600");
            });
        });
        server_.Get(prefix_ + "media/(\\d{1,9})", [this](const Request& request, Response& response) {
            with_clip(request, response, [&](const AnnotatedClip& clip) { send_media(clip, request, response); });
        });
        server_.Post(prefix_ + "save", [this](const Request& request, Response& response) {
            DeskAnswer answer = desk_.save(request.body);
            response.status = answer.status;
            response.set_content(answer.body, json_type);
        });
    }

    AnnotationDesk& desk_;
    FilmStrips& strips_;
    const ServeOptions& options_;
    std::string prefix_;
    httplib::Server server_;
};

}  // namespace

void serve_annotations(AnnotationDesk& desk, FilmStrips& strips, const ServeOptions& options) {
    AnnotationServer(desk, strips, options).run();
}

#else

void serve_annotations(AnnotationDesk&, FilmStrips&, const ServeOptions&) {
    fail<UsageError>("annotate: this svad was built without cpp-httplib and cannot serve pages; install it "
                     "(libcpp-httplib-dev) and build again, or write the page to a file with --write");
}

#endif

}  // namespace tool
