// SPDX-License-Identifier: Apache-2.0
// The CUDA runtime under the ops: memory, copies, attributes, errors, graphs.
#include "on_device.hpp"

#include <doctest/doctest.h>

#include <vector>

using namespace svad;
using namespace svad::test;

namespace {

std::string message_of(const auto& call) {
    try {
        call();
    } catch (const Error& e) {
        return e.what();
    }
    return "";
}

bool has(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("device: the best one is a CUDA device where there is one") {
    CHECK(cuda::devices() >= 1);
    CHECK(Device::best() == gpu);
    CHECK(has(cuda::describe(0), "sm_"));
}

TEST_CASE("device: values go there and come back, also views and bf16") {
    const Var x = random_values({3, 5, 7}, -2, 2, 1);
    CHECK(x.to(gpu).device() == gpu);
    CHECK(distance(x.to(gpu).to<float>(), x.to<float>()) == 0);
    CHECK(distance(x.to(gpu).permute({2, 0, 1}).to<float>(), x.permute({2, 0, 1}).to<float>()) == 0);
    const Var b = cast(x, DType::bf16);
    CHECK(distance(b.to(gpu).slice(1, 2).to<float>(), b.slice(1, 2).to<float>()) == 0);
    CHECK(Var::full({2, 2}, 3, DType::f32, gpu).to<float>()[3] == 3.0F);
    CHECK(Var::full({}, 2.5, DType::f32, gpu).item() == 2.5);
}

TEST_CASE("device: a move is differentiable") {
    const Var x = random_values({4}, -2, 2, 1).leaf();
    backward(sum(x.to(gpu) * 3.0));
    CHECK(x.grad().device() == Device::cpu());
    CHECK(x.grad().to<float>()[2] == 3.0F);
}

TEST_CASE("device: mistakes say what to do") {
    const Var x = random_values({2, 3}, -1, 1, 1), y = x.to(gpu);
    CHECK(has(message_of([&] { (void)(x + y); }), "add: cpu and cuda:0 inputs; move one of them"));
    CHECK(has(message_of([&] { (void)y.data<float>(); }), "on cuda:0; move it to the cpu"));
    CHECK(has(message_of([&] { (void)exp(cast(x, DType::f64).to(gpu)); }), "exp: no CUDA kernel for f64; cast to f32 or move to cpu"));
    CHECK(has(message_of([&] { (void)(y + cast(y, DType::bf16)); }), "add: f32[2, 3] and bf16[2, 3] differ in dtype; cast one of them"));
    CHECK(has(message_of([&] { (void)Var::zeros({1}, DType::f32, Device::cuda(63)); }), "cuda:63: no such device"));
}

TEST_CASE("device memory: a freed block is given out again, and the peak is remembered") {
    cuda::trim(0);
    cuda::reset_peak(0);
    const std::size_t before = cuda::memory(0).live;
    void* const a = cuda::allocate(100000, 0);
    CHECK(cuda::memory(0).live >= before + 100000);
    cuda::release(a, 0);
    CHECK(cuda::memory(0).live == before);
    CHECK(cuda::memory(0).cached >= 100000);
    void* const b = cuda::allocate(100000, 0);
    CHECK(a == b);
    cuda::release(b, 0);
    cuda::trim(0);
    CHECK(cuda::memory(0).cached == 0);
    CHECK(cuda::memory(0).peak >= before + 100000);
}

TEST_CASE("device memory: running out names the op, its inputs, and what is live") {
    const Var x = Var::zeros({1 << 18}, DType::f32, gpu);
    cuda::limit_memory(cuda::memory(0).live + (std::size_t{3} << 20), 0);
    const std::string text = message_of([&] { (void)((x * 2.0).reshape({512, 1, 512}) * Var::zeros({8, 512}, DType::f32, gpu)); });
    cuda::limit_memory(~std::size_t{0}, 0);
    INFO(text);
    CHECK(has(text, "mul: out of memory on cuda:0 asking for 8.0 MiB"));
    CHECK(has(text, "affine 1.0 MiB in 1"));
    CHECK(has(text, "got f32[512, 1, 512], f32[8, 512]"));
    CHECK((x + 1.0).to<float>()[5] == 1.0F);                    // and life goes on
}

TEST_CASE("attributes on the device follow the host: content is never stale") {
    Tensor<std::int32_t> ids = Tensor<std::int32_t>::of({1, 0, 2});
    const Var table = random_values({3, 4}, -1, 1, 1).to(gpu);
    const Var first = embedding(table, ids);
    CHECK(first.to<float>()[0] == table.to<float>()[4]);
    ids[0] = 2;
    CHECK(embedding(table, ids).to<float>()[0] == table.to<float>()[8]);
    const void* const at = cuda::mirror(ids.data(), 12, 0);
    CHECK(cuda::mirror(ids.data(), 12, 0) == at);
}

TEST_CASE("large values are staged piece by piece, on either stream") {
    const Index n = 5 * (1 << 20) + 3;
    std::vector<float> from(static_cast<std::size_t>(n)), back(from.size());
    for (std::size_t i = 0; i < from.size(); ++i) from[i] = static_cast<float>(i);
    for (const bool beside : {false, true}) {
        const Var to = Var::uninitialized({n}, DType::f32, gpu);
        (beside ? cuda::prefetch : cuda::upload)(to.storage().data(), from.data(), from.size() * 4, 0);
        cuda::download(back.data(), to.storage().data(), back.size() * 4, 0);
        CHECK(from == back);
    }
}

TEST_CASE("events order streams and measure time") {
    cuda::Event start, stop;
    start.record(cuda::compute_stream(0));
    const Var y = Var::full({1000}, 1, DType::f32, gpu) + 1.0;
    stop.record(cuda::compute_stream(0));
    stop.wait(cuda::copy_stream(0));
    stop.synchronize();
    CHECK(stop.since(start) >= 0.0F);
}

TEST_CASE("a graph repeats what was captured, on new contents and new attributes") {
    const Var x = random_values({3, 4}, -1, 1, 1).to(gpu);
    Tensor<std::int32_t> ids = Tensor<std::int32_t>::of({0, 1});
    Var y;
    cuda::Graph graph = cuda::Graph::capture(0, [&] { y = embedding(x * 2.0, ids) + 1.0; });
    graph.replay();
    const Tensor<float> first = y.to<float>();
    CHECK(first[0] == doctest::Approx(2 * x.to<float>()[0] + 1));
    ids[0] = 2;
    detail::overwrite(x, Tensor<float>(Shape{3, 4}, std::vector<float>(12, 4.0F)));
    graph.replay();
    CHECK(y.to<float>()[0] == 9.0F);
    CHECK(has(message_of([&] { (void)cuda::Graph::capture(0, [&] { (void)x.item(); }); }), "item"));
    CHECK(has(message_of([&] { (void)cuda::Graph::capture(0, [&] { (void)x.to<float>(); }); }), "while a graph is captured"));
    CHECK((x + 1.0).to<float>()[0] == 5.0F);                    // an abandoned capture leaves no trace
}

TEST_CASE("a graph's memory is nobody else's") {
    const Var x = Var::full({1000}, 1, DType::f32, gpu);
    Var y;
    cuda::Graph graph = cuda::Graph::capture(0, [&] { y = (x + 1.0) * 3.0; });
    const Var other = Var::full({1000}, 7, DType::f32, gpu), another = other + 1.0;
    graph.replay();
    CHECK(y.to<float>()[999] == 6.0F);
    CHECK(other.to<float>()[999] == 7.0F);
    CHECK(another.to<float>()[999] == 8.0F);
}
