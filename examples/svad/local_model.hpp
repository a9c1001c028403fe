// SPDX-License-Identifier: Apache-2.0
// A decoder of this library as a text::LanguageModel: a Hugging Face folder of GPT-2, LLaMA, Qwen2 or Baichuan with
// config.json, tokenizer.json and weights in safetensors; nothing leaves the machine.
//
// Promise: at temperature 0 the same folder and request give the same reply on any number of threads; the name tells the
// folder's contents, so that a cache never takes one model's replies for another's. One request at a time.
// Rejected: running a folder's own Jinja template: it is a program; the messages are joined by blank lines instead.
#pragma once

#include "svad/text/language_model.hpp"

#include <string>

namespace tool {

struct LocalModel {
    svad::text::LanguageModel model;
    std::string name;                ///< "local:FOLDER-HASH-TEMPLATE1"
};

/// `chat`: a chat template's name, "plain" for none, "auto" for what the tokenizer's marks tell. Throws FileError,
/// FormatError for a folder that is no such model, UsageError for an unknown template.
[[nodiscard]] LocalModel local_model(const std::string& folder, const std::string& chat);

}  // namespace tool
