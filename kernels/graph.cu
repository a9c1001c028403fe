// SPDX-License-Identifier: Apache-2.0
// CUDA graphs: what a call queues on the compute stream, recorded once and launched again with one call.
#include "context.cuh"

#include <cstring>
#include <utility>

namespace svad::cuda {

bool capturing(int device) { return context(device).capturing != 0; }

struct Graph::State {
    int device = 0;
    std::uint64_t id = 0;
    cudaGraph_t graph = nullptr;
    cudaGraphExec_t ready = nullptr;
    std::vector<GraphInput> inputs;
    std::vector<std::vector<unsigned char>> shadows;            // what the inputs held at the last replay

    ~State() {
        if (ready) (void)cudaGraphExecDestroy(ready);
        if (graph) (void)cudaGraphDestroy(graph);
        for (const GraphInput& in : inputs) release(in.data, device);
        forget_graph(context(device), id);
    }
};

Graph::Graph() = default;
Graph::~Graph() = default;
Graph::Graph(Graph&&) noexcept = default;
Graph& Graph::operator=(Graph&&) noexcept = default;

void Graph::begin(int device) {
    static std::uint64_t last = 0;
    Context& c = context(device);
    use(device);
    const std::lock_guard<std::recursive_mutex> hold(c.memory_lock);
    if (c.capturing) fail_cuda("a graph is being captured already");
    check(cudaStreamSynchronize(c.compute), "capture");
    state_.reset(new State);
    state_->device = device, state_->id = ++last;
    check(cudaStreamBeginCapture(c.compute, cudaStreamCaptureModeRelaxed), "cudaStreamBeginCapture");
    c.free_blocks[state_->id];
    c.capturing = state_->id;
    c.inputs = &state_->inputs;
}

void Graph::abandon() noexcept {
    try {
        Context& c = context(state_->device);
        const std::lock_guard<std::recursive_mutex> hold(c.memory_lock);
        c.capturing = 0;
        c.inputs = nullptr;
        (void)cudaStreamEndCapture(c.compute, &state_->graph);
        (void)cudaGetLastError();
    } catch (...) {}
    state_.reset();
}

void Graph::finish() {
    Context& c = context(state_->device);
    const std::lock_guard<std::recursive_mutex> hold(c.memory_lock);
    c.capturing = 0;
    c.inputs = nullptr;
    check(cudaStreamEndCapture(c.compute, &state_->graph), "cudaStreamEndCapture");
    check(cudaGraphInstantiate(&state_->ready, state_->graph, 0), "cudaGraphInstantiate");
    state_->shadows.resize(state_->inputs.size());
}

void Graph::replay() {
    if (!state_) fail_cuda("replay: nothing was captured");
    Context& c = context(state_->device);
    use(state_->device);
    for (std::size_t i = 0; i < state_->inputs.size(); ++i) {
        const GraphInput& in = state_->inputs[i];
        std::vector<unsigned char>& shadow = state_->shadows[i];
        if (shadow.size() == in.bytes && std::memcmp(shadow.data(), in.host, in.bytes) == 0) continue;
        shadow.assign(static_cast<const unsigned char*>(in.host), static_cast<const unsigned char*>(in.host) + in.bytes);
        upload(in.data, in.host, in.bytes, state_->device);
    }
    check(cudaGraphLaunch(state_->ready, c.compute), "cudaGraphLaunch");
}

}  // namespace svad::cuda
