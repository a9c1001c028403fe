// SPDX-License-Identifier: Apache-2.0
// Where the taggers are, and the words they give.
#include "tagging.hpp"

#include "svad/text/segmenter.hpp"
#include "svad/text/tagger.hpp"

#include <array>
#include <memory>

namespace tool {

namespace {

using namespace svad;

/// The folder of the running program, empty if the system does not say.
std::string program_folder() {
    std::array<char, 4096> path{};
    const ssize_t n = ::readlink("/proc/self/exe", path.data(), path.size());
    return n > 0 && static_cast<std::size_t>(n) < path.size()
               ? io::detail::directory_of(std::string(path.data(), static_cast<std::size_t>(n))) : std::string();
}

/// A function that loads `Model` from `path` at its first call.
template <class Model, class Result, class Argument>
std::function<Result(Argument)> lazily(const std::string& path) {
    return [path, model = std::shared_ptr<const Model>()](Argument argument) mutable {
        if (!model) model = std::make_shared<const Model>(Model::load(path));
        return (*model)(argument);
    };
}

}  // namespace

std::string taggers_folder(const std::string& asked) {
    const std::string installed = program_folder() + "/../share/svad/taggers";
    const std::vector<std::string> candidates = asked.empty() ? std::vector<std::string>{installed, SVAD_SOURCE_TAGGERS}
                                                              : std::vector<std::string>{asked};
    for (const std::string& folder : candidates)
        if (io::is_directory(folder)) return folder;
    fail<UsageError>("there are no taggers at ", candidates.front(), asked.empty() ? " nor where svad was built" : "",
                     "; name their folder with --taggers");
}

Models load_models(const std::string& folder) {
    using Words = std::span<const std::string_view>;
    return {lazily<text::Tagger, std::vector<text::Upos>, Words>(folder + "/en.tagger"),
            lazily<text::Tagger, std::vector<text::Upos>, Words>(folder + "/zh.tagger"),
            lazily<text::Segmenter, std::vector<std::string_view>, std::string_view>(folder + "/zh.segmenter")};
}

std::vector<text::TaggedWord> Tagging::operator()(std::string_view text, bool chinese) {
    std::vector<std::string> tokens;
    std::vector<std::string_view> placed, seen;
    if (chinese) {
        seen = placed = models_.segment(text);
    } else {
        tokens = text::ptb_tokenize(text, {.lower_case = false});
        placed = places(text, tokens);
        for (const std::string& token : tokens) seen.push_back(as_written(token));
    }
    const std::vector<text::Upos> tags = (chinese ? models_.chinese : models_.english)(seen);
    std::vector<text::TaggedWord> out;
    for (std::size_t i = 0; i < placed.size(); ++i) {
        if (placed[i].empty()) continue;
        const auto begin = static_cast<std::size_t>(placed[i].data() - text.data());
        out.push_back({begin, begin + placed[i].size(), tags[i]});
    }
    return out;
}

}  // namespace tool
