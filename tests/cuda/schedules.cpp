// SPDX-License-Identifier: Apache-2.0
#include "schedules.hpp"

#include "checker/checker.hpp"

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <sstream>

namespace svad::test {

using executor::Checker;
using executor::Landing;
using executor::Order;

namespace {

struct Manner {
    const char* name;
    Order order;
    Landing landing;
    std::uint64_t seed;
    bool lazy;
};
// With the checker the first two do: it sees a race in any order.
constexpr Manner manners[] = {
    {"ascending, copies late", Order::ascending, Landing::late, 1, false},
    {"descending, copies early", Order::descending, Landing::early, 1, false},
    {"ascending, copies early", Order::ascending, Landing::early, 1, false},
    {"descending, copies late, lazy streams", Order::descending, Landing::late, 1, true},
    {"shuffled", Order::shuffled, Landing::random, 1, false},
    {"shuffled otherwise, lazy streams", Order::shuffled, Landing::random, 2, true},
};
executor::Settings before;

std::string trim(std::string s) {
    s.erase(0, s.find_first_not_of(' '));
    return s.erase(s.find_last_not_of(' ') + 1);
}

/// The three limits of a case and kernel, or nothing.
std::vector<double> limits(const std::string& name, const std::string& kernel) {
    std::ifstream file(SVAD_BUDGETS);
    for (std::string line; std::getline(file, line);) {
        std::istringstream fields(line);
        std::vector<std::string> parts;
        for (std::string part; std::getline(fields, part, '|');) parts.push_back(trim(part));
        if (parts.size() == 5 && parts[0] == name && parts[1] == kernel)
            return {std::atof(parts[2].c_str()), std::atof(parts[3].c_str()), std::atof(parts[4].c_str())};
    }
    return {};
}

}  // namespace

int schedule_count() { return Checker::get() ? 2 : static_cast<int>(std::size(manners)); }

Schedule::Schedule(int number) : number_(number) {
    before = executor::settings();
    const Manner& m = manners[number];
    auto& s = executor::settings();
    s.order = m.order, s.landing = m.landing, s.seed = m.seed, s.lazy_streams = m.lazy;
}
Schedule::~Schedule() { executor::settings() = before; }
std::string Schedule::name() const { return manners[number_].name; }

void poison(void* p, std::size_t bytes) {
    std::memset(p, 0xff, bytes);
    if (executor::observer) executor::observer->allocated(p, bytes);
}

std::vector<std::string> take_complaints() {
    Checker* checker = Checker::get();
    if (!checker) return {};
    std::vector<std::string> complaints = checker->complaints();
    checker->clear();
    return complaints;
}

void count_traffic(bool on) {
    if (Checker* checker = Checker::get()) checker->count(on);
}

// Lines of budgets.txt: case | kernel | sectors against ideal | wavefronts against ideal | moved against touched.
std::vector<std::string> over_budget(const std::string& name) {
    std::vector<std::string> complaints;
    if (!Checker::get()) return complaints;
    constexpr double rounding = 0.005;                         // the file has two digits
    for (const auto& [kernel, counters] : Checker::get()->counters()) {
        const double measured[] = {counters.sector_ratio(), counters.wavefront_ratio(), counters.reuse()};
        char text[80];
        std::snprintf(text, sizeof text, "%.2f | %.2f | %.2f", measured[0], measured[1], measured[2]);
        const std::vector<double> most = limits(name, kernel);
        bool within = !most.empty();
        for (std::size_t i = 0; i < most.size(); ++i) within = within && measured[i] <= most[i] + rounding;
        if (!within)
            complaints.push_back((most.empty() ? "budgets.txt has no line for: " : "over budget: ") + name + " | " + kernel + " | " + text);
    }
    return complaints;
}

}  // namespace svad::test
