// SPDX-License-Identifier: Apache-2.0
// Fixtures of text: merges learnt by Hugging Face's BpeTrainer and by subword-nmt, a line for every case.
#include "runner.hpp"

#include "svad/text/bpe_trainer.hpp"
#include "svad/text/pretokenize.hpp"
#include "svad/text/byte_characters.hpp"

namespace goldens {

namespace {

using text::CodePoint;

/// What \w means in the pattern of the Whitespace pre-tokenizer.
bool is_word(char32_t c) {
    const text::CharacterClass kind = text::class_of(c);
    return kind == text::CharacterClass::letter || text::is_decimal_digit(c) || text::is_mark(c) || c == '_';
}

bool is_ascii_mark(char32_t c) { return c > ' ' && c < 0x7F && (c == '_' || !is_word(c)); }

/// Cuts at white space; `kind` says which neighbours belong together.
template <class Kind>
void cut(std::string_view line, Kind kind, text::WordCounts& words) {
    std::string word;
    int open = 0;
    const auto close = [&] {
        if (!word.empty()) ++words[word];
        word.clear();
    };
    for (std::size_t at = 0; at < line.size();) {
        const CodePoint c = text::next_code_point(line, at);
        const int now = text::is_space(c.value) ? 0 : kind(c.value);
        if (now != open || now == 2) close();
        if (now != 0) word += line.substr(at, c.length);
        open = now;
        at += c.length;
    }
    close();
}

void add_words(const std::string& pre_tokenizer, const std::string& line, text::WordCounts& words) {
    if (pre_tokenizer == "WhitespaceSplit") return cut(line, [](char32_t) { return 1; }, words);
    if (pre_tokenizer == "Whitespace") return cut(line, [](char32_t c) { return is_word(c) ? 1 : 3; }, words);
    if (pre_tokenizer == "BertPreTokenizer")
        return cut(line, [](char32_t c) { return is_ascii_mark(c) || (c > 0x7F && text::class_of(c) == text::CharacterClass::other && !text::is_mark(c)) ? 2 : 1; }, words);
    if (pre_tokenizer.starts_with("ByteLevel"))
        return text::for_each_piece(line, [&](std::string_view piece) { ++words[text::to_byte_characters(piece)]; });
    if (pre_tokenizer.starts_with("Metaspace")) {
        std::string word;
        for (const char c : " " + line) {
            if (c == ' ' && !word.empty()) ++words[word];
            if (c == ' ') word = "▁";
            else word += c;
        }
        if (!word.empty() && !line.empty()) ++words[word];
        return;
    }
    svad::fail<UsageError>("pre-tokenizer ", pre_tokenizer, " is not known");
}

std::vector<std::string> corpus_of(const Json& one, const std::string& folder) {
    if (one.contains("corpus")) return one.at("corpus").get<std::vector<std::string>>();
    const std::string text = io::read_file(folder + "/" + one.at("corpus_file").get<std::string>());
    std::vector<std::string> lines;
    for (std::size_t start = 0; start < text.size();) {
        const std::size_t end = std::min(text.find('\n', start), text.size());
        lines.push_back(text.substr(start, end - start));
        start = end + 1;
    }
    return lines;
}

void compare(const text::TrainedBpe& got, const Json& one, Report& report) {
    std::vector<std::pair<std::string, std::string>> merges;
    for (const text::IdPair pair : got.merges)
        merges.emplace_back(got.tokens[static_cast<std::size_t>(pair.left)], got.tokens[static_cast<std::size_t>(pair.right)]);
    const auto want = one.at("merges").get<std::vector<std::pair<std::string, std::string>>>();
    report.same("merges", merges.size() == want.size(), join("are ", merges.size(), ", not ", want.size()));
    for (std::size_t i = 0; i < want.size() && i < merges.size(); ++i)
        if (merges[i] != want[i]) {
            report.same("merges", false, join("number ", i, " is ", merges[i].first, " ", merges[i].second, ", not ",
                                              want[i].first, " ", want[i].second));
            break;
        }
    if (one.contains("vocab")) report.same("vocab", got.tokens == one.at("vocab").get<std::vector<std::string>>());
}

void run_trainer(const Json& one, const std::string& folder, Report& report) {
    text::WordCounts words;
    for (const std::string& line : corpus_of(one, folder)) add_words(one.at("pre_tokenizer").get<std::string>(), line, words);
    const Json& trainer = one.at("trainer");
    text::BpeTrainerOptions options;
    for (const auto& [key, value] : trainer.get_ref<const Json::object_t&>()) {
        if (key == "vocab_size") options.vocabulary = value.get<Index>();
        else if (key == "min_frequency") options.min_frequency = value.get<std::int64_t>();
        else if (key == "special_tokens") options.special_tokens = value.get<std::vector<std::string>>();
        else if (key == "limit_alphabet") options.limit_alphabet = value.get<std::size_t>();
        else if (key == "max_token_length") options.max_token_length = value.get<Index>();
        else if (key == "alphabet" && value == "byte")
            for (const char32_t c : text::byte_characters()) options.alphabet += c;
        else return report.unsupported("trainer option " + key);
    }
    compare(text::train_bpe(words, options), one, report);
}

void run_subword_nmt(const Json& one, const std::string& folder, Report& report) {
    text::WordCounts words;
    for (const std::string& line : corpus_of(one, folder)) {
        const std::string_view all = line;
        for (std::size_t at = 0; at < all.size();) {
            const std::size_t end = std::min(all.find(' ', at), all.size());
            if (end > at) ++words[std::string(all.substr(at, end - at))];
            at = end + 1;
        }
    }
    compare(text::train_subword_nmt(words, one.at("num_symbols").get<Index>(), one.at("min_frequency").get<std::int64_t>()), one, report);
}

}  // namespace

void run_bpe_training(const std::string& folder, std::vector<Report>& reports) {
    for (const std::string& file : files_in(folder, {"_training.json.gz", "_training.json"}))
        for (const Json& one : read_json_file(folder + "/" + file)) {
            Report report("bpe_training/" + one.at("name").get<std::string>());
            try {
                one.contains("trainer") ? run_trainer(one, folder, report) : run_subword_nmt(one, folder, report);
            } catch (const std::exception& e) {
                report.fail(e.what());
            }
            publish(report, reports);
        }
}

}  // namespace goldens
