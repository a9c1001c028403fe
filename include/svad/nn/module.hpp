// SPDX-License-Identifier: Apache-2.0
// A module is a plain value with members, operator() and one line
//     void visit(auto&& f) { f("norm", norm); f("blocks", blocks); }
// which names its parts: parameters, modules, std::vector of them ("blocks.0") and std::optional of them. Everything
// else (listing, counting, filling, freezing, saving) walks that line, and the names are the checkpoint's names.
// Rejected: a base class with registration (a copied parent would point into the original's children), macros.
#pragma once

#include "svad/nn/parameter.hpp"

#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace svad {

namespace detail {

struct AnyVisitor {
    template <class C>
    void operator()(std::string_view, C&) const {}
};

template <class T>
inline constexpr bool is_vector = false;
template <class T, class A>
inline constexpr bool is_vector<std::vector<T, A>> = true;
template <class T>
inline constexpr bool is_optional = false;
template <class T>
inline constexpr bool is_optional<std::optional<T>> = true;

}  // namespace detail

/// A type whose `visit` lists its parts.
template <class M>
concept Module = requires(std::remove_const_t<M>& m, detail::AnyVisitor f) { m.visit(f); };

namespace detail {

// One walker type for all uses of a kind of part, so that every module's visit is compiled once for it.
template <class Part>
class Walker {
public:
    using Call = void (*)(void*, const std::string&, Part&);
    Walker(void* context, Call call) : context_(context), call_(call) {}

    template <class C>
    void operator()(std::string_view name, C& child) {
        const std::size_t before = path_.size();
        if (before > 0 && !name.empty()) path_ += '.';
        path_ += name;
        enter(child);
        path_.resize(before);
    }

    template <class C>
    void enter(C& child) {
        if constexpr (std::is_same_v<C, Part>) {
            call_(context_, path_, child);
        } else if constexpr (std::is_same_v<C, Parameter>) {
        } else if constexpr (is_optional<C>) {
            if (child) enter(*child);
        } else if constexpr (is_vector<C>) {
            for (std::size_t i = 0; i < child.size(); ++i) (*this)(std::to_string(i), child[i]);
        } else {
            child.visit(*this);
        }
    }

private:
    std::string path_;
    void* context_;
    Call call_;
};

/// True if `text` matches `pattern`, in which * stands for any text (dots too) and ? for one character.
inline bool glob_match(std::string_view pattern, std::string_view text) {
    std::size_t p = 0, t = 0, star = std::string_view::npos, retry = 0;
    while (t < text.size()) {
        if (p < pattern.size() && (pattern[p] == '?' || (pattern[p] == text[t] && pattern[p] != '*'))) ++p, ++t;
        else if (p < pattern.size() && pattern[p] == '*') star = p++, retry = t;
        else if (star != std::string_view::npos) p = star + 1, t = ++retry;
        else return false;
    }
    while (p < pattern.size() && pattern[p] == '*') ++p;
    return p == pattern.size();
}

}  // namespace detail

/// Calls f(path, parameter) for every parameter in the order of visit, and tells each its path.
template <Module M, class F>
void for_each_parameter(M& module, F&& f) {
    using Plain = std::remove_reference_t<F>;
    detail::Walker<Parameter> walker(const_cast<void*>(static_cast<const void*>(&f)),
                          [](void* context, const std::string& path, Parameter& p) {
                              p.set_path(path);
                              (*static_cast<Plain*>(context))(path, p);
                          });
    walker.enter(const_cast<std::remove_const_t<M>&>(module));
}

/// Calls f(path, part) for every module of type Part inside `module`, in the order of visit.
template <class Part, Module M, class F>
void for_each_part(M& module, F&& f) {
    using Plain = std::remove_reference_t<F>;
    detail::Walker<Part> walker(const_cast<void*>(static_cast<const void*>(&f)),
                                [](void* context, const std::string& path, Part& part) { (*static_cast<Plain*>(context))(path, part); });
    walker.enter(const_cast<std::remove_const_t<M>&>(module));
}

/// Tells every parameter its path, so that errors can name it before the model is filled.
template <Module M>
void name_parameters(M& module) {
    for_each_parameter(module, [](const std::string&, Parameter&) {});
}

/// All parameters by path, in the order of visit. The pointers live as long as the module stays where it is.
template <Module M>
[[nodiscard]] std::vector<std::pair<std::string, Parameter*>> parameters(M& module) {
    std::vector<std::pair<std::string, Parameter*>> list;
    for_each_parameter(module, [&](const std::string& path, Parameter& p) { list.emplace_back(path, &p); });
    return list;
}

enum class Count { all, trainable };

