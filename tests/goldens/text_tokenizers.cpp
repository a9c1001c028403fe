// SPDX-License-Identifier: Apache-2.0
// Fixtures of text: ids, byte ranges and decoded texts of tokenizers, a line for every file of expected results.
#include "runner.hpp"

#include "svad/text/clip_clean.hpp"
#include "svad/text/sentencepiece.hpp"
#include "svad/text/tokenizer.hpp"

#include <algorithm>
#include <map>

namespace goldens {

namespace {

/// The texts by number: as bytes, and as the string that programs for text were given.
struct Texts {
    std::map<std::int64_t, std::string> bytes, strings;
};

std::string from_hex(const std::string& hex) {
    std::string out;
    for (std::size_t i = 0; i + 1 < hex.size(); i += 2) out += static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16));
    return out;
}

Texts read_texts(const std::string& folder) {
    Texts texts;
    for (const Json& line : read_json_lines(folder + "/texts.jsonl")) {
        const auto i = line.at("i").get<std::int64_t>();
        texts.bytes[i] = line.contains("text") ? line["text"].get<std::string>() : from_hex(line.at("hex").get<std::string>());
        texts.strings[i] = text::replace_invalid_utf8(texts.bytes[i]);
    }
    return texts;
}

std::vector<std::int64_t> wide(const std::vector<std::int32_t>& ids) { return {ids.begin(), ids.end()}; }
std::vector<std::int64_t> list(const Json& json) { return json.get<std::vector<std::int64_t>>(); }

/// Compares one list of one row; the row's number is part of the name.
void check_list(Report& report, const Json& row, const char* key, const std::vector<std::int64_t>& got) {
    if (row.contains(key)) report.equal(join(key, " of ", row.at("i").get<std::int64_t>()), got, list(row[key]));
}

void check_text(Report& report, const Json& row, const char* key, const std::string& got, const std::string& otherwise) {
    const std::string want = row.contains(key) ? row[key].get<std::string>() : otherwise;
    report.same(join(key, " of ", row.at("i").get<std::int64_t>()), got == want, join("'", got, "', not '", want, "'"));
}

std::vector<std::int64_t> flat(const std::vector<text::Span>& spans) {
    std::vector<std::int64_t> out;
    for (const text::Span s : spans) out.insert(out.end(), {s.begin, s.end});
    return out;
}

std::vector<std::int64_t> flat(const Json& pairs) {
    std::vector<std::int64_t> out;
    for (const Json& pair : pairs) out.insert(out.end(), {pair.at(0).get<std::int64_t>(), pair.at(1).get<std::int64_t>()});
    return out;
}

/// A tokenizer.json against the rows of the tokenizers library.
void run_json(const text::Tokenizer& t, const std::vector<Json>& rows, const Texts& texts, Report& report) {
    using text::Specials;
    for (const Json& row : rows) {
        const std::string& text = texts.strings.at(row.at("i").get<std::int64_t>());
        const text::Encoding bare = t.encode_with(text, {.specials = Specials::as_tokens, .add_special = false});
        check_list(report, row, "ids", wide(bare.ids));
        report.same(join("encode of ", row["i"].dump()), t.encode(text, Specials::as_tokens) == bare.ids, "gives other ids than encode_with");
        if (row.contains("off")) report.equal(join("off of ", row["i"].dump()), flat(bare.offsets), flat(row["off"]));
        const std::string with = text::replace_invalid_utf8(t.decode(bare.ids, Specials::as_text));
        check_text(report, row, "dec", with, text);
        check_text(report, row, "dec_skip", text::replace_invalid_utf8(t.decode(bare.ids)), row.contains("dec") ? row["dec"].get<std::string>() : text);
        if (row.contains("ids_sp")) check_list(report, row, "ids_sp", wide(t.encode_with(text, {.specials = Specials::as_tokens}).ids));
    }
}

void run_padded(const text::Tokenizer& t, const std::vector<Json>& rows, const Texts& texts, Report& report) {
    for (const Json& row : rows) {
        const text::Encoding got = t.encode_with(texts.strings.at(row.at("i").get<std::int64_t>()), {.specials = text::Specials::as_tokens, .lengths = true});
        check_list(report, row, "ids", wide(got.ids));
        report.near(join("mask of ", row["i"].dump()), static_cast<double>(std::count(got.mask.begin(), got.mask.end(), 1)), row.at("mask").get<double>(), 0);
    }
}

