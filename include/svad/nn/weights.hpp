// SPDX-License-Identifier: Apache-2.0
// Modules to and from safetensors files. Loading is strict: everything that is missing, unused or misshaped is listed
// in one error and nothing is changed. A checkpoint of another library is read through a NameTable: rules as data,
//     {"encoder.layer.*.attention.self.query.*", "layers.*.attn.q.*"}
// where * stands for one segment of the name. {q,k,v} splits a fused tensor by rows, {q,0,v} skips rows that are zero,
// `transposed` is for weights stored [in, out], `heads` for fused rows that come head by head. Sizes of 1 may differ
// ([1, 1, D] is [D]).
#pragma once

#include "svad/io/gguf_weights.hpp"
#include "svad/io/safetensors.hpp"
#include "svad/nn/module.hpp"

#include <algorithm>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace svad {

/// One kind of tensor: its name in the file and the parameter (or the parameters, by rows) that it fills.
struct NameRule {
    std::string file, ours;
    bool transposed = false;
    Index heads = 1;                                ///< q, k and v rows of the first head, then those of the next (Megatron)
};

/// How the names of a checkpoint map to a module's. The first rule counts that matches and whose parameters exist.
struct NameTable {
    std::vector<NameRule> rules;
    std::vector<std::string> ignored = {};          ///< globs of tensors that carry nothing to learn
    std::vector<std::string> stripped = {};         ///< prefixes that a name may carry beyond the rules
    std::vector<std::string> added = {};            ///< prefixes that a name may lack
    std::vector<std::string> elsewhere = {};        ///< globs of parameters that another file fills

    /// These rules for a part of a larger checkpoint and module.
    [[nodiscard]] NameTable inside(const std::string& file, const std::string& ours) const {
        NameTable t;
        for (const NameRule& r : rules) t.rules.push_back({file + r.file, ours + r.ours, r.transposed, r.heads});
        for (const std::string& glob : ignored) t.ignored.push_back(file + glob);
        return t;
    }
    /// Whether another file fills this parameter.
    [[nodiscard]] bool fills_elsewhere(const std::string& path) const {
        return std::any_of(elsewhere.begin(), elsewhere.end(), [&](const auto& glob) { return detail::glob_match(glob, path); });
    }
    NameTable& add(const NameTable& other) {
        rules.insert(rules.end(), other.rules.begin(), other.rules.end());
        ignored.insert(ignored.end(), other.ignored.begin(), other.ignored.end());
        return *this;
    }
};

using ParameterMap = std::map<std::string, Parameter*, std::less<>>;

/// All parameters by path; the pointers live as long as the module stays where it is.
template <Module M>
[[nodiscard]] ParameterMap parameter_map(M& module) {
    ParameterMap map;
    for_each_parameter(module, [&](const std::string& path, Parameter& p) {
        if (!map.emplace(path, &p).second) fail<UsageError>("weights: two parameters are called ", path);
    });
    return map;
}

/// Where a tensor of the file goes: parameters whose rows it holds one after another (null: rows of zeros).
struct NameTarget {
    std::vector<Parameter*> parts;
    bool transposed = false;
    bool ignored = false;
    Index heads = 1;
    explicit operator bool() const { return ignored || !parts.empty(); }
};

namespace detail {

/// The texts that the pattern's stars stand for, one segment each; false if it does not match.
inline bool match_segments(std::string_view pattern, std::string_view text, std::vector<std::string>& stars) {
    stars.clear();
    while (!pattern.empty() || !text.empty()) {
        const auto p = pattern.substr(0, pattern.find('.')), t = text.substr(0, text.find('.'));
        if (pattern.empty() != text.empty()) return false;
        if (p == "*") stars.emplace_back(t);
        else if (p != t) return false;
        if ((p.size() == pattern.size()) != (t.size() == text.size())) return false;
        pattern.remove_prefix(std::min(pattern.size(), p.size() + 1));
        text.remove_prefix(std::min(text.size(), t.size() + 1));
    }
    return true;
}

/// "a.*.{q,k}.w" with its stars filled in and its braces expanded; "0" stands for itself.
inline std::vector<std::string> expand_name(std::string name, const std::vector<std::string>& stars) {
    for (const std::string& s : stars)
        if (const auto at = name.find('*'); at != std::string::npos) name.replace(at, 1, s);
    const auto open = name.find('{'), close = name.find('}');
    if (open == std::string::npos || close == std::string::npos) return {name};
    std::vector<std::string> names;
    for (std::size_t i = open + 1; i <= close;) {
        const std::size_t stop = std::min(name.find(',', i), close);
        const std::string word = name.substr(i, stop - i);
        names.push_back(word == "0" ? word : name.substr(0, open) + word + name.substr(close + 1));
        i = stop + 1;
    }
    return names;
}

inline Shape without_ones(const Shape& s) {
    Shape out;
    for (Index n : s)
        if (n != 1) out.push_back(n);
    return out;
}

inline NameTarget apply_rules(const NameTable& table, const std::string& name, const ParameterMap& map) {
    std::vector<std::string> stars;
    for (const NameRule& rule : table.rules) {
        if (!match_segments(rule.file, name, stars)) continue;
        NameTarget target{{}, rule.transposed, false, rule.heads};
        for (const std::string& ours : expand_name(rule.ours, stars)) {
            const auto found = map.find(ours);
            if (ours == "0") target.parts.push_back(nullptr);
            else if (found != map.end()) target.parts.push_back(found->second);
            else break;
        }
        if (target.parts.size() == expand_name(rule.ours, stars).size()) return target;
    }
    return {};
}

}  // namespace detail

