// SPDX-License-Identifier: Apache-2.0
#include "../../examples/svad/chat_api.hpp"

#include <doctest/doctest.h>

using namespace tool;
using Kind = Outcome::Kind;

namespace {

HttpAnswer ok(std::string body) { return {200, std::move(body), "", "", false}; }

const std::string good = R"({"choices": [{"message": {"role": "assistant", "content": "a\njar"}}],
                            "usage": {"prompt_tokens": 12, "completion_tokens": 3}})";

}  // namespace

TEST_CASE("chat: the body holds model, messages, temperature and limit; an empty system message is left out") {
    const svad::text::Request r{"v", "m", "be brief", "what?", 0.5, 64, 2};
    const svad::io::Json body = svad::io::parse_json(chat_body(r), "body");
    CHECK(body.size() == 4);
    CHECK(body["model"] == "m");
    CHECK(body["temperature"] == 0.5);
    CHECK(body["max_tokens"] == 64);
    CHECK(body["messages"][0]["role"] == "system");
    CHECK(body["messages"][1]["content"] == "what?");
    CHECK(svad::io::parse_json(chat_body({"v", "m", "", "what?", 0, 64, 0}), "body")["messages"].size() == 1);
    CHECK_NOTHROW((void)chat_body({"v", "m", "\xff", "\xc3", 0, 64, 0}));   // bytes that are no UTF-8
}

TEST_CASE("chat: a reply is the first choice's text; tokens are optional and never believed blindly") {
    const Outcome all = outcome_of(ok(good));
    CHECK(all.kind == Kind::reply);
    CHECK(all.reply.text == "a\njar");
    CHECK(all.reply.prompt_tokens == 12);
    CHECK(all.reply.answer_tokens == 3);
    for (const char* usage : {"null", "7", "{}", R"({"prompt_tokens": -1})", R"({"prompt_tokens": "many"})", R"({"prompt_tokens": 1e300})",
                              R"({"prompt_tokens": 18446744073709551615})"}) {
        const Outcome one = outcome_of(ok(svad::join(R"({"choices": [{"message": {"content": ""}}], "usage": )", usage, "}")));
        CHECK_MESSAGE(one.kind == Kind::reply, usage);
        CHECK_MESSAGE(one.reply.prompt_tokens == 0, usage);
    }
}

TEST_CASE("chat: an answer of another shape is asked for again and never a reply") {
    for (const char* body : {"", "{", "[]", "7", "null", "{}", R"({"choices": []})", R"({"choices": {}})", R"({"choices": [7]})",
                             R"({"choices": [{"message": "text"}]})", R"({"choices": [{"message": {}}]})",
                             R"({"choices": [{"message": {"content": null}}]})", R"({"choices": [{"message": {"content": ["a"]}}]})",
                             "<html>busy</html>"}) {
        const Outcome one = outcome_of(ok(body));
        CHECK_MESSAGE(one.kind == Kind::again, body);
        CHECK_MESSAGE(!one.problem.empty(), body);
    }
    CHECK(outcome_of(ok(std::string(100000, '['))).kind == Kind::again);
}

TEST_CASE("chat: any bytes are an outcome") {
    svad::Random random{5};
    int replies = 0;
    for (int i = 0; i < 5000; ++i) {
        std::string body = good;
        for (auto n = random.below(4); n >= 0; --n) {
            const auto at = static_cast<std::size_t>(random.below(static_cast<svad::Index>(body.size())));
            if (random.chance(0.2)) body.resize(at + 1);
            else if (random.chance(0.3)) body.insert(at, body.substr(0, at));
            else body[at] = random.chance(0.5) ? "{}[]\",:0"[random.below(8)] : static_cast<char>(random.below(256));
        }
        const Outcome one = outcome_of(ok(body));
        replies += one.kind == Kind::reply;
        CHECK((one.kind == Kind::reply || (one.kind == Kind::again && !one.problem.empty())));
    }
    CHECK(replies > 0);
}

TEST_CASE("chat: 408, 429 and 5xx are tried again, other statuses are not, no answer is unless it is hopeless") {
    for (const long status : {408L, 429L, 500L, 502L, 503L, 529L}) CHECK(outcome_of({status, "x", "", "", false}).kind == Kind::again);
    for (const long status : {201L, 204L, 301L, 302L, 400L, 401L, 404L, 422L}) CHECK(outcome_of({status, good, "", "", false}).kind == Kind::never);
    CHECK(outcome_of({0, "", "", "refused", false}).kind == Kind::again);
    CHECK(outcome_of({0, "", "", "bad certificate", true}).kind == Kind::never);
}

TEST_CASE("chat: Retry-After in seconds is read; a date or nonsense is not") {
    const auto asked = [](const char* header) { return outcome_of({429, "", header, "", false}).retry_after; };
    CHECK(asked("7") == 7.0);
    CHECK(asked("0") == 0.0);
    for (const char* header : {"", "-1", "7s", " 7", "1e9", "99999999999999", "Wed, 21 Oct 2015 07:28:00 GMT"}) CHECK_MESSAGE(!asked(header), header);
}

TEST_CASE("chat: what is shown of a foreign text is short, one line and without control characters") {
    const Outcome o = outcome_of({400, "bad\x1b[31m\r\n\x01 request \x7f\xff" + std::string(5000, 'x'), "", "", false});
    CHECK(o.problem.size() < 300);
    for (const char c : o.problem) CHECK((static_cast<unsigned char>(c) >= ' ' && c != 127));
    CHECK(o.problem.starts_with("the server answered with status 400: bad [31m request "));
    CHECK(one_line("") == "");
    CHECK(one_line("short") == "short");
}

TEST_CASE("chat: a key that the server repeats is in no problem and no reply") {
    const std::string key = "sk-secret-123456";
    for (const HttpAnswer& a : {HttpAnswer{401, "wrong key " + key, "", "", false}, ok("no json " + key), HttpAnswer{0, "", "", key, false}})
        CHECK(outcome_of(a, key).problem.find(key) == std::string::npos);
    CHECK(outcome_of(ok(R"({"choices": [{"message": {"content": "your key is sk-secret-123456, sk-secret-123456"}}]})"), key).reply.text ==
          "your key is ***, ***");
    CHECK(without_secret("a cat", "a") == "a cat");
}

TEST_CASE("chat: an endpoint is an http or https address and nothing else") {
    CHECK(checked_endpoint("http://127.0.0.1:8000/v1//") == "http://127.0.0.1:8000/v1");
    CHECK(checked_endpoint("https://host") == "https://host");
    for (const char* bad : {"", "host/v1", "ftp://host", "file:///etc/passwd", "http://", "https:///v1", "http://a b", "http://a\r\nX: y",
                            "https://user:word@host", "https://host/?key=1", "https://host/#a", "HTTP//x"})
        CHECK_THROWS_AS((void)checked_endpoint(bad), svad::UsageError);
}
