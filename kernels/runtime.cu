// SPDX-License-Identifier: Apache-2.0
// Devices, streams, errors, copies and the device copies of host attributes. Host code only.
#include "context.cuh"

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <cstring>

namespace svad::cuda {

namespace {

thread_local const char* naming = "";

bool synchronous() {
    static const bool on = [] {
        const char* value = std::getenv("SVAD_CUDA_SYNC");
        return value != nullptr && std::strcmp(value, "0") != 0;
    }();
    return on;
}

Context* make_context(int device) {
    int count = 0;
    const cudaError_t status = cudaGetDeviceCount(&count);
    if (status != cudaSuccess || device < 0 || device >= count) {
        const std::string why = status != cudaSuccess ? std::string(cudaGetErrorString(status))
                                                      : "there are " + std::to_string(count) + " CUDA devices";
        (void)cudaGetLastError();
        throw DeviceError("cuda:" + std::to_string(device) + ": no such device; " + why);
    }
    auto* c = new Context;                                      // never destroyed: blocks may outlive static destructors
    c->device = device;
    check(cudaSetDevice(device), "cudaSetDevice");
    check(cudaStreamCreateWithFlags(&c->compute, cudaStreamNonBlocking), "cudaStreamCreate");
    check(cudaStreamCreateWithFlags(&c->copy, cudaStreamNonBlocking), "cudaStreamCreate");
    check(cudaEventCreateWithFlags(&c->ready, cudaEventDisableTiming), "cudaEventCreate");
    check(cudaEventCreateWithFlags(&c->arrived, cudaEventDisableTiming), "cudaEventCreate");
    return c;
}

/// Copies through the pinned ring; a slot is waited for only when it comes round again.
void staged(Context& c, void* to, const void* from, std::size_t bytes, cudaStream_t stream) {
    const std::lock_guard<std::mutex> hold(c.transfer_lock);
    if (c.ring.empty()) {
        c.ring.resize(Context::slots);
        for (Slot& slot : c.ring) {
            check(cudaMallocHost(&slot.data, Context::slot_bytes), "cudaMallocHost");
            check(cudaEventCreateWithFlags(&slot.done, cudaEventDisableTiming), "cudaEventCreate");
        }
    }
    for (std::size_t at = 0; at < bytes; at += Context::slot_bytes) {
        const std::size_t n = std::min(Context::slot_bytes, bytes - at);
        Slot& slot = c.ring[static_cast<std::size_t>(c.next_slot)];
        c.next_slot = (c.next_slot + 1) % Context::slots;
        check(cudaEventSynchronize(slot.done), "cudaEventSynchronize");
        std::memcpy(slot.data, static_cast<const char*>(from) + at, n);
        check(cudaMemcpyAsync(static_cast<char*>(to) + at, slot.data, n, cudaMemcpyHostToDevice, stream), "upload");
        check(cudaEventRecord(slot.done, stream), "cudaEventRecord");
    }
}

}  // namespace

// ---- errors -------------------------------------------------------------------------------------------------------------

Naming::Naming(const char* op) : outer_(naming) { naming = op; }
Naming::~Naming() { naming = outer_; }

const char* running_op() { return naming; }

void fail_cuda(const std::string& message) { throw CudaError((naming[0] ? std::string(naming) + ": " : std::string()) + message); }

void check(cudaError_t status, const char* what) {
    if (status == cudaSuccess) return;
    (void)cudaGetLastError();                                   // the error is told once, here
    fail_cuda(std::string(what) + ": " + cudaGetErrorName(status) + " (" + cudaGetErrorString(status) + ")");
}

void finish_op(int device) {
    if (!synchronous()) return;
    Context& c = context(device);
    if (!c.capturing) check(cudaStreamSynchronize(c.compute), "after its launches");
}

// ---- devices ------------------------------------------------------------------------------------------------------------

int devices() {
    static const int count = [] {
        int n = 0;
        if (cudaGetDeviceCount(&n) == cudaSuccess) return n;
        (void)cudaGetLastError();                               // no driver, or one that is too old: no device
        return 0;
    }();
    return count;
}

Context& context(int device) {
    static std::mutex lock;
    static std::atomic<Context*> all[64] = {};
    if (device < 0 || device >= 64) throw DeviceError("cuda:" + std::to_string(device) + ": no such device");
    if (Context* c = all[device].load(std::memory_order_acquire)) return *c;
    const std::lock_guard<std::mutex> hold(lock);
    if (!all[device].load()) all[device].store(make_context(device), std::memory_order_release);
    return *all[device].load();
}

void use(int device) {
    thread_local int chosen = -1;
    if (chosen == device) return;
    (void)context(device);
    check(cudaSetDevice(device), "cudaSetDevice");
    chosen = device;
}

int current() {
    int device = 0;
    check(cudaGetDevice(&device), "cudaGetDevice");
    return device;
}

std::string describe(int device) {
    cudaDeviceProp p;
    check(cudaGetDeviceProperties(&p, device), "cudaGetDeviceProperties");
    return std::string(p.name) + ", sm_" + std::to_string(10 * p.major + p.minor) + ", " + std::to_string(p.multiProcessorCount) +
           " multiprocessors, " + std::to_string(p.totalGlobalMem >> 20) + " MiB";
}

int architecture(int device) {
    cudaDeviceProp p;
    check(cudaGetDeviceProperties(&p, device), "cudaGetDeviceProperties");
    return 10 * p.major + p.minor;
}

void synchronize(int device) {
    Context& c = context(device);
    use(device);
    check(cudaStreamSynchronize(c.copy), "synchronize");
    check(cudaStreamSynchronize(c.compute), "synchronize");
}

namespace {
std::atomic<bool> tf32{false};
}  // namespace

void allow_tf32(bool on) { tf32 = on; }
bool tf32_allowed() { return tf32; }

Stream compute_stream(int device) { return context(device).compute; }
Stream copy_stream(int device) { return context(device).copy; }

// ---- copies -------------------------------------------------------------------------------------------------------------

void upload(void* to, const void* from, std::size_t bytes, int device) {
    Context& c = context(device);
    if (c.capturing) fail_cuda("a value cannot be moved to the device while a graph is captured; move it before");
    use(device);
    staged(c, to, from, bytes, c.compute);
}

void download(void* to, const void* from, std::size_t bytes, int device) {
    Context& c = context(device);
    if (c.capturing) fail_cuda("a value cannot be read while a graph is captured; read it after replay()");
    use(device);
    check(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToHost, c.compute), "download");
    check(cudaStreamSynchronize(c.compute), "download");
}

