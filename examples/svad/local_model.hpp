// SPDX-License-Identifier: Apache-2.0
// A decoder of this library as a text::LanguageModel: a Hugging Face folder of GPT-2, OPT, LLaMA, Qwen or Baichuan with
// config.json, tokenizer.json and weights in safetensors, or a GGUF file; nothing leaves the machine.
//
// Promise: at temperature 0 the same folder and request give the same reply on any number of threads; the name tells the
// folder's contents, so that a cache never takes one model's replies for another's. One request at a time.
// Rejected: running a folder's own Jinja template: it is a program; the messages are joined by blank lines instead.
#pragma once

#include "svad/infer/language.hpp"
#include "svad/text/chat_templates.hpp"
#include "svad/text/language_model.hpp"

#include <string>

namespace tool {

struct LocalModel {
    svad::text::LanguageModel model;
    std::string name;                ///< "local:FOLDER-HASH-TEMPLATE1"
};

/// The template asked for; "auto" is ChatML where the tokenizer has its marks (with SmolLM2's system text where the file's
/// own template names it), else none. Throws UsageError for an unknown name.
[[nodiscard]] const svad::text::ChatTemplate* choose_chat(const svad::infer::Language& language, const std::string& asked);

/// `chat`: a chat template's name, "plain" for none, "auto" for what the tokenizer's marks tell. Throws FileError,
/// FormatError for a folder that is no such model, UsageError for an unknown template.
[[nodiscard]] LocalModel local_model(const std::string& folder, const std::string& chat);

}  // namespace tool
