// SPDX-License-Identifier: Apache-2.0
// Streams, events, graphs and the built-in variables of the stand-in toolkit.
#include "cuda_runtime.h"
#include "block.hpp"
#include "streams.hpp"

#include <deque>
#include <string>

uint3 threadIdx, blockIdx;
dim3 blockDim, gridDim;

namespace svad::executor {

void set_indices(const Current& thread) {
    const auto t = static_cast<unsigned>(thread.thread);
    threadIdx = {t % blockDim.x, t / blockDim.x % blockDim.y, t / blockDim.x / blockDim.y};
}
void set_block(const Launch& launch, std::int64_t number) {
    const auto n = static_cast<std::uint64_t>(number);
    blockDim = {launch.block.x, launch.block.y, launch.block.z};
    gridDim = {launch.grid.x, launch.grid.y, launch.grid.z};
    blockIdx = {static_cast<unsigned>(n % gridDim.x), static_cast<unsigned>(n / gridDim.x % gridDim.y),
                static_cast<unsigned>(n / gridDim.x / gridDim.y)};
}

Streams& streams() {
    static Streams instance;
    return instance;
}

namespace {
bool failing_launch = false;
}

void Streams::drain(CUstream_st& stream, std::int64_t until) {
    while (!stream.work.empty() && stream.done < until) {
        const auto work = std::move(stream.work.front());
        stream.work.pop_front();
        ++stream.done;
        work();
    }
}

void Streams::drain_all() {
    drain(legacy);
    for (const auto& stream : others) drain(*stream);
}

void Streams::drain_blocking() {
    for (const auto& stream : others)
        if (!stream->non_blocking) drain(*stream);
}

void enqueue(cudaStream_t handle, std::function<void()> work) {
    const std::lock_guard lock(streams().mutex);
    CUstream_st& stream = streams().of(handle);
    if (stream.capturing) return stream.captured.push_back(std::move(work));
    if (!handle) streams().drain_blocking();                     // the legacy stream and the blocking ones wait for
    else if (!stream.non_blocking) streams().drain(streams().legacy);      // each other
    ++stream.given;
    stream.work.push_back(std::move(work));
    if (!settings().lazy_streams) streams().drain(stream);
}

bool launch_fails() {
    if (!failing_launch) return false;
    failing_launch = false;
    streams().last = cudaErrorInvalidValue;
    return true;
}

void fail_next(cudaError_t error) {
    if (error == cudaErrorMemoryAllocation) streams().failing_allocation = true;
    else failing_launch = true;
}

}  // namespace svad::executor

using svad::executor::streams;

// ---- the device ------------------------------------------------------------------------------------------------------

cudaError_t cudaGetDeviceCount(int* count) { return *count = 1, cudaSuccess; }
cudaError_t cudaGetDevice(int* device) { return *device = 0, cudaSuccess; }
cudaError_t cudaSetDevice(int device) { return device == 0 ? cudaSuccess : streams().error(cudaErrorInvalidDevice); }
cudaError_t cudaGetDeviceProperties(cudaDeviceProp* p, int device) {
    if (device != 0) return streams().error(cudaErrorInvalidDevice);
    const auto& s = svad::executor::settings();
    *p = {"the test executor", s.memory_limit, 48 * 1024, s.shared_limit, s.capability / 10, s.capability % 10, 4, 1 << 20};
    return cudaSuccess;
}
cudaError_t cudaDeviceGetAttribute(int* value, cudaDeviceAttr attribute, int device) {
    if (device != 0) return streams().error(cudaErrorInvalidDevice);
    const auto& s = svad::executor::settings();
    switch (attribute) {
        case cudaDevAttrMaxSharedMemoryPerBlockOptin: *value = static_cast<int>(s.shared_limit); break;
        case cudaDevAttrMultiProcessorCount: *value = 4; break;
        case cudaDevAttrL2CacheSize: *value = 1 << 20; break;
        case cudaDevAttrComputeCapabilityMajor: *value = s.capability / 10; break;
        case cudaDevAttrComputeCapabilityMinor: *value = s.capability % 10; break;
        case cudaDevAttrMemoryPoolsSupported: *value = 1; break;
    }
    return cudaSuccess;
}
cudaError_t cudaDriverGetVersion(int* version) { return *version = 13000, cudaSuccess; }
cudaError_t cudaRuntimeGetVersion(int* version) { return *version = 13000, cudaSuccess; }
cudaError_t cudaDeviceSynchronize() {
    const std::lock_guard lock(streams().mutex);
    return streams().drain_all(), cudaSuccess;
}

cudaError_t cudaGetLastError() {
    const cudaError_t error = streams().last;
    streams().last = cudaSuccess;
    return error;
}
cudaError_t cudaPeekAtLastError() { return streams().last; }
const char* cudaGetErrorName(cudaError_t error) {
    switch (error) {
        case cudaSuccess: return "cudaSuccess";
        case cudaErrorInvalidValue: return "cudaErrorInvalidValue";
        case cudaErrorMemoryAllocation: return "cudaErrorMemoryAllocation";
        case cudaErrorInvalidDevice: return "cudaErrorInvalidDevice";
        case cudaErrorNotReady: return "cudaErrorNotReady";
        case cudaErrorStreamCaptureUnsupported: return "cudaErrorStreamCaptureUnsupported";
        case cudaErrorStreamCaptureInvalidated: return "cudaErrorStreamCaptureInvalidated";
        case cudaErrorUnknown: break;
    }
    return "cudaErrorUnknown";
}
const char* cudaGetErrorString(cudaError_t error) {
    switch (error) {
        case cudaSuccess: return "no error";
        case cudaErrorInvalidValue: return "invalid argument";
        case cudaErrorMemoryAllocation: return "out of memory";
        case cudaErrorInvalidDevice: return "invalid device ordinal";
        case cudaErrorNotReady: return "device not ready";
        case cudaErrorStreamCaptureUnsupported: return "operation not permitted when stream is capturing";
        case cudaErrorStreamCaptureInvalidated: return "operation failed due to a previous error during capture";
        case cudaErrorUnknown: break;
    }
    return "unknown error";
}

