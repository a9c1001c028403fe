// SPDX-License-Identifier: Apache-2.0
// Fixtures of single ops: for every case of every file the value and all gradients.
#include "op_case.hpp"

#include "svad/ops/activation.hpp"
#include "svad/ops/attention.hpp"
#include "svad/ops/attention_joined.hpp"
#include "svad/ops/conv.hpp"
#include "svad/ops/elementwise.hpp"
#include "svad/ops/embedding.hpp"
#include "svad/ops/layout.hpp"
#include "svad/ops/linear.hpp"
#include "svad/ops/loss.hpp"
#include "svad/ops/norm.hpp"
#include "svad/ops/reduce.hpp"
#include "svad/ops/rope.hpp"

#include <cstdio>

namespace goldens {

namespace {

void run_norms(const OpCase& c, bool mean) {
    const Var x = c.leaf("x"), w = c.leaf("w"), b = c.leaf_or_none("b");
    const double eps = c.number("eps", 1e-5);
    c.finish(mean ? layer_norm(x, w, b, eps) : rms_norm(x, w, eps), "y", {{"x", x}, {"w", w}, {"b", b}});
}

void run_batch_norm(const OpCase& c) {
    const Var x = c.leaf("x"), w = c.leaf("w"), b = c.leaf("b");
    c.finish(batch_norm(x, w, b, c.values("running_mean"), c.values("running_var"), c.number("eps", 1e-5)), "y",
             {{"x", x}, {"w", w}, {"b", b}});
}

void run_activation(const OpCase& c) {
    for (const Activation a : {Activation::gelu, Activation::gelu_tanh, Activation::quick_gelu, Activation::silu, Activation::relu,
                               Activation::sigmoid, Activation::tanh}) {
        if (name_of(a) != c.name) continue;
        const Var x = c.leaf("x");
        return c.finish(activate(x, a), "y", {{"x", x}}, 1e-6);     // far tails underflow: absolute
    }
    c.report.fail("activation " + c.name + " is not known");
}

/// keep [B or 1, 1, R or 1, C] for scores x [B, H, R, C], or causal, as a mask of x's shape.
Tensor<std::uint8_t> full_mask(const OpCase& c, const Shape& x) {
    Tensor<std::uint8_t> mask(x);
    const Index C = x[-1], R = x[-2];
    const Shape k = c.has("keep") ? c.shape("keep") : Shape{};
    const Tensor<std::int32_t> keep = c.has("keep") ? c.ids("keep") : Tensor<std::int32_t>();
    for (Index i = 0; i < mask.numel(); ++i) {
        const Index column = i % C, row = i / C % R, outer = i / (C * R);
        if (!c.has("keep")) {
            mask[i] = column <= row + C - R;
            continue;
        }
        const Index head = x.rank() == 4 ? outer % x[1] : 0, batch = x.rank() == 4 ? outer / x[1] : outer;
        const Index kb = k[0] == 1 ? 0 : batch, kh = k.rank() == 4 && k[1] > 1 ? head : 0;
        const Index kr = k[-2] == 1 ? 0 : row;
        mask[i] = keep[((kb * (k.rank() == 4 ? k[1] : 1) + kh) * k[-2] + kr) * C + column] != 0;
    }
    return mask;
}

void run_softmax(const OpCase& c) {
    const Var x = c.leaf("x");
    if (c.name.starts_with("log_softmax")) return c.finish(log_softmax(x), "y", {{"x", x}});
    const bool causal = c.name.starts_with("causal") || c.options.value("causal", false);
    Var scores = x;
    if (c.has("keep") || causal) scores = where(full_mask(c, x.shape()), x, Var::full(x.shape(), -1e30));
    c.finish(softmax(scores), "y", {{"x", x}});
}

void run_attention(const OpCase& c) {
    AttentionOptions o;
    o.causal = c.options.value("causal", false) && !c.has("keep");
    o.scale = c.number("scale", 0);
    if (c.has("keep")) {
        const Tensor<std::int32_t> keep = c.ids("keep");
        o.keep = Tensor<std::uint8_t>(keep.shape());
        for (Index i = 0; i < keep.numel(); ++i) o.keep[i] = keep[i] != 0;
    }
    if (c.has("slopes")) o.slopes = c.values("slopes");
    for (const bool tokens : {false, true}) {       // both layouts that the op offers
        const Var q = c.leaf("q"), k = c.leaf("k"), v = c.leaf("v");
        const Index B = q.size(0), H = q.size(1), L = q.size(2), D = q.size(3), G = k.size(1), M = k.size(2);
        Var y;
        if (tokens) {
            const auto flat = [&](const Var& x, Index heads, Index n) { return x.permute({0, 2, 1, 3}).reshape({B, n, heads * D}); };
            y = attention_tokens(flat(q, H, L), flat(k, G, M), flat(v, G, M), H, G, o).reshape({B, L, H, D}).permute({0, 2, 1, 3});
        } else {
            y = attention(q, k, v, o);
        }
        c.finish(y, "y", {{"q", q}, {"k", k}, {"v", v}});
    }
}

void run_cross_entropy(const OpCase& c) {
    Var x = c.leaf("x"), scores = x;
    Tensor<std::int32_t> labels = c.ids("labels");
    if (x.rank() == 3) {                            // a language model: position t predicts label t + 1
        const Index B = x.size(0), L = x.size(1);
        Tensor<std::int32_t> next({B, L - 1});
        for (Index b = 0; b < B; ++b) std::copy_n(labels.data() + b * L + 1, L - 1, next.data() + b * (L - 1));
        scores = x.slice(1, 0, L - 1);
        labels = next;
    }
    LossOptions o;
    o.ignore = static_cast<std::int32_t>(c.number("ignore_index", -100));
    o.smoothing = static_cast<decltype(o.smoothing)>(c.number("label_smoothing", 0));
    const std::string reduction = c.options.value("reduction", std::string("mean"));
    o.reduction = reduction == "none" ? Reduction::none : reduction == "sum" ? Reduction::sum : Reduction::mean;
    c.finish(cross_entropy(scores, labels, o), c.has("loss") ? "loss" : "y", {{"x", x}});
}

void run_info_nce(const OpCase& c) {
    const Var text = c.leaf("text"), image = c.leaf("image"), scale = c.leaf("logit_scale");
    c.finish(info_nce(text, image, scale), "loss", {{"text", text}, {"image", image}, {"logit_scale", scale}});
}

void run_embedding(const OpCase& c) {
    const Var w = c.leaf("w");
    const Tensor<std::int32_t> ids = c.ids("ids");
    c.finish(c.options.contains("padding_idx") ? embedding(w, ids, c.options.at("padding_idx").get<std::int32_t>()) : embedding(w, ids),
             "y", {{"w", w}});
}

void run_linear(const OpCase& c) {
    const Var x = c.leaf("x"), w = c.leaf("w"), b = c.leaf_or_none("b");
    c.finish(linear(x, w, b), "y", {{"x", x}, {"w", w}, {"b", b}});
}

void run_conv2d(const OpCase& c) {
    const Var x = c.leaf("x"), w = c.leaf("w"), b = c.leaf_or_none("b");
    const Index stride = static_cast<Index>(c.number("stride", static_cast<double>(w.size(-1))));
    c.finish(conv2d(x, w, b, {stride, stride}, {0, 0}), "y", {{"x", x}, {"w", w}, {"b", b}});
}

void run_conv3d(const OpCase& c) {
    const Var x = c.leaf("x"), w = c.leaf("w"), b = c.leaf_or_none("b");
    Conv3d o;
    o.groups = static_cast<Index>(c.number("groups", 1));
    const Shape y = c.shape("y");
    for (std::size_t i = 0; i < 3; ++i) {
        const int axis = 2 + static_cast<int>(i);
        if (c.options.contains("stride")) o.stride[i] = c.options.at("stride").at(i).get<Index>();
        // Where the fixture is silent, the padding that gives its result.
        if (c.options.contains("padding")) o.padding[i] = c.options.at("padding").at(i).get<Index>();
        else o.padding[i] = std::max<Index>(0, ((y[axis] - 1) * o.stride[i] + w.size(axis) - x.size(axis) + 1) / 2);
    }
    c.finish(conv3d(x, w, b, o), "y", {{"x", x}, {"w", w}, {"b", b}});
    if (w.shape() != Shape{x.size(1), 1, 3, 3, 3} || !b || o.groups != x.size(1) || y != x.shape()) return;
    const Var x2 = c.leaf("x"), w2 = c.leaf("w"), b2 = c.leaf("b");         // the channels-last op that GMHRA uses
    c.finish(depthwise_tokens(x2.permute({0, 2, 3, 4, 1}), w2, b2).permute({0, 4, 1, 2, 3}), "y", {{"x", x2}, {"w", w2}, {"b", b2}});
}

void run_rotary(const OpCase& c) {
    if (!c.has("x")) {                              // tables: inv_freq_<head width>_<theta>
        for (const std::string& name : c.file.names()) {
            long long width = 0;
            double theta = 0;
            if (std::sscanf(name.c_str(), (c.name + ".inv_freq_%lld_%lf").c_str(), &width, &theta) != 2) continue;
            const auto frequencies = rope_frequencies(width, {.theta = theta});
            Tensor<float> got({static_cast<Index>(frequencies.size())});
            for (Index i = 0; i < got.numel(); ++i) got[i] = static_cast<float>(frequencies[static_cast<std::size_t>(i)]);
            c.check(name.substr(c.name.size() + 1), got);
        }
        return;
    }
    const Var x = c.leaf("x");                      // [B, H, L, D]
    RopeOptions o;
    o.theta = c.number("theta", 10000);
    o.interleaved = c.options.value("style", std::string("half")) == "interleaved";
    c.finish(rope(x.permute({0, 2, 1, 3}), c.ids("positions"), o).permute({0, 2, 1, 3}), "y", {{"x", x}});
    const Var again = c.leaf("x");                  // and with heads first
    o.heads_first = true;
    c.finish(rope(again, c.ids("positions"), o), "y", {{"x", again}});
}

void run_slopes(const OpCase& c) { c.check("slopes", alibi_slopes(c.shape("slopes")[0])); }

std::map<std::string, OpRunner> all_runners() {
    std::map<std::string, OpRunner> runners = {
        {"layer_norm", [](const OpCase& c) { run_norms(c, true); }},
        {"rms_norm", [](const OpCase& c) { run_norms(c, false); }},
        {"batch_norm3d", run_batch_norm}, {"activations", run_activation}, {"softmax", run_softmax},
        {"attention", run_attention}, {"cross_entropy", run_cross_entropy}, {"info_nce", run_info_nce},
        {"embedding", run_embedding}, {"linear", run_linear}, {"conv2d_patchify", run_conv2d}, {"conv3d", run_conv3d},
        {"rotary", run_rotary}, {"alibi_slopes", run_slopes}};
    add_composed(runners);
    return runners;
}

}  // namespace

void run_ops(const std::string& folder, std::vector<Report>& reports) {
    const Json spec = io::read_json(folder + "/spec.json"), tolerance = io::read_json(folder + "/tolerance.json");
    static const std::map<std::string, OpRunner> runners = all_runners();
    for (const auto& [op, entry] : spec.items()) {
        Report report("ops/" + op);
        try {
            const auto run = runners.find(op);
            const io::SafeTensors file = io::SafeTensors::open(folder + "/" + op + ".safetensors");
            if (run == runners.end()) report.unsupported("no such op");
            else
                for (const auto& [name, options] : entry.at("cases").items()) {
                    const Json all = tolerance.value(op, Json::object());
                    const OpCase c{file, name, options, all.value(name, Json::object()), report};
                    run->second(c);
                }
        } catch (const std::exception& e) {
            report.fail(e.what());
        }
        reports.push_back(report);
        std::printf("%s\n", report.line().c_str());
        std::fflush(stdout);
    }
}

}  // namespace goldens
