// SPDX-License-Identifier: Apache-2.0
// The systems that the paper compares with (table 4), each from its own folder to a sentence: which frames it sees, its
// preprocessing, its prompt and its search as published. Systems for pictures see the middle frame, as in the paper.
//
//   blip2        1 frame    "a photo of"                 5 beams, up to 30 words
//   qwen-vl      1 frame    a caption in English         greedy, 8 to 30 words, no length penalty
//   llava        1 frame    Vicuna's conversation        greedy, up to 512 words
//   video-llava  8 frames   the same with a clip         greedy, up to 512 words
//   videochat    8 frames   its own conversation         top-p 0.9, up to 200 words
//   gvt         16 frames   none                         4 beams; its length penalty ((5 + n) / 6)^0.6 is n^0.6 here
// A folder is as Hugging Face lays it out: config.json, weights, tokenizer (tokenizer.json, vocab.txt or qwen.tiktoken),
// preprocessor_config.json. VideoChat's language model lies in a folder `language` inside, as one of its own. Low-rank
// parts in a file lora.safetensors beside them are part of the system. How it is fine-tuned: train/tune.hpp.
#pragma once

#include "svad/infer/generate.hpp"
#include "svad/infer/preprocessor.hpp"
#include "svad/models/hub.hpp"
#include "svad/models/names.hpp"
#include "svad/nn/any_module.hpp"
#include "svad/nn/export.hpp"
#include "svad/nn/lora.hpp"
#include "svad/text/chat_templates.hpp"
#include "svad/text/tokenizer.hpp"
#include "svad/video/reader.hpp"

#include <functional>
#include <memory>

namespace svad::infer {

struct System {
    text::Tokenizer tokenizer;
    Preprocessor pixels;
    video::Choice frames = video::Uniform{.frames = 1};
    SearchOptions search;                           ///< the last of its stop words ended the captions that it learned from
    std::string question;                           ///< what is asked, where the system takes words
    std::string cut;                                ///< the answer ends in front of this text
    const Decoder* decoder = nullptr;
    /// Input [1, T, 3, S, S], the frames' times in seconds and the question, to what the decoder continues.
    std::function<Prompt(const Var&, const std::vector<double>&, const std::string&)> prompt;
    AnyModule module;                               ///< all its weights: the language model's are decoder.*
    std::function<void(const std::string&)> write;  ///< the weights as they are, without low-rank parts, as a folder like its own

    /// Writes a folder like the one it came from with the present weights, low-rank parts folded in, which stand beside the
    /// weights again afterwards.
    void save(const std::string& folder) const {
        struct Folded {
            const AnyModule& module;
            explicit Folded(const AnyModule& m) : module(m) { merge_lora(module); }
            ~Folded() { unmerge_lora(module); }
            Folded(const Folded&) = delete;
            Folded& operator=(const Folded&) = delete;
        };
        const Folded whole(module);
        write(folder);
    }

    /// What it says of frames [T, H, W, 3] at these seconds.
    [[nodiscard]] std::string describe(const Tensor<std::uint8_t>& clip, const std::vector<double>& seconds) const {
        const NoGrad off;
        const Prompt asked = prompt(Var(pixels(clip)), seconds, question);
        std::vector<Id> heard;
        const auto ended = [&] { return !cut.empty() && tokenizer.decode(heard).find(cut) != std::string::npos; };
        std::vector<Id> ids = generate(*decoder, asked, search, {}, cut.empty() ? Heard{} : [&](Index, Id id) { return heard.push_back(id), !ended(); }).at(0).at(0).ids;
        while (!ids.empty() && search.stops(ids.back())) ids.pop_back();
        std::string text = tokenizer.decode(ids);
        if (!cut.empty()) text = text.substr(0, text.find(cut));
        const std::size_t first = text.find_first_not_of(" \n");
        return first == std::string::npos ? "" : text.substr(first, text.find_last_not_of(" \n") + 1 - first);
    }

