// SPDX-License-Identifier: Apache-2.0
// What an annotated set is made of, as in the tables of a data set paper: lengths, words per second, parts of speech,
// unique n-grams. First from annotations in memory, then from a table on disk with a line that makes no sense.
#include <svad/svad.hpp>

#include <cstdio>

namespace {

using namespace svad;

struct Line {
    const char *video, *caption, *tags;
    double seconds;
};

constexpr Line lines[] = {
    {"tea.mp4", "a woman pours tea into a cup", "DET NOUN VERB NOUN ADP DET NOUN", 6},
    {"tea.mp4", "someone slowly pours hot tea", "PRON ADV VERB ADJ NOUN", 6},
    {"jar.mp4", "a man opens a red jar and smells it", "DET NOUN VERB DET ADJ NOUN CCONJ VERB PRON", 4},
};

void print(const data::Statistics& s) {
    std::printf("%d annotations of %d videos, %.2f words each, %.3f words a second\n", static_cast<int>(s.annotations),
                static_cast<int>(s.videos), s.lengths.mean(), s.words_per_second);
    for (const data::GroupCount& g : s.groups)
        if (s.tagged_words > 0)
            std::printf("  %-9s %4.1f %% of the words, %.2f different ones an annotation\n", g.group.name.c_str(), s.percent(g.words), g.unique.mean());
    for (std::size_t n = 1; n <= 4; ++n) std::printf("  unique %d-grams per annotation: %.2f\n", static_cast<int>(n), s.unique_ngrams(n));
}

}  // namespace

int main() {
    data::StatisticsPass pass;
    std::string table = "video\tseconds\tcaption\nbroken\t-1\ttime runs forwards\n";
    for (const Line& line : lines) {
        const auto words = text::blank_words(line.caption), tags = text::blank_words(line.tags);
        data::Annotation a;
        a.video = line.video, a.seconds = line.seconds, a.words = words, a.tags = tags;
        pass.add(a);
        table += join(line.video, "\t", line.seconds, "\t", line.caption, "\n");
    }
    const data::Statistics in_memory = pass.finish();
    print(in_memory);

    const std::string path = "example_11_captions.tsv";
    io::write_atomic(path, table);
    data::StatisticsPass second;
    const data::AnnotationFile file = data::read_annotations(path, [&](const data::AnnotationRow& row) {
        const auto characters = text::characters(row.caption);                  // as Chinese is counted without a segmenter
        data::Annotation a;
        a.video = row.video, a.seconds = row.seconds, a.words = characters;
        second.add(a);
    });
    std::printf("\n%s: %d lines left out (%s)\ncounted in characters: ", path.c_str(), static_cast<int>(file.left_out), file.problems.at(0).c_str());
    print(second.finish());
    return in_memory.ngrams[0].types == 16 && file.rows == 3 ? 0 : 1;
}