void run_pairs(const text::Tokenizer& t, const std::vector<Json>& rows, const Texts& texts, Report& report) {
    for (const Json& row : rows) {
        const auto a = row.at("a").get<std::int64_t>(), b = row.at("b").get<std::int64_t>();
        const text::Encoding got = t.encode_pair(texts.strings.at(a), texts.strings.at(b), {.specials = text::Specials::as_tokens});
        report.equal(join("ids of ", a, " and ", b), wide(got.ids), list(row.at("ids")));
        report.equal(join("type_ids of ", a, " and ", b), wide(got.type_ids), list(row.at("type_ids")));
    }
}

/// Qwen's ranks against tiktoken; `start`: the first byte of the character in which each token begins.
void run_tiktoken(const std::string& folder, const std::vector<Json>& rows, const Texts& texts, Report& report) {
    const std::string path = folder + "/files/qwen.tiktoken";
    const Json about = read_json_file(path + ".json");
    std::vector<text::SpecialToken> specials;
    for (const auto& [name, id] : about.at("special_tokens").get_ref<const Json::object_t&>()) specials.push_back({name, id.get<std::int32_t>()});
    text::TokenizerParts parts = text::read_tiktoken(io::read_maybe_gzip(path + ".gz"), about.at("pattern").get<std::string>(), specials, path);
    const text::Tokenizer plain{parts};
    parts.normalizer = {text::normalize::Unicode{text::UnicodeForm::nfc}};
    const text::Tokenizer nfc{std::move(parts)};
    for (const Json& row : rows) {
        const auto i = row.at("i").get<std::int64_t>();
        const std::string& text = texts.strings.at(i);
        const std::vector<std::int32_t> ids = plain.encode(text);
        check_list(report, row, "ids", wide(ids));
        report.same(join("text of ", i), plain.decode(ids) == text, "does not come back");
        std::vector<std::int64_t> starts;
        for (const text::Span s : plain.encode_with(text, {.add_special = false}).offsets) starts.push_back(s.begin);
        check_list(report, row, "start", starts);
        const std::vector<std::int64_t> special = wide(nfc.encode(text, text::Specials::as_tokens));
        report.equal(join("ids_nfc_special of ", i), special, list(row.contains("ids_nfc_special") ? row["ids_nfc_special"] : row["ids"]));
        if (!row.contains("ids_raw_bytes")) continue;
        const std::vector<std::int32_t> raw = plain.encode(texts.bytes.at(i));
        check_list(report, row, "ids_raw_bytes", wide(raw));
        report.same(join("bytes of ", i), plain.decode(raw) == texts.bytes.at(i), "do not come back");
    }
}

/// CLIP's merges against open_clip.
void run_clip(const std::string& folder, const std::vector<Json>& rows, const Texts& texts, Report& report) {
    const std::string path = folder + "/files/clip_bpe_simple_vocab_16e6.txt.gz";
    const text::Tokenizer t{text::read_clip_merges(io::read_maybe_gzip(path), path)};
    for (const Json& row : rows) {
        const auto i = row.at("i").get<std::int64_t>();
        const std::string clean = text::clip_clean(texts.strings.at(i));
        check_text(report, row, "clean", clean, texts.strings.at(i));
        const std::vector<std::int32_t> ids = t.encode(clean, text::Specials::as_tokens);
        check_list(report, row, "ids", wide(ids));
        check_text(report, row, "dec", text::replace_invalid_utf8(t.decode(ids, text::Specials::as_text)), "");
        check_list(report, row, "ctx77", wide(t.encode_with(clean, {.specials = text::Specials::as_tokens, .lengths = true}).ids));
    }
}

/// A .model file against the sentencepiece program, which took bytes where the text is given in hexadecimal.
void run_sentencepiece(const std::string& path, const std::vector<Json>& rows, const Texts& texts, Report& report) {
    const text::SentencePiece t = text::SentencePiece::load(path);
    for (const Json& row : rows) {
        const auto i = row.at("i").get<std::int64_t>();
        const text::SentencePieces got = t.encode(texts.bytes.at(i));
        check_list(report, row, "ids", wide(got.ids));
        check_list(report, row, "ids_replaced", wide(t.encode(texts.strings.at(i)).ids));
        std::vector<std::int64_t> offsets;
        for (const auto& [begin, end] : got.offsets) offsets.insert(offsets.end(), {static_cast<std::int64_t>(begin), static_cast<std::int64_t>(end)});
        if (row.contains("off")) report.equal(join("off of ", i), offsets, flat(row["off"]));
        check_text(report, row, "dec", t.decode(got.ids), texts.strings.at(i));
    }
}