void prefetch(void* to, const void* from, std::size_t bytes, int device) {
    Context& c = context(device);
    if (c.capturing) fail_cuda("a value cannot be moved to the device while a graph is captured; move it before");
    use(device);
    check(cudaEventRecord(c.ready, c.compute), "cudaEventRecord");          // the block's last user may still be running
    check(cudaStreamWaitEvent(c.copy, c.ready, 0), "cudaStreamWaitEvent");
    staged(c, to, from, bytes, c.copy);
    check(cudaEventRecord(c.arrived, c.copy), "cudaEventRecord");
    check(cudaStreamWaitEvent(c.compute, c.arrived, 0), "cudaStreamWaitEvent");
}

void copy_bytes(void* to, const void* from, std::size_t bytes, int device) {
    Context& c = context(device);
    use(device);
    check(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToDevice, c.compute), "copy");
}

// ---- attributes ---------------------------------------------------------------------------------------------------------

namespace {

/// The oldest attributes go when there is too much of them, but never those that one op may hold together.
void shed_mirrors(Context& c) {
    constexpr std::size_t most = std::size_t{64} << 20;
    constexpr std::uint64_t kept = 16;
    while (c.mirror_bytes > most) {
        auto oldest = c.mirrors.end();
        for (auto it = c.mirrors.begin(); it != c.mirrors.end(); ++it)
            if (oldest == c.mirrors.end() || it->second.used < oldest->second.used) oldest = it;
        if (oldest == c.mirrors.end() || oldest->second.used + kept > c.mirror_clock) return;
        c.mirror_bytes -= oldest->first.second;
        release(oldest->second.data, c.device);
        c.mirrors.erase(oldest);
    }
}

const void* graph_mirror(Context& c, const void* host, std::size_t bytes, std::shared_ptr<const void> owner) {
    for (const GraphInput& in : *c.inputs)
        if (in.host == host && in.bytes == bytes) return in.data;
    c.inputs->push_back({host, bytes, allocate(bytes, c.device), std::move(owner)});
    return c.inputs->back().data;
}

}  // namespace

const void* mirror(const void* host, std::size_t bytes, int device, std::shared_ptr<const void> owner) {
    Context& c = context(device);
    const std::lock_guard<std::recursive_mutex> hold(c.memory_lock);
    if (c.capturing) return graph_mirror(c, host, bytes, std::move(owner));
    Mirror& m = c.mirrors[{host, bytes}];
    m.used = ++c.mirror_clock;
    if (m.data && std::memcmp(m.shadow.data(), host, bytes) == 0) return m.data;
    if (!m.data) {
        m.data = allocate(bytes, device);
        c.mirror_bytes += bytes;
    }
    m.shadow.assign(static_cast<const unsigned char*>(host), static_cast<const unsigned char*>(host) + bytes);
    upload(m.data, host, bytes, device);
    void* const data = m.data;
    shed_mirrors(c);
    return data;
}

// ---- events -------------------------------------------------------------------------------------------------------------

Event::Event() {
    cudaEvent_t e = nullptr;
    check(cudaEventCreate(&e), "cudaEventCreate");
    event_ = e;
}
Event::~Event() {
    if (event_) (void)cudaEventDestroy(static_cast<cudaEvent_t>(event_));
}
void Event::record(Stream stream) { check(cudaEventRecord(static_cast<cudaEvent_t>(event_), stream), "cudaEventRecord"); }
void Event::wait(Stream stream) const { check(cudaStreamWaitEvent(stream, static_cast<cudaEvent_t>(event_), 0), "cudaStreamWaitEvent"); }
void Event::synchronize() const { check(cudaEventSynchronize(static_cast<cudaEvent_t>(event_)), "cudaEventSynchronize"); }
float Event::since(const Event& start) const {
    float ms = 0;
    check(cudaEventElapsedTime(&ms, static_cast<cudaEvent_t>(start.event_), static_cast<cudaEvent_t>(event_)), "cudaEventElapsedTime");
    return ms;
}

}  // namespace svad::cuda
