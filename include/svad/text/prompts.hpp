// SPDX-License-Identifier: Apache-2.0
// What the model is asked, and how a text ends: P_d, the prompt in front of a description, and P_k, the prompt in front of a description
// with a blank (paper section 4.2). The paper gives the placeholder `__` and no wording; users set their own.
#pragma once

#include <string>

namespace svad::text {

struct Prompts {
    std::string describe = "describe :";        ///< P_d
    std::string fill = "fill :";                ///< P_k, followed by the masked description
    std::string stop = "<eos>";                 ///< the tokenizer's word that ends a text
    std::string pad = "<pad>";                  ///< the word that fills up short rows; never seen

    /// P_k for a description in which `__` stands for the missing keyword.
    std::string fill_in(const std::string& masked) const { return fill + " " + masked; }
};

}  // namespace svad::text
