// SPDX-License-Identifier: Apache-2.0
// Reading the fields of a config.json: types and ranges are checked, and errors name the file and the key. Sizes are
// bounded before a model of them is built.
#pragma once

#include "svad/io/json.hpp"
#include "svad/ops/activation.hpp"

#include <cmath>

namespace svad::hub {

using io::Json;

namespace detail {

/// Reads fields of one file, with the file's name in errors.
struct Fields {
    const Json& json;
    std::string where;

    Index size(std::string_view key, Index least = 1) const { return bounded(key, io::field<std::int64_t>(json, key, where), least); }
    Index size_or(std::string_view key, Index otherwise, Index least = 1) const {
        return bounded(key, io::field_or<std::int64_t>(json, key, otherwise, where), least);
    }
    double number(std::string_view key) const { return io::field<double>(json, key, where); }
    double number_or(std::string_view key, double otherwise) const { return io::field_or<double>(json, key, otherwise, where); }
    bool flag_or(std::string_view key, bool otherwise) const { return io::field_or<bool>(json, key, otherwise, where); }
    std::string text_or(std::string_view key, const std::string& otherwise) const { return io::field_or<std::string>(json, key, otherwise, where); }
    bool has(std::string_view key) const { return json.contains(key) && !json.at(std::string(key)).is_null(); }

    Activation activation(std::string_view key, const std::string& otherwise) const {
        const std::string name = text_or(key, otherwise);
        if (name == "gelu") return Activation::gelu;
        if (name == "gelu_new" || name == "gelu_pytorch_tanh") return Activation::gelu_tanh;
        if (name == "quick_gelu") return Activation::quick_gelu;
        if (name == "silu" || name == "swish") return Activation::silu;
        if (name == "relu") return Activation::relu;
        if (name == "tanh") return Activation::tanh;
        fail<io::FormatError>(where, ": activation '", name, "' is not known");
    }

private:
    Index bounded(std::string_view key, Index n, Index least) const {
        if (n < least || n > (Index{1} << 24)) fail<io::FormatError>(where, ": '", key, "' is ", n, ", not within ", least, " and 2^24");
        return n;
    }
};

}  // namespace detail

}  // namespace svad::hub