/// Other files of the same tokenizer must give the same ids.
void check_same(const text::Tokenizer& other, const char* name, const std::vector<Json>& rows, const Texts& texts, Report& report) {
    for (const Json& row : rows)
        report.equal(join(name, " of ", row.at("i").dump()), wide(other.encode(texts.strings.at(row["i"].get<std::int64_t>()), text::Specials::as_tokens)),
                     list(row.at("ids")));
}

void run_other_files(const std::string& folder, const std::string& name, const std::vector<Json>& rows, const Texts& texts, Report& report) {
    const std::string files = folder + "/files/";
    if (name == "smollm2_tokenizer_json") {
        check_same(text::Tokenizer::load(files + "smollm2_tokenizer_only.gguf.gz"), "gguf", rows, texts, report);
        text::TokenizerParts parts = text::read_vocab_and_merges(io::read_maybe_gzip(files + "smollm2_vocab.json.gz"), io::read_maybe_gzip(files + "smollm2_merges.txt.gz"),
                                                                 {text::cut::Digits{true}, text::cut::ByteLevel{}}, "smollm2");
        parts.added = text::read_tokenizer_json(io::read_maybe_gzip(files + "smollm2_tokenizer.json.gz"), "smollm2").added;   // not in these two files
        check_same(text::Tokenizer{std::move(parts)}, "vocab.json", rows, texts, report);
    }
    if (name == "bert_uncased_tokenizer_json") {
        const std::string path = files + "bert_uncased_vocab.txt.gz";
        check_same(text::Tokenizer{text::read_wordpiece_vocab(io::read_maybe_gzip(path), true, path)}, "vocab.txt", rows, texts, report);
    }
}

/// The tokenizer.json for a file of expected results, or an empty string.
std::string json_for(const std::string& folder, const std::string& name) {
    if (name.starts_with("trained_")) return folder + "/trained/" + name.substr(8) + ".json";
    if (name.starts_with("bert_uncased_")) return folder + "/files/bert_uncased_tokenizer.json.gz";
    const std::size_t at = name.find("_tokenizer_json");
    return at == std::string::npos ? std::string{} : folder + "/files/" + name.substr(0, at) + "_tokenizer.json.gz";
}

void run_one(const std::string& folder, const std::string& name, const Texts& texts, Report& report) {
    const std::vector<Json> rows = read_json_lines(folder + "/expected/" + name + ".jsonl.gz");
    if (name == "qwen_tiktoken") return run_tiktoken(folder, rows, texts, report);
    if (name == "clip_open_clip") return run_clip(folder, rows, texts, report);
    if (name.ends_with("_sentencepiece")) return run_sentencepiece(folder + "/files/" + name.substr(0, name.size() - 14) + ".model", rows, texts, report);
    if (const std::string model = folder + "/trained/" + name.substr(std::min<std::size_t>(8, name.size())) + ".model"; io::exists(model))
        return run_sentencepiece(model, rows, texts, report);
    const std::string json = json_for(folder, name);
    if (json.empty() || !io::exists(json)) return report.unsupported("no reader for its file");
    const text::Tokenizer t = text::Tokenizer::load(json);
    if (name.ends_with("_padded_128")) return run_padded(t, rows, texts, report);
    if (name.ends_with("_pairs")) return run_pairs(t, rows, texts, report);
    run_json(t, rows, texts, report);
    run_other_files(folder, name, rows, texts, report);
}

}  // namespace

void run_tokenizers(const std::string& folder, std::vector<Report>& reports) {
    const Texts texts = read_texts(folder);
    for (std::string file : files_in(folder + "/expected", {".jsonl.gz"})) {
        const std::string name = file.substr(0, file.size() - 9);
        Report report("tokenizers/" + name);
        try {
            run_one(folder, name, texts, report);
        } catch (const std::exception& e) {
            report.fail(e.what());
        }
        publish(report, reports);
    }
}

}  // namespace goldens
