// SPDX-License-Identifier: Apache-2.0
// goldens DIR...: runs every fixture below the folders and prints one line each: ok, FAIL or unsupported, the fixture,
// and the tensor that came closest to its tolerance. Exit status 1 if any line is not ok.
#include "runner.hpp"

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <map>

namespace goldens {

void Report::close(const std::string& tensor, const Tensor<float>& got, const Tensor<float>& want, double limit, double floor) {
    seen_.insert(tensor);
    if (svad::detail::without_ones(got.shape()) != svad::detail::without_ones(want.shape())) {
        problems_.push_back(join(tensor, " is ", got.shape(), ", not ", want.shape()));
        return;
    }
    double error = 0, size = 0;
    for (Index i = 0; i < want.numel(); ++i) {
        if (std::isnan(want[i]) && std::isnan(got[i])) continue;
        if (want[i] == got[i]) {
            if (std::isfinite(want[i])) size = std::max(size, std::abs(static_cast<double>(want[i])));
            continue;
        }
        size = std::max(size, std::abs(static_cast<double>(want[i])));
        const double d = std::abs(static_cast<double>(got[i]) - static_cast<double>(want[i]));
        error = std::isfinite(d) ? std::max(error, d) : INFINITY;
    }
    const double allowed = std::max(limit * size, floor);
    if (error > allowed) {
        char text[96];
        std::snprintf(text, sizeof text, " is off by %.2g, allowed are %.2g", error, allowed);
        problems_.push_back(tensor + text);
    }
    if (worst_ == "nothing" || error * worst_limit_ > worst_error_ * allowed)
        worst_ = tensor, worst_error_ = error, worst_limit_ = std::max(allowed, 1e-300);
}

void Report::equal(const std::string& tensor, const std::vector<std::int64_t>& got, const std::vector<std::int64_t>& want) {
    seen_.insert(tensor);
    if (got.size() != want.size()) return problems_.push_back(join(tensor, " has ", got.size(), " elements, not ", want.size()));
    const auto at = std::mismatch(got.begin(), got.end(), want.begin());
    if (at.first != got.end())
        problems_.push_back(join(tensor, " has ", *at.first, " at ", at.first - got.begin(), ", not ", *at.second));
}

void Report::near(const std::string& name, double got, double want, double relative, double floor) {
    seen_.insert(name);
    const double error = got == want ? 0 : std::abs(got - want), allowed = std::max(relative * std::abs(want), floor);
    if (!(error <= allowed)) problems_.push_back(join(name, " is ", got, ", not ", want));
    if (worst_ == "nothing" || error * worst_limit_ > worst_error_ * allowed)
        worst_ = name, worst_error_ = error, worst_limit_ = std::max(allowed, 1e-300);
}

void Report::same(const std::string& name, bool ok, const std::string& detail) {
    seen_.insert(name);
    if (!ok) problems_.push_back(name + ": " + detail);
}

void publish(const Report& report, std::vector<Report>& reports) {
    reports.push_back(report);
    std::printf("%s\n", report.line().c_str());
    std::fflush(stdout);
}

std::vector<Json> read_json_lines(const std::string& path) {
    const std::string text = io::read_maybe_gzip(path);
    std::vector<Json> lines;
    for (std::size_t start = 0; start < text.size();) {
        const std::size_t end = std::min(text.find('\n', start), text.size());
        if (end > start) lines.push_back(io::parse_json(std::string_view{text}.substr(start, end - start), path));
        start = end + 1;
    }
    return lines;
}

Json read_json_file(const std::string& path) { return io::parse_json(io::read_maybe_gzip(path), path); }

std::vector<std::string> files_in(const std::string& folder, const std::vector<std::string>& endings) {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(folder)) {
        const std::string name = entry.path().filename().string();
        if (std::any_of(endings.begin(), endings.end(), [&](const auto& e) { return name.ends_with(e); })) names.push_back(name);
    }
    std::sort(names.begin(), names.end());
    return names;
}

std::string Report::line() const {
    char text[256];
    if (!unsupported_.empty()) return "unsupported  " + name_ + "  " + unsupported_;
    std::snprintf(text, sizeof text, worst_ == "nothing" ? "  %zu compared" : "  %zu compared, worst %s: %.2g of %.2g", seen_.size(),
                  worst_.c_str(), worst_error_, worst_limit_);
    std::string line = (ok() ? "ok    " : "FAIL  ") + name_ + (seen_.empty() ? "  nothing was compared" : text);
    for (std::size_t i = 0; i < problems_.size() && i < 6; ++i) line += "; " + problems_[i];
    return line + (problems_.size() > 6 ? "; ..." : "");
}

ModelFixture::ModelFixture(const std::string& path, Report& r)
    : folder(path), config(io::read_json(path + "/config.json")), spec(io::read_json(path + "/spec.json")),
      tolerance(io::read_json(path + "/tolerance.json")), inputs(io::SafeTensors::open(path + "/inputs.safetensors")),
      expected(io::SafeTensors::open(path + "/expected.safetensors")), weights(io::open_weights(path)), report(r) {}

Tensor<std::uint8_t> ModelFixture::mask(const std::string& name) const {
    if (!inputs.contains(name)) return {};
    const Tensor<std::int32_t> bits = ids(name);
    Tensor<std::uint8_t> out(bits.shape());
    for (Index i = 0; i < bits.numel(); ++i) out[i] = bits[i] != 0;
    return out;
}

