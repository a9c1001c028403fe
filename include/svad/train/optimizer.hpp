// SPDX-License-Identifier: Apache-2.0
// AdamW (Loshchilov & Hutter 2019) with torch's order of operations:
//     p *= 1 - lr * decay;  m = b1 m + (1 - b1) g;  v = b2 v + (1 - b2) g^2;
//     p -= lr / (1 - b1^t) * m / (sqrt(v) / sqrt(1 - b2^t) + eps)
// and clipping by the global norm. Matrices called "weight" decay; biases, norms, tokens and position tables do not.
// One pass over memory a parameter. It keeps pointers into the module, which must stay where it is.
#pragma once

#include "svad/nn/module.hpp"
#include "svad/ops/cast.hpp"
#include "svad/ops/elementwise.hpp"
#include "svad/train/optimizer_device.hpp"

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

namespace svad {

struct AdamWOptions {
    double beta1 = 0.9, beta2 = 0.999, eps = 1e-8;
    double decay = 0.01;
};

/// True for what weight decay is meant for: matrices and kernels, not norms, biases, tokens or position tables.
[[nodiscard]] inline bool decays(const std::string& path, const Parameter& p) {
    return p.shape().rank() >= 2 && (path == "weight" || path.ends_with(".weight") || path.ends_with("head"));
}

namespace detail {

/// Sum of squares in double, in fixed chunks, so that it does not depend on the number of threads.
template <class T>
double sum_of_squares(const T* x, Index n) {
    constexpr Index chunk = 16384;
    const Index chunks = (n + chunk - 1) / chunk;
    std::vector<double> parts(static_cast<std::size_t>(chunks));
    parallel_for(chunks, 4, [&](Index first, Index last) {
        for (Index c = first; c < last; ++c) {
            double s[8] = {};
            const Index stop = std::min(n, (c + 1) * chunk);
            Index i = c * chunk;
            for (; i + 8 <= stop; i += 8)
                for (Index k = 0; k < 8; ++k) s[k] += static_cast<double>(x[i + k]) * static_cast<double>(x[i + k]);
            for (; i < stop; ++i) s[0] += static_cast<double>(x[i]) * static_cast<double>(x[i]);
            parts[static_cast<std::size_t>(c)] = ((s[0] + s[1]) + (s[2] + s[3])) + ((s[4] + s[5]) + (s[6] + s[7]));
        }
    });
    double sum = 0;
    for (double p : parts) sum += p;
    return sum;
}

}  // namespace detail

/// Length of all trainable gradients together. Parameters without a gradient count as zero.
template <Module M>
[[nodiscard]] double grad_norm(const M& module) {
    double squares = 0;
#if SVAD_CUDA
    detail::DeviceGradients gradients;
#endif
    for_each_parameter(module, [&](const std::string&, Parameter& p) {
        if (!p.trainable()) return;
        const Var g = p.grad();
#if SVAD_CUDA
        if (g && detail::on_device(g)) return gradients.add(g);
#endif
        if (g)
            dispatch(g.dtype(), "grad_norm", [&](auto t) {
                squares += detail::sum_of_squares(g.contiguous_().detach().template data<decltype(t)>(), g.numel());
            });
    });
#if SVAD_CUDA
    if (!gradients.empty()) squares += gradients.squares().item();
#endif
    return std::sqrt(squares);
}

/// Scales all gradients by max_norm / (norm + 1e-6) if that is below 1; returns the norm before (torch's rule).
template <Module M>
double clip_grad_norm(M& module, double max_norm) {
    const double norm = grad_norm(module), scale = max_norm / (norm + 1e-6);
    if (!(scale < 1)) return norm;
    for_each_parameter(module, [&](const std::string&, Parameter& p) {
        if (!p.trainable() || !p.grad()) return;
        Var& g = p.var().node()->grad;
        if (detail::on_device(g)) {
            g = g.detach() * scale;
            return;
        }
        dispatch(g.dtype(), "clip_grad_norm", [&](auto t) {
            using T = decltype(t);
            // In place, unless the gradient shares memory with another value's.
            const bool own = g.contiguous() && g.storage().unique();
            const Var packed = g.contiguous_().detach(), scaled = own ? g : Var::uninitialized(g.shape(), g.dtype());
            const T* in = packed.data<T>();
            T* out = scaled.data<T>();
            parallel_for(g.numel(), 32768, [&](Index first, Index last) {
                for (Index i = first; i < last; ++i) out[i] = static_cast<T>(static_cast<double>(in[i]) * scale);
            });
            g = scaled;
        });
    });
    return norm;
}

/// One trained parameter with its moments; value, m and v, all f32, are the memory that step() changes. A parameter in bf16
/// (on a device) is a rounded copy of its value.
struct AdamWSlot {
    std::string path;
    Var value, m, v;
    Parameter* parameter = nullptr;
    bool decay = true;
    double rate = 1;                                ///< times the learning rate
};

class AdamW {
public:
    explicit AdamW(AdamWOptions options = {}) : options_(options) {}

    /// Trains the module's trainable parameters, known as prefix + path. The module must be filled and stay in place.
    template <Module M>
    void add(M& module, const std::string& prefix = "") {
        for_each_parameter(module, [&](const std::string& path, Parameter& p) {
            if (!p.trainable()) return;
            const Var at = p.var().detach();
            if (at.dtype() != DType::f32 && !(detail::on_device(at) && at.dtype() == DType::bf16))
                fail<DTypeError>("adamw: ", p.var(), " should be f32, or bf16 on a device");
            const Device device = at.device();
            slots_.push_back({prefix + path, cast(at, DType::f32), Var::zeros(p.shape(), DType::f32, device),
                              Var::zeros(p.shape(), DType::f32, device), &p, decays(path, p)});
        });
    }

