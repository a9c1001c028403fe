// SPDX-License-Identifier: Apache-2.0
// What the golden runner is made of: a report that compares every expected tensor of a fixture with ours, and the
// functions that run one kind of fixture. Sizes, options, tolerances and names all come from the fixture.
#pragma once

#include "svad/autograd/backward.hpp"
#include "svad/infer/generate.hpp"
#include "svad/io/gzip.hpp"
#include "svad/io/json.hpp"
#include "svad/io/safetensors.hpp"
#include "svad/nn/weights.hpp"
#include "svad/ops/layout.hpp"

#include <set>
#include <string>
#include <vector>

namespace goldens {

using namespace svad;
using io::Json;

/// Comparisons of one fixture: the worst one relative to its tolerance, and what went wrong.
class Report {
public:
    explicit Report(std::string name) : name_(std::move(name)) {}

    /// got against want: max |got - want| <= limit * max |want| (or <= floor). NaN equals NaN.
    void close(const std::string& tensor, const Tensor<float>& got, const Tensor<float>& want, double limit, double floor = 0);
    /// All elements equal.
    void equal(const std::string& tensor, const std::vector<std::int64_t>& got, const std::vector<std::int64_t>& want);
    /// One number: |got - want| <= relative * |want| (or <= floor).
    void near(const std::string& name, double got, double want, double relative, double floor = 0);
    /// One thing that must be exactly so; `detail` says what it is instead.
    void same(const std::string& name, bool ok, const std::string& detail = "differs");
    void fail(const std::string& what) { problems_.push_back(what); }
    void unsupported(const std::string& why) { unsupported_ = why; }

    bool compared(const std::string& tensor) const { return seen_.count(tensor) > 0; }
    bool ok() const { return problems_.empty() && unsupported_.empty() && !seen_.empty(); }
    /// One line: "ok", "FAIL" or "unsupported", the fixture, the worst tensor.
    std::string line() const;

private:
    std::string name_, unsupported_, worst_ = "nothing";
    double worst_error_ = 0, worst_limit_ = 1;
    std::set<std::string> seen_;
    std::vector<std::string> problems_;
};

/// A folder with one model: its inputs, weights and what must come out.
struct ModelFixture {
    std::string folder;
    Json config, spec, tolerance;
    io::SafeTensors inputs, expected, weights;
    Report& report;

    ModelFixture(const std::string& folder, Report& report);

    Var input(const std::string& name) const { return inputs.load<float>(name); }
    Tensor<std::int32_t> ids(const std::string& name) const { return inputs.load<std::int32_t>(name); }
    Tensor<std::uint8_t> mask(const std::string& name) const;
    /// Compares with the expected tensor of this name, if the fixture has one.
    void check(const std::string& name, const Var& got) const;
    void check_ids(const std::string& name, const std::vector<std::int64_t>& got) const;
    /// All `grad.<name in the checkpoint>` that are parameters.
    void check_gradients(const NameTable& table, const ParameterMap& map) const;
    /// Whatever is expected and was not compared is a failure.
    void finish() const;

private:
    double limit(const std::string& name) const;
};

void run_ops(const std::string& folder, std::vector<Report>& reports);
void run_vit(const ModelFixture& fixture);
void run_clip_model(const ModelFixture& fixture);
void run_eva(const ModelFixture& fixture);
void run_bert(const ModelFixture& fixture);
void run_qformer(const ModelFixture& fixture);
void run_video_chat(const ModelFixture& fixture);
void run_uniformer(const ModelFixture& fixture);
void run_language(const ModelFixture& fixture);
void run_llava(const ModelFixture& fixture);
void run_blip2(const ModelFixture& fixture);
void run_qwen_vision(const ModelFixture& fixture);
void run_qwen2_vl(const ModelFixture& fixture);
void run_git(const ModelFixture& fixture);
void run_clip_vip(const ModelFixture& fixture);

/// All runs of the fixture that are expected, continuing `prompt`; their names begin with `prefix`.
void run_generation(const ModelFixture& fixture, const Decoder& model, const infer::Prompt& prompt, const std::string& prefix = "");
/// Mean cross entropy of the next word, where it has a label; hidden [B, P + L, D] for labels [B, L].
Var next_word_loss(const Decoder& model, const Var& hidden, const Tensor<std::int32_t>& labels);

// Published weights that the environment names.
void run_smollm2(const std::string& folder, std::vector<Report>& reports);
void run_minilm(const std::string& folder, std::vector<Report>& reports);
void run_dinov2(const std::string& folder, std::vector<Report>& reports);

// Fixtures of text: a folder each, a line for every file in it.
void run_metrics(const std::string& folder, std::vector<Report>& reports);
void run_tokenizers(const std::string& folder, std::vector<Report>& reports);
void run_bpe_training(const std::string& folder, std::vector<Report>& reports);
void run_captions(const std::string& folder, std::vector<Report>& reports);
void run_pos(const std::string& folder, std::vector<Report>& reports);

// Fixtures of video: a line for every file in the folder.
void run_video(const std::string& folder, std::vector<Report>& reports);
void run_shots(const std::string& folder, std::vector<Report>& reports);
void run_transnet(const std::string& folder, std::vector<Report>& reports);
/// The combined detector, where SVAD_TRANSNET names the network's weights.
void run_shot_detector(const std::string& folder, std::vector<Report>& reports);

/// Puts `report` on the list and its line on the screen.
void publish(const Report& report, std::vector<Report>& reports);

/// The JSON values of the lines of a file, which may be a gzip file.
std::vector<Json> read_json_lines(const std::string& path);
/// A JSON file, which may be a gzip file.
Json read_json_file(const std::string& path);
/// Names in `folder` that end as told, sorted.
std::vector<std::string> files_in(const std::string& folder, const std::vector<std::string>& endings);

/// x with rows of masked positions set to zero: x [B, L, D], mask [B, L].
Var masked(const Var& x, const Tensor<std::uint8_t>& mask);

}  // namespace goldens