// ---- streams and events ----------------------------------------------------------------------------------------------

cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned flags) {
    const std::lock_guard lock(streams().mutex);
    streams().others.push_back(std::make_unique<CUstream_st>());
    *stream = streams().others.back().get();
    (*stream)->non_blocking = (flags & cudaStreamNonBlocking) != 0;
    return cudaSuccess;
}
cudaError_t cudaStreamCreate(cudaStream_t* stream) { return cudaStreamCreateWithFlags(stream, cudaStreamDefault); }
cudaError_t cudaStreamCreateWithPriority(cudaStream_t* stream, unsigned flags, int) { return cudaStreamCreateWithFlags(stream, flags); }
cudaError_t cudaStreamDestroy(cudaStream_t stream) {
    const std::lock_guard lock(streams().mutex);
    streams().drain(streams().of(stream));
    auto& all = streams().others;
    for (auto it = all.begin(); it != all.end(); ++it)
        if (it->get() == stream) return all.erase(it), cudaSuccess;
    return streams().error(cudaErrorInvalidValue);
}
cudaError_t cudaStreamSynchronize(cudaStream_t handle) {
    const std::lock_guard lock(streams().mutex);
    auto& stream = streams().of(handle);
    if (stream.capturing) return streams().error(cudaErrorStreamCaptureUnsupported);
    if (!handle) streams().drain_blocking();
    return streams().drain(stream), cudaSuccess;
}
cudaError_t cudaStreamQuery(cudaStream_t stream) {
    const std::lock_guard lock(streams().mutex);
    return streams().of(stream).work.empty() ? cudaSuccess : cudaErrorNotReady;
}
cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned) {
    const std::lock_guard lock(streams().mutex);
    auto& waiting = streams().of(stream);
    if (waiting.capturing || (event->stream && event->stream->capturing)) return cudaSuccess;     // in capture order already
    if (event->stream && event->stream != &waiting) {
        ++waiting.given;
        waiting.work.push_back([on = event->stream, at = event->at] { streams().drain(*on, at); });
        if (!svad::executor::settings().lazy_streams) streams().drain(waiting);
    }
    return cudaSuccess;
}
cudaError_t cudaLaunchHostFunc(cudaStream_t stream, void (*function)(void*), void* data) {
    return svad::executor::enqueue(stream, [=] { function(data); }), cudaSuccess;
}

cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned) { return *event = new CUevent_st, cudaSuccess; }
cudaError_t cudaEventCreate(cudaEvent_t* event) { return cudaEventCreateWithFlags(event, cudaEventDefault); }
cudaError_t cudaEventDestroy(cudaEvent_t event) { return delete event, cudaSuccess; }
cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream) {
    const std::lock_guard lock(streams().mutex);
    event->stream = &streams().of(stream);
    event->at = event->stream->given;
    return cudaSuccess;
}
cudaError_t cudaEventSynchronize(cudaEvent_t event) {
    const std::lock_guard lock(streams().mutex);
    if (event->stream) streams().drain(*event->stream, event->at);
    return cudaSuccess;
}
cudaError_t cudaEventQuery(cudaEvent_t event) {
    const std::lock_guard lock(streams().mutex);
    return !event->stream || event->stream->done >= event->at ? cudaSuccess : cudaErrorNotReady;
}
cudaError_t cudaEventElapsedTime(float* milliseconds, cudaEvent_t, cudaEvent_t) { return *milliseconds = 1e-3F, cudaSuccess; }

// ---- graphs ----------------------------------------------------------------------------------------------------------

cudaError_t cudaStreamBeginCapture(cudaStream_t stream, cudaStreamCaptureMode) {
    const std::lock_guard lock(streams().mutex);
    if (!stream || stream->capturing) return streams().error(cudaErrorStreamCaptureUnsupported);
    stream->capturing = true;
    stream->captured.clear();
    return cudaSuccess;
}
cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t* graph) {
    const std::lock_guard lock(streams().mutex);
    if (!stream || !stream->capturing) return streams().error(cudaErrorStreamCaptureInvalidated);
    stream->capturing = false;
    *graph = new CUgraph_st{std::move(stream->captured)};
    stream->captured.clear();
    return cudaSuccess;
}
cudaError_t cudaStreamIsCapturing(cudaStream_t stream, cudaStreamCaptureStatus* status) {
    const std::lock_guard lock(streams().mutex);
    *status = streams().of(stream).capturing ? cudaStreamCaptureStatusActive : cudaStreamCaptureStatusNone;
    return cudaSuccess;
}
cudaError_t cudaGraphInstantiate(cudaGraphExec_t* executable, cudaGraph_t graph, unsigned long long) {
    return *executable = new CUgraphExec_st{graph->work}, cudaSuccess;
}
cudaError_t cudaGraphLaunch(cudaGraphExec_t executable, cudaStream_t stream) {
    for (const auto& work : executable->work) svad::executor::enqueue(stream, work);
    return cudaSuccess;
}
cudaError_t cudaGraphUpload(cudaGraphExec_t, cudaStream_t) { return cudaSuccess; }
cudaError_t cudaGraphDestroy(cudaGraph_t graph) { return delete graph, cudaSuccess; }
cudaError_t cudaGraphExecDestroy(cudaGraphExec_t executable) { return delete executable, cudaSuccess; }