    /// Decay on or off, and a factor on the learning rate, for the parameters whose path matches the glob.
    void group(std::string_view glob, bool decay, double rate = 1) {
        Index hits = 0;
        for (AdamWSlot& s : slots_)
            if (detail::glob_match(glob, s.path)) s.decay = decay, s.rate = rate, ++hits;
        if (hits == 0) fail<UsageError>("adamw: no parameter matches '", glob, "'");
    }

    /// One update with this learning rate. A parameter without a gradient stays as it is, moments included.
    void step(double rate) {
        ++steps_;
        const double t = static_cast<double>(steps_);
        const double correct1 = 1 - std::pow(options_.beta1, t), correct2 = std::sqrt(1 - std::pow(options_.beta2, t));
#if SVAD_CUDA
        std::vector<cuda::AdamWItem> items;
        std::vector<Var> kept;
        int device = 0;
#endif
        for (AdamWSlot& s : slots_) {
            const Var& at = s.parameter->var();
            if (at.dtype() == DType::f32 && at.storage().data() != s.value.storage().data())
                fail<UsageError>("adamw: ", s.path, " was given another value behind the optimizer's back; add it after loading");
            const Var g = s.parameter->grad();
#if SVAD_CUDA
            if (g && detail::on_device(g)) {
                kept.push_back(g.contiguous_().detach());
                device = g.device().index;
                items.push_back(item_of(s, kept.back()));
                continue;
            }
#endif
            if (g) update(s, g.contiguous_().detach(), rate * s.rate, correct1, correct2);
        }
#if SVAD_CUDA
        if (!items.empty()) update_on_device(items, device, rate, correct1, correct2);
#endif
    }

    /// Scales all gradients to this global norm if they are longer; returns the norm before.
    double clip(double max_norm) {
        Listed all{slots_};
        return clip_grad_norm(all, max_norm);
    }
    /// Drops the gradients.
    void clear() {
        for (const AdamWSlot& s : slots_) s.parameter->clear_grad();
    }

    /// Parameters in bf16 become their f32 values, rounded: after these were changed from outside.
    void round_copies() {
        for (const AdamWSlot& s : slots_)
            if (s.parameter->var().dtype() != DType::f32) s.parameter->set(cast(s.value, s.parameter->var().dtype()));
    }

    /// Updates so far, as the bias correction counts them.
    Index steps() const { return steps_; }
    void set_steps(Index n) { steps_ = n; }
    std::vector<AdamWSlot>& slots() { return slots_; }
    const std::vector<AdamWSlot>& slots() const { return slots_; }

private:
    struct Listed {                                 // the trained parameters as a module
        std::vector<AdamWSlot>& slots;
        void visit(auto&& f) {
            for (AdamWSlot& s : slots) f(s.parameter->path(), *s.parameter);
        }
    };

#if SVAD_CUDA
    cuda::AdamWItem item_of(const AdamWSlot& s, const Var& gradient) const {
        cuda::AdamWItem item;
        item.value = cuda::ref(s.value).as<float>(), item.m = cuda::ref(s.m).as<float>(), item.v = cuda::ref(s.v).as<float>();
        if (s.parameter->var().dtype() == DType::bf16) item.copy = cuda::ref(s.parameter->var()).data;
        item.grad = cuda::ref(gradient).data, item.grad_dtype = gradient.dtype();
        item.n = gradient.numel();
        item.decay = static_cast<float>(s.decay ? options_.decay : 0.0), item.rate = static_cast<float>(s.rate);
        return item;
    }

    void update_on_device(const std::vector<cuda::AdamWItem>& items, int device, double lr, double correct1, double correct2) {
        cuda::use(device);
        const cuda::Naming naming("adamw");
        numbers_ = {static_cast<float>(lr), static_cast<float>(correct1), static_cast<float>(correct2), 1.0F};
        const void* const step = cuda::mirror(&numbers_, sizeof numbers_, device);
        cuda::adamw(items.data(), static_cast<int>(items.size()), static_cast<const cuda::AdamWStep*>(step),
                    static_cast<float>(options_.beta1), static_cast<float>(options_.beta2), static_cast<float>(options_.eps),
                    cuda::compute_stream(device));
        cuda::finish_op(device);
    }
#endif

    void update(const AdamWSlot& s, const Var& gradient, double lr, double correct1, double correct2) const {
        const float* g = gradient.data<float>();
        float* p = s.value.data<float>();
        float* m = s.m.data<float>();
        float* v = s.v.data<float>();
        const auto b1 = static_cast<float>(options_.beta1), b2 = static_cast<float>(options_.beta2);
        const auto n1 = static_cast<float>(1 - options_.beta1), n2 = static_cast<float>(1 - options_.beta2);
        const auto keep = static_cast<float>(1 - (s.decay ? lr * options_.decay : 0.0));
        const auto scale = static_cast<float>(lr / correct1), correct = static_cast<float>(1 / correct2);
        const auto eps = static_cast<float>(options_.eps);
        parallel_for(gradient.numel(), 16384, [=](Index first, Index last) {
            for (Index i = first; i < last; ++i) {
                m[i] = b1 * m[i] + n1 * g[i];
                v[i] = b2 * v[i] + n2 * g[i] * g[i];
                p[i] = p[i] * keep - scale * m[i] / (std::sqrt(v[i]) * correct + eps);
            }
        });
    }

    AdamWOptions options_;
    std::vector<AdamWSlot> slots_;
    Index steps_ = 0;
#if SVAD_CUDA
    cuda::AdamWStep numbers_;                       // where a captured step finds this step's numbers
#endif
};

}  // namespace svad
