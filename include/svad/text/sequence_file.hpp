// SPDX-License-Identifier: Apache-2.0
// The file of a sequence model: "svadseq1", kind, labels, slots, words (32 bits each), transitions, words, values, table
// of weights, FNV-1a of all before; little-endian.
//
// Promise: parse() takes any bytes: the sizes must be in range and add up to the size of the file and the checksum must
// hold before anything is allocated. Equal models have equal bytes.
// Rejected: safetensors, whose named tensors of floats would be four times the size.
#pragma once

#include "svad/text/sequence_training.hpp"

namespace svad::text::detail {

inline constexpr std::string_view sequence_magic = "svadseq2";

template <class N>
void put_little(std::string& out, N value, int bytes) {
    for (int i = 0; i < bytes; ++i) out += static_cast<char>((static_cast<std::uint64_t>(value) >> (8 * i)) & 0xFF);
}

[[nodiscard]] inline std::uint64_t get_little(std::string_view bytes, std::size_t at, int count) {
    std::uint64_t value = 0;
    for (int i = 0; i < count; ++i)
        value |= static_cast<std::uint64_t>(static_cast<unsigned char>(bytes[at + static_cast<std::size_t>(i)])) << (8 * i);
    return value;
}

/// The bytes of `model`; `kind` says which features it was learnt with.
[[nodiscard]] inline std::string write_sequence_model(const SequenceModel& model, std::uint32_t kind) {
    std::string out{sequence_magic};
    put_little(out, kind, 4), put_little(out, model.weights.labels, 4);
    const std::string lexicon = model.lexicon.bytes();
    put_little(out, model.weights.slots, 4), put_little(out, model.words.size(), 4), put_little(out, lexicon.size(), 4);
    for (const std::int16_t t : model.weights.transitions) put_little(out, t, 2);
    for (const std::uint32_t w : model.words) put_little(out, w, 4);
    for (const std::uint16_t v : model.values) put_little(out, v, 2);
    out += lexicon;
    for (const std::int8_t w : model.weights.table) out += static_cast<char>(w);
    put_little(out, hash_bytes(out), 8);
    return out;
}

/// The model in `bytes`, which must be of this kind and number of labels. Throws io::FormatError.
[[nodiscard]] inline SequenceModel parse_sequence_model(std::string_view bytes, std::string_view where, std::uint32_t kind, int labels) {
    if (bytes.size() < 36 || !bytes.starts_with(sequence_magic))
        fail<io::FormatError>(where, ": byte 0: is not a tagger or segmenter (\"svadseq2\"); make one with svad train-tagger");
    const auto field = [&](std::size_t at) { return static_cast<std::size_t>(get_little(bytes, at, 4)); };
    if (field(8) != kind || field(12) != static_cast<std::size_t>(labels))
        fail<io::FormatError>(where, ": byte 8: is a model of another kind; got kind ", field(8), " with ", field(12), " labels, needed kind ",
                              kind, " with ", labels);
    const std::size_t slots = field(16), words = field(20), lexicon = field(24), count = static_cast<std::size_t>(labels);
    const std::uint64_t size = 36 + std::uint64_t{2} * (count + 1) * count + std::uint64_t{6} * words + lexicon + slots + count;
    if (slots < 1024 || bytes.size() != size)
        fail<io::FormatError>(where, ": byte 16: sizes do not fit the file; got ", bytes.size(), " bytes, needed ", size);
    if (get_little(bytes, bytes.size() - 8, 8) != hash_bytes(bytes.substr(0, bytes.size() - 8)))
        fail<io::FormatError>(where, ": byte ", bytes.size() - 8, ": the checksum does not hold; the file is damaged, fetch it again");
    SequenceModel model;
    model.weights.resize(labels, slots);
    std::size_t at = 28;
    for (auto& t : model.weights.transitions) t = static_cast<std::int16_t>(get_little(bytes, at, 2)), at += 2;
    model.words.resize(words), model.values.resize(words);
    for (auto& w : model.words) w = static_cast<std::uint32_t>(get_little(bytes, at, 4)), at += 4;
    if (!std::is_sorted(model.words.begin(), model.words.end()))
        fail<io::FormatError>(where, ": byte ", at, ": the words before are not in order; the file is damaged, fetch it again");
    for (auto& v : model.values) v = static_cast<std::uint16_t>(get_little(bytes, at, 2)), at += 2;
    model.lexicon = Lexicon::from_bytes(bytes.substr(at, lexicon), where);
    at += lexicon;
    for (auto& w : model.weights.table) w = static_cast<std::int8_t>(bytes[at++]);
    return model;
}

}  // namespace svad::text::detail