    /// The same of a file, or of the part that options.range names.
    [[nodiscard]] std::string describe(const std::string& path, const video::ReadOptions& options = {}) const {
        const video::Clip clip = video::read(path, frames, options);
        return describe(clip.frames, clip.times);
    }
};

namespace detail {

inline const char* const qwen_pattern =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";

/// Qwen's special tokens, behind 151,643 ranks.
inline std::vector<text::SpecialToken> qwen_specials() {
    std::vector<text::SpecialToken> all;
    std::int32_t id = 151643;
    for (const char* name : {"<|endoftext|>", "<|im_start|>", "<|im_end|>"}) all.push_back({name, id++});
    for (int i = 0; i < 205; ++i) all.push_back({join("<|extra_", i, "|>"), id++});
    for (const char* name : {"<ref>", "</ref>", "<box>", "</box>", "<quad>", "</quad>", "<img>", "</img>", "<imgpad>"}) all.push_back({name, id++});
    return all;
}

inline text::Tokenizer folder_tokenizer(const std::string& folder) {
    if (io::exists(folder + "/tokenizer.json")) return text::Tokenizer::load(folder + "/tokenizer.json");
    if (const std::string ranks = folder + "/qwen.tiktoken"; io::exists(ranks))
        return text::Tokenizer{text::read_tiktoken(io::read_file(ranks), qwen_pattern, qwen_specials(), ranks)};
    if (const std::string words = folder + "/vocab.txt"; io::exists(words))
        return text::Tokenizer{text::read_wordpiece_vocab(io::read_file(words), true, words)};
    fail<io::FileError>(folder, ": holds no tokenizer.json, qwen.tiktoken or vocab.txt");
}

inline Tensor<Id> row_of(const std::vector<Id>& ids) { return Tensor<Id>({1, static_cast<Index>(ids.size())}, ids); }
inline void append(std::vector<Id>& to, const std::vector<Id>& more) { to.insert(to.end(), more.begin(), more.end()); }

/// The same table for a model that may have been given low-rank parts, which have a file of their own.
inline NameTable beside_lora(NameTable names) {
    names.elsewhere.emplace_back("*.lora.?");
    return names;
}

/// The model of config.json in the folder, filled, shared with the closures of the System.
template <class M, class Config>
std::shared_ptr<M> opened(System& s, const std::string& folder, Config config, const NameTable& names) {
    const auto model = std::make_shared<M>(config);
    load(*model, folder, names);
    s.module = AnyModule(model), s.decoder = &model->decoder;
    s.write = [model, folder, names = beside_lora(names)](const std::string& to) { export_like(*model, folder, to, names); };
    return model;
}

inline System start(const std::string& folder, Index image, const std::string& words = {}) {
    System s;
    s.tokenizer = folder_tokenizer(words.empty() ? folder : words), s.pixels = preprocessor_of(folder, image);
    s.search.vocabulary = s.tokenizer.vocabulary();
    return s;
}

inline std::string text_type(const io::Json& json) {
    return json.contains("text_config") && json["text_config"].is_object() ? json["text_config"].value("model_type", "llama") : "llama";
}

inline System open_blip2(const std::string& folder, const io::Json& json, const std::string& where) {
    const Blip2Config config = hub::blip2(json, where);
    System s = start(folder, config.vision.image);
    const auto model = opened<Blip2>(s, folder, config, names::blip2(text_type(json)));
    const Id begin = s.tokenizer.id("</s>");
    s.search.max_new = 30, s.search.min_new = 1, s.search.beams = 5, s.search.stop = {begin};
    if (const std::vector<Id> line = s.tokenizer.encode("\n"); line.size() == 1) s.search.stop.push_back(line[0]);     // how it was trained
    s.question = "a photo of";
    s.prompt = [model, begin, tokenizer = s.tokenizer](const Var& clip, const std::vector<double>&, const std::string& question) {
        const Var seen = model->see(clip.reshape({clip.size(1), 3, clip.size(3), clip.size(4)}));
        std::vector<Id> ids = placeholders(model->config.image_id, seen.size(0) * seen.size(1));
        ids.push_back(begin);
        append(ids, tokenizer.encode(question));
        return Prompt{.vectors = model->vectors(row_of(ids), seen), .keep = {}, .seen = {ids}};
    };
    return s;
}

inline System open_qwen_vl(const std::string& folder, const io::Json& json, const std::string& where) {
    const QwenVlConfig config = hub::qwen_vl(json, where);
    System s = start(folder, config.vision.vit.image);
    const auto model = opened<QwenVl>(s, folder, config, names::qwen_vl(config.vision.vit.heads));
    s.search.max_new = 30, s.search.min_new = 8, s.search.length_penalty = 0, s.search.stop = {s.tokenizer.id("<|endoftext|>")};
    s.question = "Generate the caption in English:";
    s.prompt = [model, tokenizer = s.tokenizer](const Var& clip, const std::vector<double>&, const std::string& question) {
        const Var seen = model->see(clip.reshape({clip.size(1), 3, clip.size(3), clip.size(4)}));
        std::vector<Id> ids{model->config.image_start};
        append(ids, placeholders(model->config.image_start + 2, seen.size(1)));
        ids.push_back(model->config.image_start + 1);
        append(ids, tokenizer.encode(question));
        return Prompt{.vectors = model->vectors(row_of(ids), seen), .keep = {}, .seen = {ids}};
    };
    return s;
}

/// A conversation of one question, in front of and behind the place where a system sees.
inline std::pair<std::vector<Id>, std::vector<Id>> around(const text::ChatTemplate& form, const text::Tokenizer& tokenizer, const std::string& question) {
    const std::string place = "\x01";
    const std::vector<text::Message> messages{{text::Role::user, place + question}};
    const std::string all = text::render(form, messages, true);
    const std::size_t at = all.find(place);
    std::vector<Id> front = tokenizer.encode(all.substr(0, at), text::Specials::as_tokens);
    if (const Id begin = tokenizer.id("<s>"); front.empty() || front.front() != begin) front.insert(front.begin(), begin);
    return {front, tokenizer.encode(all.substr(at + place.size()))};
}

inline System open_llava(const std::string& folder, const io::Json& json, const std::string& where, bool clips) {
    const LlavaConfig config = hub::llava(json, where);
    if (clips && !config.video) fail<UsageError>(where, ": has no tower for clips; it is llava, not video-llava");
    System s = start(folder, config.vision.image);
    const auto model = opened<Llava>(s, folder, config, names::llava(text_type(json)));
    s.search.max_new = 512, s.search.stop = {s.tokenizer.id("</s>")};
    if (clips) s.frames = video::Linspace{.frames = 8};
    s.question = clips ? "Describe the video in detail." : "Describe the image in detail.";
    s.prompt = [model, clips, tokenizer = s.tokenizer](const Var& clip, const std::vector<double>&, const std::string& question) {
        const Var seen = clips ? model->watch(clip) : model->see(clip.reshape({clip.size(1), 3, clip.size(3), clip.size(4)}));
        auto [ids, behind] = around(text::find_chat_template(clips ? "video-llava" : "llava-1.5"), tokenizer, "\n" + question);
        append(ids, placeholders(clips ? model->config.video_id : model->config.image_id, seen.size(0) * seen.size(1)));
        append(ids, behind);
        return Prompt{.vectors = model->vectors(row_of(ids), clips ? Var() : seen, clips ? seen : Var()), .keep = {}, .seen = {ids}};
    };
    return s;
}

inline System open_gvt(const std::string& folder, const io::Json& json, const std::string& where) {
    const GitConfig config = hub::gvt(json, where);
    System s = start(folder, config.vision.image);
    const auto model = opened<Git>(s, folder, config, names::gvt());
    const Id begin = s.tokenizer.id("[CLS]");
    s.frames = video::Stride{.frames = 16};
    s.search.max_new = 64, s.search.beams = 4, s.search.length_penalty = 0.6, s.search.stop = {s.tokenizer.id("[SEP]")};
    s.prompt = [model, begin](const Var& clip, const std::vector<double>&, const std::string&) {
        const Var seen = model->see(clip);
        return Prompt{.vectors = model->vectors(row_of({begin}), seen), .keep = {}, .seen = {{begin}}, .prefix = seen.size(1)};
    };
    return s;
}

/// VideoChat with its language model.
struct VideoChatSystem {
    VideoChat eyes;
    Decoder decoder;
    void visit(auto&& f) { f("", eyes); f("decoder", decoder); }
};

inline System open_videochat(const std::string& folder, const io::Json& json, const std::string& where) {
    const std::string language = folder + "/language", words = language + "/config.json";
    const io::Json text = io::read_json(words);
    const VideoChatConfig config = hub::video_chat(json, where);
    System s = start(folder, config.video.vit.image, language);
    const auto model = std::make_shared<VideoChatSystem>(VideoChatSystem{VideoChat(config), Decoder(hub::decoder(text, words))});
    if (model->decoder.config.width != config.word_width)
        fail<io::FormatError>(where, ": projects to words of ", config.word_width, ", but ", words, " has ", model->decoder.config.width);
    const NameTable eyes = beside_lora(names::video_chat()), tongue = beside_lora(names::decoder(text.value("model_type", "llama")));
    load(model->eyes, folder, eyes);
    load(model->decoder, language, tongue);
    name_parameters(*model);
    s.search.max_new = 200, s.search.sample = true, s.search.top_p = 0.9, s.search.stop = {s.tokenizer.id("</s>")};
    s.frames = video::Segments{.frames = 8};
    s.question = "Describe the video in detail.", s.cut = "###";
    s.module = AnyModule(model), s.decoder = &model->decoder;
    s.write = [model, folder, language, eyes, tongue](const std::string& to) {
        export_like(model->eyes, folder, to, eyes);
        export_like(model->decoder, language, to + "/language", tongue);
        name_parameters(*model);
    };
    s.prompt = [model, tokenizer = s.tokenizer](const Var& clip, const std::vector<double>& seconds, const std::string& question) {
        const Var seen = model->eyes(clip);                     // [1, Q + E, D]
        std::string times;
        for (const double t : seconds) {
            char text[32];
            std::snprintf(text, sizeof text, "%s%.1f", times.empty() ? "" : ", ", t);
            times += text;
        }
        std::vector<Id> front{tokenizer.id("<s>")};
        append(front, tokenizer.encode("###Human: <Video>"));
        const std::vector<Id> behind = tokenizer.encode(join("</Video> The video contains ", seconds.size(), " frames sampled at ", times, " seconds.\n###Human: ",
                                                             question, "\n###Assistant:"));
        std::vector<Id> ids = front;
        append(ids, behind);
        const Decoder& d = model->decoder;
        return Prompt{.vectors = concat(1, {d.embed(row_of(front)), seen, d.embed(row_of(behind))}), .keep = {}, .seen = {ids}};
    };
    return s;
}

}  // namespace detail

/// Names of the systems that open_system() knows.
inline constexpr std::array<std::string_view, 6> system_names{"blip2", "qwen-vl", "llava", "video-llava", "videochat", "gvt"};

/// The system `name` from its folder. Throws UsageError for other names, FileError and FormatError for the folder's files.
[[nodiscard]] inline System open_system(std::string_view name, const std::string& folder) {
    const std::string where = folder + "/config.json";
    const io::Json json = io::read_json(where);
    System s = [&] {
        if (name == "blip2") return detail::open_blip2(folder, json, where);
        if (name == "qwen-vl") return detail::open_qwen_vl(folder, json, where);
        if (name == "llava" || name == "video-llava") return detail::open_llava(folder, json, where, name == "video-llava");
        if (name == "videochat") return detail::open_videochat(folder, json, where);
        if (name == "gvt") return detail::open_gvt(folder, json, where);
        fail<UsageError>("there is no system '", name, "'; known are blip2, qwen-vl, llava, video-llava, videochat and gvt");
    }();
    if (const std::string parts = folder + "/lora.safetensors"; io::exists(parts)) load_lora(s.module, parts);
    return s;
}

}  // namespace svad::infer
