// SPDX-License-Identifier: Apache-2.0
// The stand-in toolkit's streams, events, graphs and memory: as late, as strict and as forgetful as CUDA may be.
#include "executor/host_api.h"

#include <doctest/doctest.h>

#include <cmath>
#include <cstring>

namespace svad::test {
namespace {

/// Lazy streams for the length of a test.
struct Lazy {
    Lazy() { executor::settings().lazy_streams = true; }
    ~Lazy() { executor::settings().lazy_streams = false; }
};

struct Stream {
    cudaStream_t handle = nullptr;
    Stream() { cudaStreamCreateWithFlags(&handle, cudaStreamNonBlocking); }
    ~Stream() { cudaStreamDestroy(handle); }
};

void set(float* to, float value, cudaStream_t stream) {
    executor::enqueue(stream, [=] { *to = value; });
}

}  // namespace

TEST_CASE("cuda executor: a lazy stream works when somebody waits for it, and not before") {
    const Lazy lazy;
    const Stream stream;
    float x = 0;
    set(&x, 1, stream.handle);
    CHECK(x == 0);
    CHECK(cudaStreamQuery(stream.handle) == cudaErrorNotReady);
    cudaStreamSynchronize(stream.handle);
    CHECK(x == 1);
    CHECK(cudaStreamQuery(stream.handle) == cudaSuccess);
}

TEST_CASE("cuda executor: a stream that waits for an event sees the work before it, not the work after") {
    const Lazy lazy;
    const Stream first, second;
    float x = 0, y = 0, seen = -1;
    cudaEvent_t event = nullptr;
    cudaEventCreateWithFlags(&event, cudaEventDisableTiming);
    set(&x, 1, first.handle);
    cudaEventRecord(event, first.handle);
    set(&y, 1, first.handle);
    cudaStreamWaitEvent(second.handle, event);
    executor::enqueue(second.handle, [&] { seen = x; });
    CHECK(cudaEventQuery(event) == cudaErrorNotReady);
    cudaStreamSynchronize(second.handle);
    CHECK(seen == 1);
    CHECK(y == 0);
    cudaDeviceSynchronize();
    CHECK(y == 1);
    cudaEventDestroy(event);
}

TEST_CASE("cuda executor: two streams without an event are not ordered") {
    const Lazy lazy;
    const Stream first, second;
    float x = 0, seen = -1;
    set(&x, 1, first.handle);
    executor::enqueue(second.handle, [&] { seen = x; });
    cudaStreamSynchronize(second.handle);
    CHECK(seen == 0);
}

TEST_CASE("cuda executor: a captured graph does nothing until launched, and runs again on other data") {
    const Stream stream;
    float *device = nullptr, in = 1, out = 0;
    cudaMalloc(&device, sizeof(float));
    cudaStreamBeginCapture(stream.handle, cudaStreamCaptureModeThreadLocal);
    cudaMemcpyAsync(device, &in, sizeof in, cudaMemcpyHostToDevice, stream.handle);
    cudaMemcpyAsync(&out, device, sizeof out, cudaMemcpyDeviceToHost, stream.handle);
    CHECK(cudaStreamSynchronize(stream.handle) == cudaErrorStreamCaptureUnsupported);
    cudaGetLastError();
    cudaGraph_t graph = nullptr;
    cudaGraphExec_t executable = nullptr;
    cudaStreamEndCapture(stream.handle, &graph);
    cudaGraphInstantiate(&executable, graph);
    CHECK(out == 0);
    for (const float value : {5.0F, 7.0F}) {
        in = value;
        cudaGraphLaunch(executable, stream.handle);
        cudaStreamSynchronize(stream.handle);
        CHECK(out == value);
    }
    cudaGraphExecDestroy(executable);
    cudaGraphDestroy(graph);
    cudaFree(device);
}

TEST_CASE("cuda executor: new memory is NaN, too much of it is refused, a wrong pointer is not freed") {
    float* p = nullptr;
    cudaMalloc(&p, 4);
    float x = 0;
    cudaMemcpy(&x, p, 4, cudaMemcpyDeviceToHost);
    CHECK(std::isnan(x));
    CHECK(cudaFree(p + 1) == cudaErrorInvalidValue);
    CHECK(cudaGetLastError() == cudaErrorInvalidValue);
    CHECK(cudaGetLastError() == cudaSuccess);
    const std::size_t limit = executor::settings().memory_limit;
    executor::settings().memory_limit = executor::memory_in_use() + 1000;
    void* q = nullptr;
    CHECK(cudaMalloc(&q, 1001) == cudaErrorMemoryAllocation);
    CHECK(q == nullptr);
    CHECK(cudaMalloc(&q, 1000) == cudaSuccess);
    executor::settings().memory_limit = limit;
    cudaGetLastError();
    cudaFree(q), cudaFree(p);
}

}  // namespace svad::test
