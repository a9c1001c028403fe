// SPDX-License-Identifier: Apache-2.0
// What lies under the kernels: device memory, the streams of a device, copies, events, scratch memory, graphs.
// All kernels of a device run on one stream, in order; transfers of frames and batches run on a second one. A freed block
// can therefore be given out again at once: whoever gets it is queued behind whoever used it. C++17 without a toolkit.
// Rejected: cudaMallocAsync (no word on what is live when memory runs out, and no addresses that a graph can keep).
#pragma once

#include "svad/backend/kernel.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

namespace svad::cuda {

// ---- devices ------------------------------------------------------------------------------------------------------------

/// Devices of this machine that CUDA can use; 0 without a driver.
int devices();
/// Name, memory and architecture, for people.
std::string describe(int device);
/// 80 for sm_80.
int architecture(int device);
/// Makes this device the one that this thread launches on.
void use(int device);
/// The device that this thread launches on.
int current();
/// Waits until everything queued on the device is done; throws CudaError if any of it failed.
void synchronize(int device);

/// The stream of all kernels of the device, and the one of transfers beside them.
Stream compute_stream(int device);
Stream copy_stream(int device);

/// Whether products of f32 may be made in TF32 (10 bits of fraction, on the tensor cores). Off unless asked for.
void allow_tf32(bool on);
bool tf32_allowed();

// ---- errors -------------------------------------------------------------------------------------------------------------

/// While it lives, errors and the memory list name this op for what this thread does.
class Naming {
public:
    explicit Naming(const char* op);
    ~Naming();
    Naming(const Naming&) = delete;
    Naming& operator=(const Naming&) = delete;

private:
    const char* outer_;
};

/// With SVAD_CUDA_SYNC=1 in the environment waits for what the op queued, so that an error inside a kernel is thrown by the
/// op that caused it, and not by a later one. Else nothing.
void finish_op(int device);

// ---- memory -------------------------------------------------------------------------------------------------------------

/// Bytes given out, the most that ever were at once, and those kept for reuse.
struct Memory {
    std::size_t live = 0, peak = 0, cached = 0, free = 0, total = 0;
};

/// 256-byte aligned device memory. When there is none left, the cache is emptied; then CudaError lists what is live, by op.
void* allocate(std::size_t bytes, int device);
void release(void* block, int device) noexcept;
Memory memory(int device);
/// Starts a new peak at what is live now.
void reset_peak(int device);
/// The device gives out no more than this: a way to share one, and to test running out.
void limit_memory(std::size_t bytes, int device);
/// Gives unused memory back to the driver.
void trim(int device);

// ---- copies -------------------------------------------------------------------------------------------------------------

/// Host to device, behind what is queued on the compute stream; `from` may be changed as soon as this returns.
void upload(void* to, const void* from, std::size_t bytes, int device);
/// Device to host; waits for what is queued and for the copy.
void download(void* to, const void* from, std::size_t bytes, int device);
/// Host to device on the copy stream, through pinned memory, beside running kernels; the compute stream waits for it.
void prefetch(void* to, const void* from, std::size_t bytes, int device);
/// Within one device, on the compute stream.
void copy_bytes(void* to, const void* from, std::size_t bytes, int device);

/// Device memory that holds what is at `host` now (labels, masks, tables: attributes of ops, which live on the host). The
/// copy is kept and given again while the bytes are the same, compared each time: content is never stale. The pointer is
/// valid for kernels queued before the next 64 MiB of such attributes. In a captured graph it is a buffer of the graph,
/// refreshed from `host`, which `owner` keeps in place (or who calls), before every replay.
const void* mirror(const void* host, std::size_t bytes, int device, std::shared_ptr<const void> owner = {});

// ---- events and graphs --------------------------------------------------------------------------------------------------

/// A point in a stream.
class Event {
public:
    Event();
    ~Event();
    Event(Event&& other) noexcept : event_(other.event_) { other.event_ = nullptr; }
    Event& operator=(Event&&) = delete;
    void record(Stream stream);
    void wait(Stream stream) const;                     ///< the stream waits, not the caller
    void synchronize() const;
    /// Milliseconds from `start` to this; both must have passed.
    float since(const Event& start) const;

private:
    void* event_ = nullptr;
};

/// True while a graph is captured on the device.
bool capturing(int device);

/// The launches of one call, to be repeated without the host's work. Memory that the call took belongs to the graph, so
/// results keep their addresses; they are overwritten by the next replay. What the host derives from its inputs is fixed at
/// the capture: shapes, numbers, and tensors that the call makes from others (the rows with labels in SvadVlm::loss). Values
/// on the device and host tensors that ops hold themselves may change in place between replays.
class Graph {
public:
    Graph();
    ~Graph();
    Graph(Graph&&) noexcept;
    Graph& operator=(Graph&&) noexcept;

    /// Records what `f()` queues on the device, without running it.
    template <class F>
    static Graph capture(int device, F&& f) {
        Graph graph;
        graph.begin(device);
        try {
            f();
        } catch (...) {
            graph.abandon();
            throw;
        }
        graph.finish();
        return graph;
    }
    /// Queues everything again; attributes of ops (see mirror) are read anew.
    void replay();
    explicit operator bool() const { return state_ != nullptr; }

private:
    struct State;
    void begin(int device);
    void abandon() noexcept;
    void finish();
    std::unique_ptr<State> state_;
};

}  // namespace svad::cuda
