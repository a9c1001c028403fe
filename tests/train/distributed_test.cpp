// SPDX-License-Identifier: Apache-2.0
#include "svad/train/distributed.hpp"

#include "svad/autograd/gradcheck.hpp"
#include "svad/nn/linear.hpp"
#include "svad/ops/loss.hpp"
#include "svad/train/optimizer.hpp"

#include <doctest/doctest.h>

#include <functional>
#include <thread>

using namespace svad;

namespace {

struct Net {
    Linear first{6, 9}, second{9, 4}, unused{3, 3};
    Var operator()(const Var& x) const { return second(tanh(first(x))); }
    void visit(auto&& f) { f("first", first), f("second", second), f("unused", unused); }
};

const Tensor<float> inputs = cast(random_f64({8, 6}, -1, 1, 3), DType::f32).to<float>();
const Tensor<std::int32_t> labels = Tensor<std::int32_t>::of({0, 1, 2, 3, 3, 1, 0, 2});

/// Four steps on rows first .. last-1 of the batch; `between` runs before each update. The losses.
std::vector<double> fitted(Net& net, Index first, Index last, const std::function<void()>& between) {
    AdamW optimizer;
    optimizer.add(net);
    std::vector<double> losses;
    const Tensor<std::int32_t> own({last - first}, std::vector<std::int32_t>(labels.begin() + first, labels.begin() + last));
    for (int step = 0; step < 4; ++step) {
        const Var loss = cross_entropy(net(Var(inputs).slice(0, first, last)), own);
        backward(loss);
        losses.push_back(loss.item());
        between();
        optimizer.step(0.05);
        optimizer.clear();
    }
    return losses;
}

}  // namespace

TEST_CASE("two ranks with half of the batch each train as one rank with all of it") {
    Net whole;
    init(whole, 1);
    const std::vector<double> expected = fitted(whole, 0, 8, [] {});

    for (const Index bucket : {Index{1}, Index{40}, Index{1} << 20}) {
        CAPTURE(bucket);
        train::Meeting meeting(2);
        Net nets[2];
        std::vector<double> losses[2];
        std::vector<std::thread> ranks;
        for (int r = 0; r < 2; ++r)
            ranks.emplace_back([&, r] {
                train::LocalWorld world(meeting, r);
                init(nets[r], static_cast<std::uint64_t>(1 + r));          // rank 1 begins elsewhere, and is told
                train::share_parameters(nets[r], world);
                losses[r] = fitted(nets[r], 4 * r, 4 * r + 4, [&, r] { train::average_gradients(nets[r], world, bucket); });
            });
        for (std::thread& t : ranks) t.join();
        for (std::size_t step = 0; step < 4; ++step)
            CHECK((losses[0][step] + losses[1][step]) / 2 == doctest::Approx(expected[step]).epsilon(1e-5));
        const auto all = parameters(whole), a = parameters(nets[0]), b = parameters(nets[1]);
        for (std::size_t i = 0; i < all.size(); ++i) {
            const Tensor<float> w = all[i].second->var().to<float>(), p = a[i].second->var().to<float>(), q = b[i].second->var().to<float>();
            for (Index k = 0; k < w.numel(); ++k) {
                CHECK(p[k] == q[k]);
                CHECK(p[k] == doctest::Approx(w[k]).epsilon(1e-3));
            }
        }
    }
}

TEST_CASE("a gradient that one rank lacks counts as zero there; one that all lack stays absent") {
    train::Meeting meeting(2);
    Net nets[2];
    std::vector<std::thread> ranks;
    for (int r = 0; r < 2; ++r)
        ranks.emplace_back([&, r] {
            train::LocalWorld world(meeting, r);
            init(nets[r], 1);
            if (r == 0) backward(sum(nets[r](Var(inputs))));
            train::average_gradients(nets[r], world);
        });
    for (std::thread& t : ranks) t.join();
    CHECK(nets[1].first.weight.grad());
    CHECK(nets[1].second.bias->grad().to<float>()[0] == 4.0F);             // 8 rows on one of two ranks
    CHECK(!nets[0].unused.weight.grad());
}
