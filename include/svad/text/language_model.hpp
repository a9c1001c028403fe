// SPDX-License-Identifier: Apache-2.0
// A language model as a function from a request to a reply, and a cache of its replies on disk.
//
// Promise: a reply that was paid for is never asked for again. Each is one line of an append-only JSONL file, keyed by a
// hash of (prompt version, model, system, user, temperature, limit, attempt), given to the kernel before it is used and
// to the disk when the cache ends: a killed process loses none, a power cut the last few. A torn last line is dropped.
// The whole request is stored and compared, so a hash collision is no wrong answer; equal requests at the same time are
// asked once.
// Rejected: a base class of back ends: a std::function takes a local model, an HTTP endpoint and a test's lambda alike.
#pragma once

#include "svad/core/random.hpp"
#include "svad/io/json.hpp"

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <utility>

namespace svad::text {

/// What a language model is asked.
struct Request {
    std::string version;       ///< name of the prompt: a new wording is a new name
    std::string model;         ///< which model, as its back end calls it
    std::string system, user;  ///< the two messages
    double temperature = 0;
    std::int64_t max_tokens = 512;
    std::int64_t attempt = 0;  ///< 0 first; a repeated question after an answer that could not be used counts up
};

/// What it said, and what that cost.
struct Reply {
    std::string text;
    std::int64_t prompt_tokens = 0, answer_tokens = 0;   ///< as the back end counts them; 0 if it does not
};

/// The back end gave no reply (after its own retries). Nothing is cached.
struct ModelError : Error { using Error::Error; };

/// Any back end: throws ModelError if it has no reply.
using LanguageModel = std::function<Reply(const Request&)>;

/// The request as it is stored.
[[nodiscard]] inline io::Json to_json(const Request& r) {
    return io::object({{"version", r.version}, {"model", r.model}, {"system", r.system}, {"user", r.user},
                       {"temperature", r.temperature}, {"max_tokens", r.max_tokens}, {"attempt", r.attempt}});
}

/// What was spent through a cache.
struct Spent {
    std::int64_t asked = 0;       ///< requests that reached the model
    std::int64_t cached = 0;      ///< requests answered from disk, or by an equal one before
    std::int64_t failed = 0;      ///< requests without a reply
    std::int64_t prompt_tokens = 0, answer_tokens = 0;   ///< of the requests that reached the model
};

/// A model behind its cache; callable like one, also from several threads.
class CachedModel {
public:
    /// Replies live in the file at `path`; an empty path keeps them in memory only. Throws FormatError for a file
    /// that is no such cache.
    CachedModel(LanguageModel model, const std::string& path) : model_{std::move(model)} {
        if (path.empty()) return;
        lock_ = std::make_unique<io::LockFile>(path);   // also creates it
        drop_torn_line(path);
        read(path);
        file_ = std::make_unique<io::AppendFile>(path);
    }

    CachedModel(const CachedModel&) = delete;
    CachedModel& operator=(const CachedModel&) = delete;
    ~CachedModel() {
        try {
            if (file_) file_->sync();
        } catch (const io::FileError&) {   // every line was written; only a power cut could tell
        }
    }

    Reply operator()(const Request& request) {
        const std::string key = io::dump(to_json(request));
        if (std::optional<Reply> known = find_or_claim(key)) return *std::move(known);
        const Claim claim{*this, key};
        Reply reply = ask(request);
        const std::lock_guard lock{mutex_};
        ++spent_.asked;
        spent_.prompt_tokens += reply.prompt_tokens, spent_.answer_tokens += reply.answer_tokens;
        keep(key, request, reply);
        return reply;
    }

    [[nodiscard]] Spent spent() const {
        const std::lock_guard lock{mutex_};
        return spent_;
    }

private:
    /// Of one thread on a key that it asks for; however that ends, who waits for the key looks again.
    struct Claim {
        CachedModel& cache;
        const std::string& key;
        Claim(CachedModel& c, const std::string& k) : cache{c}, key{k} {}
        Claim(const Claim&) = delete;
        Claim& operator=(const Claim&) = delete;
        ~Claim() {
            const std::lock_guard lock{cache.mutex_};
            cache.asking_.erase(key);
            cache.answered_.notify_all();
        }
    };

    /// The reply to `key`, waited for if another thread is asking; nothing if it is now this thread's to ask.
    std::optional<Reply> find_or_claim(const std::string& key) {
        std::unique_lock lock{mutex_};
        for (;;) {
            if (const auto hit = replies_.find(key); hit != replies_.end()) {
                ++spent_.cached;
                return hit->second;
            }
            if (asking_.insert(key).second) return std::nullopt;
            answered_.wait(lock);
        }
    }

    Reply ask(const Request& request) {
        try {
            return model_(request);
        } catch (const ModelError&) {
            const std::lock_guard lock{mutex_};
            ++spent_.failed;
            throw;
        }
    }

    static std::string hash_of(const std::string& key) {
        constexpr const char* digits = "0123456789abcdef";
        std::string out;
        for (std::uint64_t h = stable_hash(key), i = 0; i < 16; ++i, h <<= 4) out += digits[h >> 60];
        return out;
    }

    void read(const std::string& path) {
        io::JsonLines lines{path};
        for (io::Json line; lines.next(line);) {
            const std::string where = path + ":" + std::to_string(lines.line());
            const std::string key = io::dump(io::field<io::Json>(line, "request", where));
            if (io::field<std::string>(line, "key", where) != hash_of(key))
                fail<io::FormatError>(where, ": the key is not the hash of the request; remove the line");
            replies_[key] = {io::field<std::string>(line, "answer", where),
                             io::field_or<std::int64_t>(line, "prompt_tokens", 0, where),
                             io::field_or<std::int64_t>(line, "answer_tokens", 0, where)};
        }
    }

    /// Cuts what follows the last newline, so that the next line does not continue a torn one.
    static void drop_torn_line(const std::string& path) {
        const std::string text = io::read_file(path);
        const std::size_t last = text.rfind('\n');
        const std::size_t whole = last == std::string::npos ? 0 : last + 1;
        if (whole != text.size() && ::truncate(path.c_str(), static_cast<off_t>(whole)) != 0)
            io::detail::fail_errno(path, "cannot be cut");
    }

    void keep(const std::string& key, const Request& request, const Reply& reply) {
        replies_[key] = reply;
        if (!file_) return;
        const io::Json line = io::object({{"key", hash_of(key)}, {"request", to_json(request)}, {"answer", reply.text},
                                          {"prompt_tokens", reply.prompt_tokens}, {"answer_tokens", reply.answer_tokens}});
        file_->append(io::dump(line) + "\n");
    }

    LanguageModel model_;
    std::unique_ptr<io::LockFile> lock_;
    std::unique_ptr<io::AppendFile> file_;
    std::map<std::string, Reply> replies_;
    std::set<std::string> asking_;
    Spent spent_;
    mutable std::mutex mutex_;
    std::condition_variable answered_;
};

}  // namespace svad::text
