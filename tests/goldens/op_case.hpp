// SPDX-License-Identifier: Apache-2.0
// One case of an op fixture: its tensors "<case>.<name>", its options, and the comparison of results and gradients.
#pragma once

#include "runner.hpp"

#include <functional>
#include <map>

namespace goldens {

struct OpCase {
    const io::SafeTensors& file;
    std::string name;
    Json options, tolerance;                        // of this case; may be empty
    Report& report;

    bool has(const std::string& tensor) const { return file.contains(name + "." + tensor); }
    Shape shape(const std::string& tensor) const { return file.info(name + "." + tensor).shape; }
    Tensor<float> values(const std::string& tensor) const { return file.load<float>(name + "." + tensor); }
    Tensor<std::int32_t> ids(const std::string& tensor) const { return file.load<std::int32_t>(name + "." + tensor); }
    Var leaf(const std::string& tensor) const { return Var(values(tensor)).leaf(tensor); }
    Var leaf_or_none(const std::string& tensor) const { return has(tensor) ? leaf(tensor) : Var(); }
    double number(const std::string& key, double otherwise) const { return options.value(key, otherwise); }

    /// Ten times torch's own float32 error, and at least 1e-6 of the largest value.
    double limit(const std::string& tensor) const {
        double own = 0;
        if (tolerance.is_object() && tolerance.contains(tensor)) own = tolerance.at(tensor).value("err_over_absmax", 0.0);
        return std::max(10 * own, 1e-6);
    }
    void check(const std::string& tensor, const Tensor<float>& got, double floor = 0) const {
        if (has(tensor)) report.close(name + "." + tensor, got, values(tensor), limit(tensor), floor);
    }
    /// Compares y, runs back from its cotangent ("dy", "<y>.cot" or 1) and compares "d<input>" of every leaf.
    void finish(const Var& y, const std::string& output, const std::map<std::string, Var>& leaves, double floor = 0) const {
        check(output, y.to<float>(), floor);
        const std::string cot = has(output + ".cot") ? output + ".cot" : "dy";
        backward(y, has(cot) && output != "loss" ? Var(values(cot).reshape(y.shape())) : Var::full(y.shape(), 1.0));
        for (const auto& [tensor, x] : leaves)
            if (x) check("d" + tensor, x.grad() ? x.grad().to<float>() : Tensor<float>(x.shape()), floor);
    }
};

using OpRunner = std::function<void(const OpCase&)>;

/// Optimizer, schedules, GMHRA, resizing and storage types: what is more than one op.
void add_composed(std::map<std::string, OpRunner>& runners);

}  // namespace goldens