/// What `name` of the file fills, or nothing. An empty table means that the file has the module's own names.
[[nodiscard]] inline NameTarget resolve(const NameTable& table, const std::string& name, const ParameterMap& map) {
    if (table.rules.empty()) {
        const auto found = map.find(name);
        return found == map.end() ? NameTarget{} : NameTarget{{found->second}};
    }
    std::vector<std::string> tries{name};
    for (const std::string& prefix : table.stripped)
        if (name.starts_with(prefix)) tries.push_back(name.substr(prefix.size()));
    for (const std::string& prefix : table.added) tries.push_back(prefix + name);
    for (const std::string& t : tries)
        if (const NameTarget target = detail::apply_rules(table, t, map)) return target;
    for (const std::string& t : tries)
        for (const std::string& glob : table.ignored)
            if (detail::glob_match(glob, t)) return {{}, false, true};
    return {};
}

namespace detail {

/// The shape of part i; a part of zeros is like the first real one.
inline const Shape& part_shape(const NameTarget& target, std::size_t i) {
    const Parameter* p = target.parts[i];
    for (std::size_t k = 0; !p; ++k) p = target.parts.at(k);
    return p->shape();
}

/// The shape that the file's tensor must have, up to sizes of 1.
inline Shape expected_shape(const NameTarget& target) {
    Shape shape = part_shape(target, 0);
    if (target.parts.size() > 1) {
        Index rows = 0;
        for (std::size_t i = 0; i < target.parts.size(); ++i) rows += part_shape(target, i)[0];
        shape = shape.with(0, rows);
    }
    return target.transposed && shape.rank() == 2 ? Shape{shape[1], shape[0]} : shape;
}

inline Tensor<float> transposed(const Tensor<float>& x) {
    Tensor<float> y = Tensor<float>::uninitialized({x.size(1), x.size(0)});
    for (Index i = 0; i < x.size(0); ++i)
        for (Index j = 0; j < x.size(1); ++j) y(j, i) = x(i, j);
    return y;
}

/// Rows in groups [outer, inner] to [inner, outer]: `parts` parts of every head to the heads of every part, and back.
inline Tensor<float> regrouped(const Tensor<float>& x, Index outer, Index inner) {
    if (outer == 1 || inner == 1) return x;
    if (x.size(0) % (outer * inner) != 0) fail<io::FormatError>("weights: ", x.size(0), " rows do not divide into ", outer, " times ", inner, " groups");
    Tensor<float> y = Tensor<float>::uninitialized(x.shape());
    const Index run = x.numel() / (outer * inner);
    for (Index o = 0; o < outer; ++o)
        for (Index i = 0; i < inner; ++i) std::copy_n(x.data() + (o * inner + i) * run, run, y.data() + (i * outer + o) * run);
    return y;
}

inline std::string some(const std::vector<std::string>& names) {
    std::string text;
    for (std::size_t i = 0; i < names.size() && i < 4; ++i) text += (i ? ", " : "") + names[i];
    return text + (names.size() > 4 ? ", ..." : "");
}

}  // namespace detail

/// The target's values as the file would hold them, e.g. their gradients: get(parameter) gives each part's values.
template <class Get>
[[nodiscard]] Tensor<float> as_in_file(const NameTarget& target, Get get) {
    std::vector<float> all;
    for (std::size_t i = 0; i < target.parts.size(); ++i) {
        if (!target.parts[i]) {
            all.insert(all.end(), static_cast<std::size_t>(detail::part_shape(target, i).numel()), 0.0f);
            continue;
        }
        const Tensor<float> part = get(*target.parts[i]);
        all.insert(all.end(), part.begin(), part.end());
    }
    const Shape shape = detail::expected_shape(target);
    if (!target.transposed || shape.rank() != 2)
        return detail::regrouped(Tensor<float>(shape, all), static_cast<Index>(target.parts.size()), target.heads);
    return detail::transposed(Tensor<float>(Shape{shape[1], shape[0]}, all));
}