/// Number of learned values (buffers not counted).
template <Module M>
[[nodiscard]] Index parameter_count(const M& module, Count what = Count::all) {
    Index n = 0;
    for_each_parameter(module, [&](const std::string&, Parameter& p) {
        if (!p.is_buffer() && (what == Count::all || p.trainable())) n += p.numel();
    });
    return n;
}

namespace detail {

template <class M>
Index set_trainable(M& module, std::string_view glob, bool on) {
    Index hits = 0;
    for_each_parameter(module, [&](const std::string& path, Parameter& p) {
        if (!glob_match(glob, path)) return;
        p.set_trainable(on);
        ++hits;
    });
    if (hits == 0) fail<UsageError>(on ? "unfreeze" : "freeze", ": no parameter matches '", glob, "'");
    return hits;
}

}  // namespace detail

/// Stops training the parameters whose path matches the glob ("encoder.*"); returns how many there are, at least one.
template <Module M>
Index freeze(M& module, std::string_view glob) { return detail::set_trainable(module, glob, false); }
template <Module M>
Index unfreeze(M& module, std::string_view glob) { return detail::set_trainable(module, glob, true); }

/// Fills every parameter by its rule. Values depend on the seed and each parameter's path only.
template <Module M>
void init(M& module, std::uint64_t seed, DType dtype = DType::f32) {
    for_each_parameter(module, [&](const std::string&, Parameter& p) { p.fill(seed, dtype); });
}

/// The same on a device, in f32 or bf16.
template <Module M>
void init(M& module, std::uint64_t seed, Device device, DType dtype = DType::f32) {
    for_each_parameter(module, [&](const std::string&, Parameter& p) { p.fill(seed, dtype, device); });
}

/// Moves every value, blocked ones as they are. Optimizers that know the module must be made afterwards.
template <Module M>
void to(M& module, Device device) {
    for_each_parameter(module, [&](const std::string&, Parameter& p) {
        if (p.filled()) p.set(p.var().detach().to(device));
    });
}

/// Moves every value and converts all but the blocked ones, to f32 or bf16.
template <Module M>
void to(M& module, Device device, DType dtype) {
    if (dtype != DType::f32 && dtype != DType::bf16) fail<DTypeError>("to: on a device parameters are f32 or bf16; got ", dtype);
    for_each_parameter(module, [&](const std::string&, Parameter& p) {
        if (!p.filled()) return;
        const Var v = p.var().detach();
        p.set((is_blocked(v.dtype()) ? v : cast(v, dtype)).to(device));
    });
}

/// Converts every value, for gradient checks in f64.
template <Module M>
void to(M& module, DType dtype) {
    for_each_parameter(module, [&](const std::string&, Parameter& p) {
        if (dtype == DType::f64) p.set(Var(p.var().template to<double>()));
        else if (dtype == DType::f32) p.set(Var(p.var().template to<float>()));
        else fail<DTypeError>("to: parameters on the CPU are f32 or f64; got ", dtype);
    });
}

/// Drops the gradients of the last step.
template <Module M>
void clear_grads(M& module) {
    for_each_parameter(module, [](const std::string&, Parameter& p) { if (p.filled()) p.clear_grad(); });
}

/// One line per direct part (depth 1) or deeper: name, number of values, how many are trained; and the total.
template <Module M>
[[nodiscard]] std::string summary(const M& module, int depth = 1) {
    struct Row { Index all = 0, trained = 0; };
    std::vector<std::pair<std::string, Row>> rows;
    Row total;
    for_each_parameter(module, [&](const std::string& path, Parameter& p) {
        if (p.is_buffer()) return;
        std::size_t cut = 0;
        for (int i = 0; i < depth && cut != std::string::npos; ++i) cut = path.find('.', i == 0 ? 0 : cut + 1);
        const std::string part = path.substr(0, cut);
        if (rows.empty() || rows.back().first != part) rows.emplace_back(part, Row{});
        for (Row* row : {&rows.back().second, &total}) {
            row->all += p.numel();
            row->trained += p.trainable() ? p.numel() : 0;
        }
    });
    rows.emplace_back("total", total);
    std::size_t width = 0;
    for (const auto& [name, row] : rows) width = std::max(width, name.size());
    std::string text;
    for (const auto& [name, row] : rows) {
        std::string count = std::to_string(row.all);
        text += name + std::string(width - name.size() + 2, ' ') + std::string(12 - std::min<std::size_t>(12, count.size()), ' ') +
                count + (row.trained == row.all ? "" : row.trained == 0 ? "  frozen" : join("  ", row.trained, " trained")) + "\n";
    }
    return text;
}

}  // namespace svad
