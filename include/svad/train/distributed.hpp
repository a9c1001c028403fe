// SPDX-License-Identifier: Apache-2.0
// Data parallel training: every rank runs the same model on its own part of the batch, and gradients are averaged before the
// optimizer's step. Gradients travel in f32, in buckets that are filled in a fixed order (the last parameter first), so that
// a run repeats to the bit. With a mean loss and as many labelled words on every rank, that is one rank with the whole batch.
// Worlds: threads of one process (tests, and CPUs), or one process a GPU over NCCL.
// Not done: sending the first buckets while the rest of the backward pass still runs.
#pragma once

#include "svad/io/file.hpp"
#include "svad/nn/module.hpp"
#include "svad/ops/layout.hpp"
#include "svad/ops/elementwise.hpp"

#if SVAD_CUDA && defined(SVAD_NCCL) && SVAD_NCCL
#include "svad/backend/cuda/nccl.hpp"
#endif

#include <condition_variable>
#include <cstring>
#include <mutex>
#include <thread>
#include <vector>

namespace svad::train {

/// The ranks that train together. All of them make the same calls in the same order.
class World {
public:
    virtual ~World() = default;
    virtual int rank() const = 0;
    virtual int size() const = 0;
    /// v (f32, contiguous, of one shape everywhere) becomes the sum over all ranks, added in one order.
    virtual void sum(const Var& v) = 0;
    /// v becomes what rank `root` has.
    virtual void broadcast(const Var& v, int root) = 0;
};

/// Where threads of one process meet; one LocalWorld a thread refers to it.
class Meeting {
public:
    explicit Meeting(int size) : values_(static_cast<std::size_t>(size)) {}
    int size() const { return static_cast<int>(values_.size()); }

    /// Every rank lays down `own`; all leave with all of them, in the order of ranks.
    std::vector<Tensor<float>> exchange(int rank, Tensor<float> own) {
        std::unique_lock hold(mutex_);
        values_[static_cast<std::size_t>(rank)] = std::move(own);
        wait(hold);
        std::vector<Tensor<float>> all = values_;
        wait(hold);                                 // nobody lays down the next value before everybody has read this one
        return all;
    }

private:
    void wait(std::unique_lock<std::mutex>& hold) {
        const std::uint64_t round = round_;
        if (++arrived_ == size()) {
            arrived_ = 0;
            ++round_;
            all_here_.notify_all();
        } else {
            all_here_.wait(hold, [&] { return round_ != round; });
        }
    }

    std::mutex mutex_;
    std::condition_variable all_here_;
    std::vector<Tensor<float>> values_;
    int arrived_ = 0;
    std::uint64_t round_ = 0;
};

/// A rank that is a thread of this process.
class LocalWorld final : public World {
public:
    LocalWorld(Meeting& meeting, int rank) : meeting_(meeting), rank_(rank) {}
    int rank() const override { return rank_; }
    int size() const override { return meeting_.size(); }

    void sum(const Var& v) override {
        const std::vector<Tensor<float>> all = meeting_.exchange(rank_, v.to<float>());
        const Tensor<float> total = all[0].clone();
        for (std::size_t r = 1; r < all.size(); ++r)
            for (Index i = 0; i < total.numel(); ++i) total[i] += all[r][i];
        svad::detail::overwrite(v, total);
    }
    void broadcast(const Var& v, int root) override {
        svad::detail::overwrite(v, meeting_.exchange(rank_, v.to<float>())[static_cast<std::size_t>(root)]);
    }

private:
    Meeting& meeting_;
    int rank_;
};

#if SVAD_CUDA && defined(SVAD_NCCL) && SVAD_NCCL

/// A rank that is this process, with a GPU of its own. Rank 0 leaves the world's id in `id_file`, which all can see and which
/// must not be there before; the others wait for it, a minute at most.
class NcclWorld final : public World {
public:
    NcclWorld(int rank, int size, int device, const std::string& id_file)
        : rank_(rank), size_(size), device_(device), comm_(rank, size, rank == 0 ? made(id_file) : found(id_file), device) {}
    int rank() const override { return rank_; }
    int size() const override { return size_; }
    void sum(const Var& v) override { comm_.sum(cuda::ref(v), cuda::compute_stream(device_)); }
    void broadcast(const Var& v, int root) override { comm_.broadcast(cuda::ref(v), root, cuda::compute_stream(device_)); }

private:
    static cuda::NcclId made(const std::string& file) {
        const cuda::NcclId id = cuda::nccl_id();
        io::write_atomic(file, std::string_view(id.data(), id.size()));
        return id;
    }
    static cuda::NcclId found(const std::string& file) {
        for (int tries = 0; tries < 600; ++tries) {
            try {
                const std::string text = io::read_file(file);
                cuda::NcclId id;
                if (text.size() == id.size()) {
                    std::memcpy(id.data(), text.data(), id.size());
                    return id;
                }
            } catch (const io::FileError&) {}       // rank 0 is not there yet
            std::this_thread::sleep_for(std::chrono::milliseconds(100));
        }
        fail<UsageError>("distributed: rank 0 has not written ", file);
    }

    int rank_, size_, device_;
    cuda::Communicator comm_;
};

#endif

/// Every rank gets rank 0's values: once, after init or load.
template <Module M>
void share_parameters(M& module, World& world) {
    for_each_parameter(module, [&](const std::string&, Parameter& p) {
        if (!p.filled() || is_blocked(p.var().dtype())) return;
        const Var v = p.var().detach(), wide = cast(v, DType::f32).contiguous_copy();
        world.broadcast(wide, 0);
        p.set(cast(wide, v.dtype()));
    });
}

/// Every trained parameter's gradient becomes its mean over the ranks. One that no rank has stays absent; one that some lack
/// counts as zeros there. `bucket` is how many values travel together.
template <Module M>
void average_gradients(M& module, World& world, Index bucket = Index{1} << 23) {
    const NoGrad off;
    std::vector<Parameter*> all;
    for_each_parameter(module, [&](const std::string&, Parameter& p) { if (p.trainable()) all.insert(all.begin(), &p); });
    if (all.empty()) return;
    const auto count = static_cast<Index>(all.size());
    Tensor<float> has({count});
    for (Index i = 0; i < count; ++i) has[i] = all[static_cast<std::size_t>(i)]->grad() ? 1.0F : 0.0F;
    const Var seen = Var(has).to(all[0]->var().device());
    world.sum(seen);
    const Tensor<float> ranks = seen.to<float>();
    std::vector<Parameter*> travelling;
    for (Index i = 0; i < count; ++i)
        if (ranks[i] > 0) travelling.push_back(all[static_cast<std::size_t>(i)]);

    for (std::size_t first = 0; first < travelling.size();) {
        std::vector<Var> parts;
        std::size_t last = first;
        for (Index size = 0; last < travelling.size() && (size == 0 || size + travelling[last]->numel() <= bucket); ++last) {
            const Parameter& p = *travelling[last];
            const Var g = p.grad();
            parts.push_back(g ? cast(g.detach(), DType::f32).reshape({p.numel()}) : Var::zeros({p.numel()}, DType::f32, p.var().device()));
            size += p.numel();
        }
        const Var joined = concat(0, parts);
        world.sum(joined);
        const Var mean = joined * (1.0 / world.size());
        Index at = 0;
        for (; first < last; ++first) {
            Parameter& p = *travelling[first];
            p.var().node()->grad = cast(mean.slice(0, at, at + p.numel()).reshape(p.shape()).contiguous_copy(), p.var().dtype());
            at += p.numel();
        }
    }
}

}  // namespace svad::train