double ModelFixture::limit(const std::string& name) const {
    const char* group = name.starts_with("grad.") ? "grads" : "outputs";
    return tolerance.at("suggested").at(group).at("max_err_over_absmax").get<double>();
}

void ModelFixture::check(const std::string& name, const Var& got) const {
    if (!expected.contains(name)) return;
    if (!got) return report.fail(name + " was not computed");
    report.close(name, got.to<float>(), expected.load<float>(name), limit(name));
}

void ModelFixture::check_ids(const std::string& name, const std::vector<std::int64_t>& got) const {
    if (!expected.contains(name)) return;
    const Tensor<std::int64_t> want = expected.load<std::int64_t>(name);
    report.equal(name, got, std::vector<std::int64_t>(want.begin(), want.end()));
}

void ModelFixture::check_gradients(const NameTable& table, const ParameterMap& map) const {
    for (const std::string& name : expected.names()) {
        if (!name.starts_with("grad.") || report.compared(name)) continue;
        const NameTarget target = resolve(table, name.substr(5), map);
        if (target.parts.empty()) continue;
        const Tensor<float> got = as_in_file(target, [](const Parameter& p) {
            const Var g = p.grad();
            return g ? g.to<float>() : Tensor<float>(p.shape());
        });
        check(name, Var(got));
    }
}

void ModelFixture::finish() const {
    for (const std::string& name : expected.names())
        if (!report.compared(name)) report.fail(name + " was not computed");
}

Var masked(const Var& x, const Tensor<std::uint8_t>& mask) {
    if (mask.rank() != 2) return x;
    const Tensor<float> values = x.to<float>();
    const Index row = x.numel() / mask.numel();
    for (Index i = 0; i < mask.numel(); ++i)
        if (!mask[i]) std::fill_n(values.data() + i * row, row, 0.0f);
    return values;
}

namespace {

void run_model(const std::string& folder, Report& report) {
    if (!io::exists(folder + "/config.json")) return report.unsupported("no config.json");
    const Json config = io::read_json(folder + "/config.json");
    const std::string type = io::field_or<std::string>(config, "model_type", "", folder);
    void (*run)(const ModelFixture&) = nullptr;
    if (type == "vit" || type == "dinov2" || type == "siglip_vision_model") run = run_vit;
    if (type == "clip") run = run_clip_model;
    if (type == "eva_clip_g") run = run_eva;
    if (type == "bert") run = run_bert;
    if (type == "blip_2_qformer") run = run_qformer;
    if (type == "videochat_encoder") run = run_video_chat;
    if (type == "uniformerv2") run = run_uniformer;
    for (const char* const decoder : {"llama", "baichuan", "qwen", "qwen2", "gpt2", "opt"})
        if (type == decoder) run = run_language;
    if (type == "llava" || type == "video_llava") run = run_llava;
    if (type == "blip-2" || type == "instructblip" || type == "instructblipvideo") run = run_blip2;
    if (type == "qwen" && config.contains("visual")) run = run_qwen_vision;
    if (type == "qwen2_vl") run = run_qwen2_vl;
    if (type == "git") run = run_git;
    if (type == "clip" && config.contains("vision_additional_config")) run = run_clip_vip;
    if (!run) return report.unsupported("model_type " + type);
    const ModelFixture fixture(folder, report);
    run(fixture);
    fixture.finish();
}

void run_folder(const std::filesystem::path& folder, std::vector<Report>& reports) {
    if (folder.filename() == "real_transnetv2") return run_transnet(folder.string(), reports);
    if (folder.filename() == "real_smollm2_135m") return run_smollm2(folder.string(), reports);
    if (folder.filename() == "real_minilm") return run_minilm(folder.string(), reports);
    if (folder.filename() == "real_dinov2_small") return run_dinov2(folder.string(), reports);
    if (std::filesystem::exists(folder / "spec.json")) {
        if (!std::filesystem::exists(folder / "expected.safetensors")) return run_ops(folder.string(), reports);
        Report report(folder.filename().string());
        try {
            run_model(folder.string(), report);
        } catch (const std::exception& e) {
            report.fail(e.what());
        }
        return publish(report, reports);
    }
    using Run = void (*)(const std::string&, std::vector<Report>&);
    const std::map<std::string, Run> of_kind{{"video", run_video}, {"shots", run_shots}, {"metrics", run_metrics}, {"tokenizers", run_tokenizers},
                                             {"bpe_training", run_bpe_training}, {"captions", run_captions}, {"pos", run_pos}};
    if (const auto found = of_kind.find(folder.filename().string()); found != of_kind.end()) found->second(folder.string(), reports);
    std::vector<std::filesystem::path> inner;
    for (const auto& entry : std::filesystem::directory_iterator(folder))
        if (entry.is_directory()) inner.push_back(entry.path());
    std::sort(inner.begin(), inner.end());
    for (const auto& path : inner) run_folder(path, reports);
}

}  // namespace
}  // namespace goldens

int main(int count, char** arguments) {
    std::vector<goldens::Report> reports;
    try {
        for (int i = 1; i < count; ++i) {
            std::filesystem::path folder = arguments[i];
            if (!folder.has_filename()) folder = folder.parent_path();
            goldens::run_folder(folder, reports);
        }
    } catch (const std::exception& e) {
        std::printf("FAIL  %s\n", e.what());
        return 1;
    }
    if (reports.empty()) std::printf("goldens: no fixture (a folder with spec.json) below the given folders\n");
    const bool ok = std::all_of(reports.begin(), reports.end(), [](const auto& r) { return r.ok(); });
    return ok && !reports.empty() ? 0 : 1;
}