/// A file of named tensors: io::SafeTensors, io::GgufWeights.
template <class F>
concept WeightFile = requires(const F& file, const std::string& name) {
    { file.names() } -> std::same_as<std::vector<std::string>>;
    { file.info(name).shape } -> std::convertible_to<Shape>;
    { file.template load<float>(name) } -> std::same_as<Tensor<float>>;
};

/// Fills the whole module from the file. Throws FormatError that lists what is missing, unused and misshaped. Safetensors
/// become f32; the tensors of a GGUF file stay what and where they are, mapped, unless a rule splits or turns them.
template <Module M, WeightFile File>
void load(M& module, const File& file, const NameTable& table = {}) {
    const ParameterMap map = parameter_map(module);
    std::map<const Parameter*, bool> filled;
    std::vector<std::string> missing, unused, misshaped;
    std::vector<std::pair<std::string, NameTarget>> plan;
    for (const std::string& name : file.names()) {
        const NameTarget target = resolve(table, name, map);
        if (!target) unused.push_back(name);
        if (target.parts.empty()) continue;
        const Shape want = detail::expected_shape(target), got = file.info(name).shape;
        if (detail::without_ones(want) != detail::without_ones(got))
            misshaped.push_back(join(name, ": file ", got, ", model ", want));
        for (const Parameter* p : target.parts)
            if (p && !filled.emplace(p, true).second) unused.push_back(name + " (a second value for " + p->path() + ")");
        plan.emplace_back(name, target);
    }
    for (const auto& [path, p] : map)
        if (!filled.count(p) && !table.fills_elsewhere(path)) missing.push_back(path);
    if (!missing.empty() || !unused.empty() || !misshaped.empty()) {
        std::string text;
        const auto list = [&](const std::vector<std::string>& names, const std::string& what) {
            if (!names.empty()) text += join(text.empty() ? "" : ", ", names.size(), what, " (", detail::some(names), ")");
        };
        list(missing, join(" of ", map.size(), " missing"));
        list(unused, " unused");
        list(misshaped, " misshaped");
        fail<io::FormatError>("weights: ", file.path(), ": ", text);
    }
    for (const auto& [name, target] : plan) {
        if constexpr (requires { file.stored(std::string()); }) {
            const io::StoredTensor as_is = file.stored(name);
            if (target.parts.size() == 1 && target.parts[0] && !target.transposed) {
                target.parts[0]->set(Var(as_is.storage, target.parts[0]->shape(), as_is.dtype));
                continue;
            }
        }
        Tensor<float> values = file.template load<float>(name);
        if (target.transposed && values.rank() == 2) values = detail::transposed(values);
        values = detail::regrouped(values, target.heads, static_cast<Index>(target.parts.size()));
        Index at = 0;
        for (std::size_t i = 0; i < target.parts.size(); ++i) {
            Parameter* p = target.parts[i];
            const Shape& shape = detail::part_shape(target, i);
            if (p && target.parts.size() == 1) p->set(Var(values.reshape(shape)));
            else if (p) p->set(Var(Tensor<float>(shape, std::vector<float>(values.data() + at, values.data() + at + shape.numel()))));
            at += shape.numel();
        }
    }
}

/// Fills the module from a .safetensors file, the index of a sharded one, or a folder that holds either.
template <Module M>
void load(M& module, const std::string& path, const NameTable& table = {}) {
    load(module, io::open_weights(path), table);
}

/// The same, and moves the values to a device.
template <Module M>
void load(M& module, const std::string& path, Device device, const NameTable& table = {}) {
    load(module, path, table);
    to(module, device);
}

/// Writes every parameter under its path as `dtype` (f32, bf16, f16 or f64), atomically; not those whose path matches one
/// of the globs `elsewhere`.
template <Module M>
void save(const M& module, const std::string& path, const std::map<std::string, std::string>& metadata = {{"format", "pt"}},
          DType dtype = DType::f32, const std::vector<std::string>& elsewhere = {}) {
    std::vector<io::NamedBytes> tensors;
    std::vector<Storage> alive;
    for_each_parameter(module, [&](const std::string& name, Parameter& p) {
        for (const std::string& glob : elsewhere)
            if (detail::glob_match(glob, name)) return;
        const auto add = [&](const auto& values) {
            alive.push_back(values.storage());
            tensors.push_back(io::named(name, values));
        };
        switch (dtype) {
            case DType::f32: return add(p.var().template to<float>());
            case DType::f64: return add(p.var().template to<double>());
            case DType::bf16: return add(p.var().template to<bf16>());
            case DType::f16: return add(p.var().template to<f16>());
            default: fail<DTypeError>("save: weights are written as f32, f64, bf16 or f16; got ", dtype);
        }
    });
    io::write_safetensors(path, std::move(tensors), metadata);
}

}  // namespace svad
