// SPDX-License-Identifier: Apache-2.0
// Op fixtures that are more than one op: a GMHRA block, AdamW, clipping, schedules, resizing, storage types.
#include "op_case.hpp"

#include "svad/models/gmhra.hpp"
#include "svad/models/names.hpp"
#include "svad/train/optimizer.hpp"
#include "svad/train/schedule.hpp"
#include "svad/video/transform.hpp"

namespace goldens {

namespace {

/// A list of parameters as a module.
struct Bag {
    std::vector<Parameter> p;
    void visit(auto&& f) { f("p", p); }
};

void run_gmhra(const OpCase& c) {
    const bool uniformer = c.name.starts_with("uniformerv2");
    const Var q = c.leaf("q"), y = c.leaf("y");
    const Index D = q.size(2), T = y.size(0) / q.size(0), side = std::lround(std::sqrt(static_cast<double>(y.size(1) - 1)));
    Gmhra block({.width = D, .heads = c.options.at("heads").get<Index>(), .hidden = c.shape("w.mlp.c_fc.weight")[0],
                 .activation = uniformer ? Activation::quick_gelu : Activation::gelu, .dpe_before_norm = uniformer});
    const ParameterMap map = parameter_map(block);
    const NameTable table = names::gmhra();
    const std::string prefix = c.name + ".w.";
    for (const std::string& name : c.file.names()) {
        if (!name.starts_with(prefix)) continue;
        const NameTarget target = resolve(table, name.substr(prefix.size()), map);
        Var rows = c.file.load<float>(name);
        Index at = 0;
        for (Parameter* p : target.parts) {
            p->set(rows.slice(0, at, at + p->shape()[0]).contiguous_());
            at += p->shape()[0];
        }
    }
    c.finish(block(q, y, {.frames = T, .rows = side, .columns = side}), "out", {{"q", q}, {"y", y}});
    const std::string gradients = c.name + ".dw.";
    for (const std::string& name : c.file.names()) {
        if (!name.starts_with(gradients)) continue;
        const NameTarget target = resolve(table, name.substr(gradients.size()), map);
        c.check(name.substr(c.name.size() + 1), as_in_file(target, [](const Parameter& p) { return p.grad().to<float>(); }));
    }
}

void run_adamw(const OpCase& c) {
    Bag bag;
    std::vector<Tensor<float>> gradients;
    for (int i = 0; c.has(join("p", i)); ++i) {
        const Tensor<float> start = c.values(join("p", i));
        bag.p.emplace_back(start.shape()).set(Var(start.clone()));
        gradients.push_back(c.values(join("g", i)));
    }
    AdamW optimizer({.beta1 = c.options.at("betas").at(0), .beta2 = c.options.at("betas").at(1), .eps = c.options.at("eps"),
                     .decay = c.options.at("weight_decay_group0")});
    optimizer.add(bag);
    optimizer.group("p.*", false);
    optimizer.group("p.0", true);
    const Tensor<double> rates = c.file.load<double>(c.name + ".lr");
    std::map<std::string, std::vector<float>> seen;
    for (Index step = 0; step < rates.numel(); ++step) {
        for (std::size_t i = 0; i < bag.p.size(); ++i) bag.p[i].var().node()->grad = Var(gradients[i].slice(step).clone());
        optimizer.step(rates[step]);
        for (std::size_t i = 0; i < bag.p.size(); ++i) {
            const AdamWSlot& s = optimizer.slots()[i];
            const Tensor<float> value = s.value.as<float>();
            const auto keep = [&](const std::string& name, const Tensor<float>& t) {
                auto& list = seen[name + std::to_string(i) + "_traj"];
                list.insert(list.end(), t.begin(), t.end());
            };
            keep("p", value), keep("m", s.m.as<float>()), keep("v", s.v.as<float>());
        }
    }
    for (const auto& [name, list] : seen) c.check(name, Tensor<float>(c.shape(name), list));
}

void run_clip(const OpCase& c) {
    Bag bag;
    for (int i = 0; c.has(join("g", i)); ++i) {
        const Tensor<float> g = c.values(join("g", i));
        Parameter& p = bag.p.emplace_back(g.shape());
        p.set(Var::zeros(g.shape()));
        p.var().node()->grad = g;
    }
    c.check("total_norm", Tensor<float>::of({static_cast<float>(clip_grad_norm(bag, c.options.at("max_norm")))}));
    for (std::size_t i = 0; i < bag.p.size(); ++i) c.check(join("clipped", i), bag.p[i].grad().to<float>());
}

void run_schedule(const OpCase& c) {
    Schedule schedule{.peak = c.options.at("base_lr"), .warmup = c.options.value("num_warmup_steps", Index{0}),
                      .total = c.options.value("num_training_steps", Index{1}), .cycles = c.number("num_cycles", 0.5)};
    if (c.name.starts_with("linear")) schedule.decay = Decay::linear;
    if (c.name.starts_with("constant")) schedule.decay = Decay::none;
    Tensor<float> got(c.shape("lr"));
    for (Index s = 0; s < got.numel(); ++s) got[s] = static_cast<float>(schedule(s));
    c.check("lr", got);
}

Tensor<float> planes(const Tensor<std::uint8_t>& image) {               // [H, W, 3] -> [3, H, W]
    Tensor<float> out({3, image.size(0), image.size(1)});
    for (Index i = 0; i < image.numel(); ++i) out[i % 3 * (image.numel() / 3) + i / 3] = image[i];
    return out;
}

void run_resize(const OpCase& c) {
    using namespace svad::video;
    const Tensor<std::uint8_t> x = c.file.load<std::uint8_t>(c.name + ".x");
    for (const std::string& full : c.file.names()) {
        if (!full.starts_with(c.name + ".") || full == c.name + ".x") continue;
        const std::string kind = full.substr(c.name.size() + 1);
        const Filter filter = kind.find("bilinear") != std::string::npos ? Filter::bilinear : Filter::bicubic;
        const Shape shape = c.shape(kind);
        if (kind.starts_with("pil_") || kind.starts_with("tv_")) {
            const bool crop = kind.ends_with("_crop"), torch = kind.starts_with("tv_");
            const auto [h, w] = crop ? shortest_edge(x.size(0), x.size(1), shape[0]) : std::pair{shape[0], shape[1]};
            const auto small = resize(x, h, w, filter, torch ? Arithmetic::torch : Arithmetic::pillow);
            const auto got = crop ? center_crop(small, shape[0]) : small;
            // Pillow is one implementation; torchvision's vector paths may differ from each other by a level.
            c.report.close(full, got.to<float>(), c.values(kind), 0, torch ? 1.0 : 0.0);
        } else if (kind.starts_with("clip_")) {
            const CropRounding rounding = kind.find("torchvision") != std::string::npos ? CropRounding::half_even : CropRounding::down;
            c.check(kind, to_input(x.reshape({1, x.size(0), x.size(1), 3}), {.size = shape[1], .rounding = rounding}).slice(0));
        } else {
            const Antialias antialias = kind.starts_with("aa_") ? Antialias::yes : Antialias::no;
            c.report.close(full, resize(planes(x), shape[1], shape[2], filter, antialias), c.values(kind), 0, 255 * 1e-6);
        }
    }
}

template <class T>
void check_rounding(const OpCase& c) {
    const Tensor<float> x = c.values("x");
    Tensor<float> back(x.shape());
    std::vector<std::int64_t> bits, want;
    const Tensor<std::int32_t> patterns = c.ids("bits");
    for (Index i = 0; i < x.numel(); ++i) {
        const T y(x[i]);
        back[i] = static_cast<float>(y);
        if (std::isnan(x[i])) continue;                     // any NaN is right
        bits.push_back(y.bits);
        want.push_back(patterns[i] & 0xffff);
    }
    c.report.equal(c.name + ".bits", bits, want);
    c.report.close(c.name + ".y_as_f32", back, c.values("y_as_f32"), 0);
    c.report.close(c.name + ".y", c.values("y"), c.values("y_as_f32"), 0);
}

void run_dtypes(const OpCase& c) {
    if (c.name == "bf16") return check_rounding<bf16>(c);
    if (c.name == "f16") return check_rounding<f16>(c);
    if (c.has("as_f32")) return c.report.close(c.name + ".as_f32", c.values("h"), c.values("as_f32"), 0);
    for (const std::string& name : c.file.names()) {        // the other storage types: the same as f32 and as f64
        if (!name.starts_with(c.name + ".")) continue;
        const io::TensorInfo& info = c.file.info(name);
        if (!info.dtype) {
            c.report.fail(name + " has a dtype that cannot be read");
            continue;
        }
        const Tensor<double> direct = c.file.load<double>(name);
        if (direct.shape() != info.shape) c.report.fail(name + " changed its shape");
        if (*info.dtype == DType::f64) continue;
        const Tensor<float> single = c.file.load<float>(name);
        c.report.close(name, single, direct.to<float>(), 0);
    }
}

}  // namespace

void add_composed(std::map<std::string, OpRunner>& runners) {
    runners["gmhra_block"] = run_gmhra;
    runners["adamw"] = run_adamw;
    runners["clip_grad_norm"] = run_clip;
    runners["lr_schedules"] = run_schedule;
    runners["resize"] = run_resize;
    runners["dtypes"] = run_dtypes;
}

}  // namespace goldens
