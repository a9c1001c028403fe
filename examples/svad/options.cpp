// SPDX-License-Identifier: Apache-2.0
// How the subcommands' options are called and checked: the one file of the tool that includes CLI11 beside main.cpp.
#include "commands.hpp"

#include "svad/infer/systems.hpp"

#include <CLI/CLI.hpp>

namespace tool {

CLI::App* add_synth(CLI::App& app, SynthOptions& o) {
    auto* c = app.add_subcommand("synth", "render a data set of short advertisements as H.264 MP4 files with annotations");
    c->add_option("--out", o.out, "folder to write to (finished files in it are kept)")->required();
    c->add_option("--primary", o.primary, "primary training clips, long fine-grained captions")->check(CLI::NonNegativeNumber);
    c->add_option("--held-out", o.held_out, "primary clips for evaluation")->check(CLI::NonNegativeNumber);
    c->add_option("--auxiliary", o.auxiliary, "auxiliary clips, short coarse captions")->check(CLI::NonNegativeNumber);
    c->add_option("--pretrain", o.pretrain, "clips with several very short captions for pre-training")->check(CLI::NonNegativeNumber);
    c->add_option("--seed", o.seed, "seed; same seed, same files");
    return c;
}

CLI::App* add_train(CLI::App& app, TrainArguments& o) {
    auto* c = app.add_subcommand("train", "train SVAD-VLM; run again with the same arguments to resume");
    c->add_option("--out", o.out, "folder of the run: checkpoints, metrics.jsonl, events and the finished model")->required();
    c->add_option("--primary", o.primary, "manifest (JSONL) of primary clips")->required();
    c->add_option("--auxiliary", o.auxiliary, "manifest (JSONL) of auxiliary clips");
    auto* init = c->add_option("--init", o.init, "folder of a model to start from (default: random weights)");
    c->add_option("--stage", o.stage, "naming: for a decoder that knows its language, the prefix learns to name the keywords; pretrain: short "
                                      "captions, blanks and keyword supervision; mixed: both data sets at once; post: auxiliary first, then "
                                      "primary (the baseline)")
        ->check(CLI::IsMember({"naming", "pretrain", "mixed", "post"}));
    c->add_option("--preset", o.preset, "sizes of a new model: demo, small or base")->check(CLI::IsMember({"demo", "small", "base"}));
    c->add_option("--steps", o.steps, "optimizer steps")->check(CLI::PositiveNumber);
    c->add_option("--batch", o.batch, "clips a batch")->check(CLI::PositiveNumber);
    c->add_option("--accumulate", o.accumulate, "batches per optimizer step")->check(CLI::PositiveNumber);
    c->add_option("--rate", o.rate, "peak learning rate")->check(CLI::PositiveNumber);
    c->add_option("--warmup", o.warmup, "part of the steps that warm up")->check(CLI::Range(0.0, 1.0));
    c->add_option("--clip", o.clip, "limit of the gradient's norm")->check(CLI::PositiveNumber);
    c->add_option("--lambda-d", o.lambda_d, "weight of the description loss")->check(CLI::NonNegativeNumber);
    c->add_option("--lambda-k", o.lambda_k, "weight of the keyword generation loss")->check(CLI::NonNegativeNumber);
    c->add_option("--lambda-words", o.lambda_words, "weight of keyword supervision (default: 1 in pretrain, else 0)");
    c->add_option("--lambda-naming", o.lambda_naming, "weight of naming, the prefix pointing to the keywords' vectors in the decoder (default: 1 in naming, else 0)");
    c->add_option("--ratio", o.ratio, "read lambda-k : lambda-d as loss weight or as sampling ratio")->check(CLI::IsMember({"weight", "sampling"}));
    c->add_option("--auxiliary-share", o.auxiliary_share, "part of each batch from the auxiliary clips")->check(CLI::Range(0.0, 1.0));
    c->add_option("--freeze", o.freeze, "pattern of parameters to freeze, such as 'encoder.*' (repeatable)");
    c->add_option("--lora", o.lora, "train low-rank parts of this rank beside frozen weights (0: none)")->check(CLI::Range(0, 4096));
    c->add_option("--lora-on", o.lora_on, "pattern of the linear layers that get low-rank parts");
    c->add_option("--token-room", o.token_room, "MiB of memory for the tokens of a frozen ViT, made once a clip and kept as f16 (0: made "
                                                "anew every step, in f32)")->check(CLI::NonNegativeNumber);
    c->add_flag("--unpack", o.unpack, "hold the decoder's weights as f32 while training: more memory than as the GGUF file stores them, faster steps");
    c->add_option("--vocabulary", o.vocabulary, "size of a new tokenizer")->check(CLI::Range(300, 100000));
    c->add_option("--precision", o.precision, "products in f32, or with operands rounded to bf16")->check(CLI::IsMember({"f32", "bf16"}));
    c->add_option("--weights", o.weights, "type of the finished model's weights on disk")->check(CLI::IsMember({"f32", "bf16"}));
    c->add_option("--save-every", o.save_every, "steps between checkpoints")->check(CLI::PositiveNumber);
    c->add_option("--seed", o.seed, "seed of weights, order, blanks and dropout");
    c->add_flag("--plan", o.plan, "print the memory that the run will take, and end");
    c->add_option("--profile", o.profile, "write where the time of ten steps goes to this file, as a Chrome trace, and print a table");
    c->add_flag("--json", o.json, "print the result as JSON");
    auto* system = c->add_option("--system", o.system, "fine-tune a system of the paper's comparison instead, from its folder in --init")
                       ->check(CLI::IsMember(std::vector<std::string>(svad::infer::system_names.begin(), svad::infer::system_names.end())))
                       ->needs(init);
    c->add_option("--prompt", o.prompt, "what the --system is asked (default: as published)")->needs(system);
    c->add_flag("--merge", o.merge, "write the whole --system with its low-rank parts folded in, not the parts alone")->needs(system);
    for (const char* ours : {"--auxiliary", "--stage", "--preset", "--lambda-d", "--lambda-k", "--lambda-words", "--lambda-naming", "--ratio", "--auxiliary-share",
                             "--token-room", "--unpack", "--vocabulary", "--weights"})
        system->excludes(c->get_option(ours));
    return c;
}

CLI::App* add_assemble(CLI::App& app, AssembleArguments& o) {
    auto* c = app.add_subcommand("assemble", "a SVAD-VLM from pre-trained parts, ready for svad train --init");
    c->add_option("--vision", o.vision, "DINOv2: a Hugging Face folder, or an ONNX file that holds it")->required();
    c->add_option("--words", o.words, "BERT (Hugging Face folder) whose layers the Q-Former starts from")->required();
    c->add_option("--language", o.language, "language model (GGUF file); its tokenizer is the model's")->required();
    c->add_option("--out", o.out, "folder of the model")->required();
    c->add_option("--frames", o.frames, "frames that a clip is sampled to")->check(CLI::Range(1, 4096));
    c->add_option("--image", o.image, "side of a frame in pixels, a multiple of the ViT's patch")->check(CLI::Range(1, 4096));
    c->add_option("--queries", o.queries, "queries of the Q-Former")->check(CLI::Range(1, 4096));
    c->add_option("--gmhra", o.gmhra, "GMHRA blocks, behind the last blocks of the ViT")->check(CLI::NonNegativeNumber);
    c->add_option("--describe", o.describe, "prompt in front of a description");
    c->add_option("--fill", o.fill, "prompt in front of a description with a blank");
    c->add_option("--seed", o.seed, "seed of what no part brings");
    c->add_flag("--json", o.json, "print the result as JSON");
    return c;
}

CLI::App* add_describe(CLI::App& app, DescribeOptions& o) {
    auto* c = app.add_subcommand("describe", "describe videos or pictures, one line each, or the shots of a whole video with their times");
    c->add_option("videos", o.videos, "files")->required();
    c->add_option("--model", o.model, "folder of a trained model")->required();
    std::vector<std::string> systems(svad::infer::system_names.begin(), svad::infer::system_names.end());
    systems.emplace_back("svad-vlm");
    c->add_option("--system", o.system, "whose model it is: ours, or a system of the paper's comparison with its own frames, prompt and search")
        ->check(CLI::IsMember(systems));
    c->add_option("--prompt", o.prompt, "what another --system is asked (default: as published)");
    c->add_option("--lora", o.lora, "low-rank parts that svad train --system made (default: lora.safetensors in the model's folder, if it is there)");
    c->add_option("--fill", o.fill, "instead of describing, fill the blank '__' in this text");
    c->add_option("--beams", o.beams, "hypotheses of the beam search (1: greedy; default: 1, or as the system does)")->check(CLI::Range(1, 64));
    c->add_option("--max-tokens", o.words, "tokens to generate at most (default: 96, or as the system does)")->check(CLI::Range(1, 2048));
    c->add_option("--shots", o.shots, "one description a shot, shots found by content, adaptive, hash or combined; none: a file is one "
                                      "clip (default: none for text and json, adaptive for srt, vtt and html)")
        ->check(CLI::IsMember({"none", "content", "adaptive", "hash", "combined"}));
    c->add_option("--transnet", o.transnet, "weights of TransNet V2 (.pth or .safetensors) for --shots combined");
    c->add_option("--least-shot", o.least_shot, "seconds; shorter shots join the one before")->check(CLI::NonNegativeNumber);
    auto* format = c->add_option("--format", o.format, "text, json (an object a line), srt, vtt or html (a page with film strips)")
                       ->check(CLI::IsMember({"text", "json", "srt", "vtt", "html"}));
    c->add_option("--out", o.out, "write to this file when all is done instead of to the standard output as it comes");
    c->add_option("--batch", o.batch, "shots described at once")->check(CLI::Range(1, 1024));
    c->add_flag("--json", o.json, "the same as --format json")->excludes(format);
    return c;
}

namespace {

void add_caption_files(CLI::App* c, CaptionFilesOptions& o) {
    auto* refs = c->add_option("--refs", o.refs, "references: COCO annotations, {id: [captions]} or JSONL; may be gzip");
    auto* hyps = c->add_option("--hyps", o.hyps, "captions to score: COCO results [{image_id, caption}] or JSONL");
    refs->needs(hyps);
    hyps->needs(refs);
    const auto add = [&](const std::string& name, auto& value, const std::string& text) {
        return c->add_option(name, value, text)->needs(refs);
    };
    add("--compare", o.compare, "captions of a second system: paired tests against --hyps");
    add("--lang", o.language, "language, which chooses the tokenizer: en ptb, zh char")->check(CLI::IsMember({"en", "zh"}));
    add("--tokenizer", o.tokenizer, "ptb, char, or whitespace for text cut into words already")
        ->check(CLI::IsMember({"ptb", "whitespace", "char"}));
    add("--missing", o.missing, "ids on one side only: an error, scored as empty captions, or left out")
        ->check(CLI::IsMember({"error", "empty", "skip"}));
    add("--items", o.items, "write the scores of every item here, JSONL");
    add("--rounds", o.rounds, "rounds of the bootstrap and the paired tests")->check(CLI::Range(10, 1000000));
    add("--seed", o.seed, "seed of the rounds");
    c->add_flag("--intervals", o.intervals, "95% intervals by the bootstrap")->needs(refs);
}

}  // namespace

CLI::App* add_evaluate(CLI::App& app, EvaluateOptions& o) {
    auto* c = app.add_subcommand("evaluate", "score a model on a manifest, beside two controls: shuffled videos and the best constant "
                                             "sentence; or any captions against references (--refs, --hyps)");
    add_caption_files(c, o.files);
    c->add_option("--model", o.model, "folder of a trained model");
    c->add_option("--data", o.data, "manifest (JSONL) of the clips to score on");
    c->add_option("--captions", o.captions, "score these instead of a model's: JSONL of {\"id\", \"caption\"}");
    c->add_option("--constant-from", o.compare, "manifest whose descriptions are candidates for the best constant sentence (default: --data)");
    c->add_option("--run", o.run, "folder of a training run whose curves the report shows");
    c->add_option("--report", o.report, "write a self-contained HTML page here");
    c->add_option("--out", o.out, "write what the model said here: JSONL of {\"id\", \"caption\", \"blank\", \"filled\"}");
    c->add_option("--by", o.by, "scores of every source or category by itself, too; another clip is then one of the same group")
        ->check(CLI::IsMember({"source", "category"}));
    c->add_option("--strips", o.strips, "clips that the report shows")->check(CLI::Range(0, 1000));
    c->add_option("--limit", o.limit, "score the first N clips only (0: all)")->check(CLI::NonNegativeNumber);
    c->add_option("--batch", o.batch, "clips decoded at once")->check(CLI::PositiveNumber);
    c->add_flag("--json", o.json, "print the scores as JSON");
    return c;
}

CLI::App* add_stats(CLI::App& app, StatsOptions& o) {
    auto* c = app.add_subcommand("stats", "statistics of annotated sets side by side: lengths, words per second, parts of speech, unique n-grams");
    c->add_option("manifests", o.manifests, "manifests (JSONL) or tables (TSV with a header of video, caption and what is known of seconds, "
                                            "tokens, tags, category, split), also as gzip; NAME=FILE names a set, files of one name are its splits")
        ->required();
    c->add_option("--lang", o.language, "language of the captions")->check(CLI::IsMember({"auto", "en", "zh"}));
    c->add_option("--words", o.words, "what a word is (auto: given tokens if there are any, else ptb for English, segments for Chinese)")
        ->check(CLI::IsMember({"auto", "given", "ptb", "blanks", "plain", "segments", "characters"}));
    c->add_option("--taggers", o.taggers, "folder with en.tagger, zh.tagger and zh.segmenter; 'none' leaves parts of speech out (default: those of svad)");
    c->add_option("--html", o.html, "write a self-contained page with the figures here");
    c->add_flag("--probe", o.probe, "decode videos whose seconds are not given, to know their length");
    c->add_flag("--json", o.json, "print everything as JSON");
    return c;
}

CLI::App* add_train_tagger(CLI::App& app, TrainTaggerOptions& o) {
    auto* c = app.add_subcommand("train-tagger", "learn parts of speech or word segmentation from treebank files");
    c->add_option("--task", o.task, "pos: a tagger; segment: a segmenter")->check(CLI::IsMember({"pos", "segment"}));
    c->add_option("--train", o.train, "files of 'word TAB tag' lines or CoNLL-U")->required();
    c->add_option("--dev", o.dev, "file to measure the result on; nothing is learnt from it");
    c->add_option("--out", o.out, "model file to write")->required();
    c->add_option("--lexicon", o.lexicon, "list of words, 'word [count] class' a line; becomes part of the model");
    c->add_option("--slots", o.slots, "bytes of the table of weights")->check(CLI::Range(1024, 64000000));
    c->add_option("--epochs", o.epochs, "passes over the training files")->check(CLI::Range(1, 1000));
    c->add_option("--dropout", o.dropout, "share of features hidden in training")->check(CLI::Range(0.0, 0.9));
    c->add_option("--learners", o.learners, "models with other seeds, whose mean is the result")->check(CLI::Range(1, 100));
    c->add_option("--margin", o.margin, "by how much the right label must lead")->check(CLI::Range(0, 1000));
    c->add_option("--seed", o.seed, "seed; same seed and files, same bytes");
    return c;
}

namespace {

void add_model(CLI::App* c, ModelOptions& o) {
    c->add_option("--endpoint", o.endpoint, "address of an OpenAI-compatible server, such as https://host/v1; its key is read from "
                                            "the environment variable SVAD_API_KEY");
    c->add_option("--model", o.model, "name of the model at the endpoint");
    c->add_option("--local", o.local, "folder of a GPT-2, LLaMA, Qwen2 or Baichuan model to run here instead: config.json, "
                                      "tokenizer.json, model.safetensors; greedy, one attempt");
    c->add_option("--chat", o.chat, "how --local writes a conversation: auto, plain, or a template of svad/text/chat_templates.hpp");
    c->add_option("--cache", o.cache, "keep replies in this file (JSONL) and ask nothing twice, also after a stop");
    c->add_option("--attempts", o.attempts, "questions per item until an answer can be read")->check(CLI::Range(1, 100));
    c->add_option("--tries", o.tries, "tries of one request while the server is busy or away")->check(CLI::Range(1, 100));
    c->add_option("--timeout", o.timeout, "seconds of one try")->check(CLI::Range(0.05, 86400.0));
    c->add_option("--parallel", o.parallel, "requests at the same time")->check(CLI::Range(1, 64));
}

}  // namespace

CLI::App* add_judge(CLI::App& app, JudgeArguments& o) {
    auto* c = app.add_subcommand("judge", "grade captions by a language model from 0 to 5: correctness, detail, context, temporal order");
    c->add_option("--refs", o.refs, "references: COCO annotations, {id: [captions]} or JSONL; may be gzip")->required();
    c->add_option("--hyps", o.hyps, "captions to grade: COCO results [{image_id, caption}] or JSONL")->required();
    add_model(c, o.model);
    c->add_option("--question", o.question, "the question that the captions answer");
    c->add_option("--aspects", o.aspects, "what to grade (default: all but consistency)")
        ->delimiter(',')
        ->check(CLI::IsMember({"correctness", "detail", "context", "temporal", "consistency"}));
    c->add_option("--second-question", o.second_question, "for consistency: a question like the first");
    c->add_option("--second-hyps", o.second_hyps, "for consistency: the captions that answer it");
    c->add_option("--missing", o.missing, "ids on one side only: an error, or left out and counted")->check(CLI::IsMember({"error", "skip"}));
    c->add_flag("--truncate", o.truncate, "drop the fraction of a score");
    c->add_option("--rounds", o.rounds, "rounds of the bootstrap")->check(CLI::Range(10, 1000000));
    c->add_option("--seed", o.seed, "seed of the rounds");
    c->add_option("--out", o.out, "write every raw answer here: JSONL of {\"id\", \"aspect\", \"score\", \"answers\"}");
    c->add_flag("--json", o.json, "print the scores as JSON");
    return c;
}

namespace {

void add_writing(CLI::App* c, GenerateOptions& o) {
    c->add_option("--model", o.model, "a GGUF file, or a Hugging Face folder of a decoder")->required();
    c->add_option("--max-tokens", o.words, "tokens of an answer at most")->check(CLI::Range(1, 1 << 20));
    c->add_option("--temperature", o.temperature, "0 takes the likeliest token, more samples")->check(CLI::Range(0.0, 100.0));
    c->add_option("--top-p", o.top_p, "sample from the likeliest tokens that hold this share")->check(CLI::Range(0.0, 1.0));
    c->add_option("--top-k", o.top_k, "sample from so many tokens (0: all)")->check(CLI::Range(0, 1 << 20));
    c->add_option("--precision", o.precision, "of reading the prompt: products in bf16 where the processor has them, or in f32; words are written in f32")
        ->check(CLI::IsMember({"bf16", "f32"}));
    c->add_option("--repetition-penalty", o.repetition, "makes tokens that were there less likely")->check(CLI::Range(0.01, 100.0));
    c->add_option("--seed", o.seed, "seed of sampling");
    c->add_option("--chat", o.chat, "chat template: a name, plain, or auto");
    c->add_option("--system", o.system, "system text of the chat");
}

}  // namespace

CLI::App* add_generate(CLI::App& app, GenerateOptions& o) {
    auto* c = app.add_subcommand("generate", "go on from a text with a language model");
    add_writing(c, o);
    c->add_option("--prompt", o.prompt, "the text; a question where --chat or --system is given")->required();
    c->add_flag("--plan", o.plan, "print what memory it will take before the model is loaded (GGUF files)");
    c->add_flag("--json", o.json, "print text, counts and seconds as JSON");
    return c;
}

CLI::App* add_chat(CLI::App& app, GenerateOptions& o) {
    auto* c = app.add_subcommand("chat", "talk with a language model, a line at a time");
    add_writing(c, o);
    return c;
}

CLI::App* add_rewrite(CLI::App& app, RewriteOptions& o) {
    auto* c = app.add_subcommand("rewrite", "the scores' upper limit: references said in other words by a language model, scored as captions");
    c->add_option("--refs", o.files.refs, "references: COCO annotations, {id: [captions]} or JSONL; the first of each is rewritten")->required();
    add_model(c, o.model);
    c->add_option("--lang", o.files.language, "language, which chooses the tokenizer: en ptb, zh char")->check(CLI::IsMember({"en", "zh"}));
    c->add_option("--tokenizer", o.files.tokenizer, "ptb, char, or whitespace for text cut into words already")
        ->check(CLI::IsMember({"ptb", "whitespace", "char"}));
    c->add_flag("--intervals", o.files.intervals, "95% intervals by the bootstrap");
    c->add_option("--rounds", o.files.rounds, "rounds of the bootstrap")->check(CLI::Range(10, 1000000));
    c->add_option("--seed", o.files.seed, "seed of the rounds");
    c->add_option("--out", o.out, "write the rewritten references here: JSONL of {\"id\", \"caption\"}");
    c->add_flag("--json", o.files.json, "print the scores as JSON");
    return c;
}

CLI::App* add_keywords(CLI::App& app, KeywordOptions& o) {
    auto* c = app.add_subcommand("keywords", "find the keywords of a manifest's descriptions: counts, colours, sides, objects, actions, attributes");
    c->add_option("manifest", o.manifest, "manifest (JSONL)")->required();
    c->add_option("--out", o.out, "manifest to write: the same lines with keywords")->required();
    c->add_option("--by", o.by, "a tagger with rules, or a language model")->check(CLI::IsMember({"tagger", "llm"}));
    c->add_option("--lang", o.language, "language of the descriptions (auto: of each by itself)")->check(CLI::IsMember({"auto", "en", "zh"}));
    c->add_option("--taggers", o.taggers, "folder of en.tagger, zh.tagger and zh.segmenter (default: those that come with svad)");
    c->add_option("--limit", o.limit, "keywords of a description at most")->check(CLI::Range(1, 1000));
    add_model(c, o.model);
    c->add_flag("--json", o.json, "print the counts as JSON");
    return c;
}

}  // namespace tool
