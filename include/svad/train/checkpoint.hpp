// SPDX-License-Identifier: Apache-2.0
// A run on disk: everything a resume needs, written atomically, so that a killed run goes on with the same bits as an
// undisturbed one. One safetensors file a checkpoint: every parameter by path, the optimizer's moments, and the step in
// the metadata. Data order and dropout need no state: they are functions of (seed, step).
// The newest two checkpoints are kept; one that does not open is reported and the older one is used.
#pragma once

#include "svad/io/safetensors.hpp"
#include "svad/train/optimizer.hpp"

#include <algorithm>
#include <cstdio>
#include <dirent.h>
#include <string>
#include <vector>

namespace svad::train {

/// The folder of one training run.
class Run {
public:
    /// The run in `folder`, which is created if missing.
    explicit Run(std::string folder) : folder_(std::move(folder)) { io::make_directories(folder_); }

    const std::string& folder() const { return folder_; }
    /// Steps of the checkpoints in the folder, oldest first.
    std::vector<Index> checkpoints() const {
        std::vector<Index> steps;
        if (DIR* dir = ::opendir(folder_.c_str())) {
            while (const dirent* entry = ::readdir(dir)) {
                long long step = 0;
                int used = 0;
                if (std::sscanf(entry->d_name, "step-%lld.safetensors%n", &step, &used) == 1 && used > 0 &&
                    entry->d_name[used] == '\0')
                    steps.push_back(step);
            }
            ::closedir(dir);
        }
        std::sort(steps.begin(), steps.end());
        return steps;
    }

    /// Writes the state after `step` steps; then drops all checkpoints but the newest two.
    void save(const AdamW& optimizer, Index step, const std::string& signature) const {
        std::vector<io::NamedBytes> tensors;
        std::vector<Tensor<float>> here;                        // on the CPU: shared where they are, else copied
        for (const AdamWSlot& s : optimizer.slots()) {
            const auto add = [&](const char* part, const Var& v) {
                here.push_back(v.to(Device::cpu()).as<float>());
                tensors.push_back(io::named(part + s.path, here.back()));
            };
            add("value.", s.value), add("adamw.m.", s.m), add("adamw.v.", s.v);
        }
        io::write_safetensors(path_of(step), std::move(tensors),
                              {{"step", std::to_string(step)}, {"updates", std::to_string(optimizer.steps())}, {"signature", signature}});
        const std::vector<Index> steps = checkpoints();
        for (std::size_t i = 0; i + 2 < steps.size(); ++i) std::remove(path_of(steps[i]).c_str());
    }

    /// Fills the optimizer's values and moments from the newest checkpoint that opens; its step, or 0 if there is
    /// none. `signature` names the options that the state depends on: a run begun with others is refused.
    Index resume(AdamW& optimizer, const std::string& signature) {
        const std::vector<Index> steps = checkpoints();
        for (auto step = steps.rbegin(); step != steps.rend(); ++step) {
            try {
                fill(optimizer, io::SafeTensors::open(path_of(*step)), signature);
                return *step;
            } catch (const io::FormatError& e) {
                problems_.push_back(e.what());
            }
        }
        if (!steps.empty())
            fail<io::FormatError>(folder_, ": none of ", steps.size(), " checkpoints can be read; the newest: ", problems_[0]);
        return 0;
    }

    /// One line for every checkpoint that resume() could not use.
    const std::vector<std::string>& problems() const { return problems_; }

private:
    std::string path_of(Index step) const {
        char name[48];
        std::snprintf(name, sizeof name, "/step-%08lld.safetensors", static_cast<long long>(step));
        return folder_ + name;
    }

    static void fill(AdamW& optimizer, const io::SafeTensors& file, const std::string& signature) {
        const auto& metadata = file.metadata();
        if (const auto at = metadata.find("signature"); at == metadata.end() || at->second != signature)
            fail<UsageError>(file.path(), ": was written by a run with other options; resume with the same ones or choose another folder");
        std::vector<Tensor<float>> loaded;                      // everything is read before anything is changed
        for (const AdamWSlot& s : optimizer.slots())
            for (const char* part : {"value.", "adamw.m.", "adamw.v."}) {
                loaded.push_back(file.load<float>(part + s.path));
                if (loaded.back().shape() != s.m.shape())
                    fail<io::FormatError>(file.path(), ": tensor '", part + s.path, "' is ", loaded.back().shape(), "; the model needs ", s.m.shape());
            }
        const auto updates = metadata.find("updates");
        if (updates == metadata.end() || updates->second.find_first_not_of("0123456789") != std::string::npos || updates->second.size() > 15)
            fail<io::FormatError>(file.path(), ": its metadata does not tell the number of updates");
        std::size_t next = 0;
        for (const AdamWSlot& s : optimizer.slots())
            for (const Var& to : {s.value, s.m, s.v}) svad::detail::overwrite(to, loaded[next++]);
        optimizer.round_copies();
        optimizer.set_steps(updates->second.empty() ? 0 : std::stoll(updates->second));
    }

    std::string folder_;
    std::vector<std::string> problems_;
};

}  // namespace svad::train
