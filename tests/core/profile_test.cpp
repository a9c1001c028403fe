// SPDX-License-Identifier: Apache-2.0
#include "svad/core/profile.hpp"

#include "svad/autograd/backward.hpp"
#include "svad/io/json.hpp"
#include "svad/ops/ops.hpp"

#include <doctest/doctest.h>

using namespace svad;

TEST_CASE("profile: ops, their gradients and a program's own spans are in the trace, with phase and shapes") {
    const Var x = Var::full({4, 6}, 0.5).leaf(), w = Var::full({5, 6}, 0.25).leaf();
    Profile::start();
    {
        const Span own("own_work", "data");
        backward(sum(linear(x, w)));
    }
    Profile::stop();
    (void)linear(x, w);                                                         // measured no more
    int forward = 0, products = 0, own = 0;
    const io::Json trace = io::parse_json(Profile::trace(), "trace");
    for (const auto& e : trace.at("traceEvents")) {
        if (e.at("ph") != "X") continue;
        const std::string name = e.at("name"), phase = e.at("cat");
        CHECK(e.at("dur").get<double>() >= 0);
        if (name == "linear" && phase != "backward") forward += e.at("args").at("shapes") == "[4, 6] [5, 6]";
        if (name == "matmul" && phase == "backward") ++products;
        if (name == "own_work") own += phase == "data";
    }
    CHECK(forward == 1);
    CHECK(products == 2);
    CHECK(own == 1);
}

TEST_CASE("profile: the table's shares leave out what inner spans took") {
    Profile::start();
    {
        const Span outer("outer", "data");
        const Span inner("inner");
    }
    Profile::stop();
    const auto events = Profile::events();
    REQUIRE(events.size() == 2);
    CHECK(events[0].name == "inner");
    CHECK(events[0].phase == "data");                                           // that of the span around it
    CHECK(events[1].inner == events[0].length);
    CHECK(Profile::table().find("data  outer") != std::string::npos);
}
