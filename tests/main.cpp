// SPDX-License-Identifier: Apache-2.0
// The main of svad_tests, and a count of what was skipped: a test that lacks its files says
// MESSAGE("skipped: ..."), and a run in which half of the tests did so must not look like a full one.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>

#include <cstdio>
#include <mutex>
#include <string>

namespace {

struct SkipCounter : doctest::IReporter {
    explicit SkipCounter(const doctest::ContextOptions&) {}

    void log_message(const doctest::MessageData& message) override {
        const std::lock_guard hold{mutex_};
        if (std::string{message.m_string.c_str()}.rfind("skipped:", 0) == 0) ++skipped_;
    }
    void test_run_end(const doctest::TestRunStats&) override {
        if (skipped_ > 0) std::printf("[svad] %d parts of tests were skipped; the messages above say why\n", skipped_);
    }

    void report_query(const doctest::QueryData&) override {}
    void test_run_start() override {}
    void test_case_start(const doctest::TestCaseData&) override {}
    void test_case_reenter(const doctest::TestCaseData&) override {}
    void test_case_end(const doctest::CurrentTestCaseStats&) override {}
    void test_case_exception(const doctest::TestCaseException&) override {}
    void subcase_start(const doctest::SubcaseSignature&) override {}
    void subcase_end() override {}
    void log_assert(const doctest::AssertData&) override {}
    void test_case_skipped(const doctest::TestCaseData&) override {}

private:
    std::mutex mutex_;
    int skipped_ = 0;
};

REGISTER_LISTENER("skips", 1, SkipCounter);

}  // namespace
