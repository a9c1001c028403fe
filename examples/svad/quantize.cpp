// SPDX-License-Identifier: Apache-2.0
// svad quantize: a language model's GGUF file with its matrices in another type.
#include "commands.hpp"

#include "svad/io/gguf_quantize.hpp"
#include "svad/io/json.hpp"

#include <CLI/CLI.hpp>

#include <cstdio>

namespace tool {

namespace {

using namespace svad;

constexpr std::array types{DType::f32, DType::f16, DType::bf16, DType::q8_0, DType::q4_0, DType::q4_1, DType::q4_k, DType::q6_k};

std::vector<std::string> type_names() {
    std::vector<std::string> names;
    for (const DType t : types) names.push_back(join(t));
    return names;
}

void print(const char* title, const std::map<DType, io::QuantizeReport::Part>& parts) {
    std::printf("%s", title);
    for (const auto& [type, part] : parts)
        std::printf("  %s %lld tensors %.1f MiB", join(type).c_str(), static_cast<long long>(part.tensors), static_cast<double>(part.bytes) / (1 << 20));
    std::printf("  together %.1f MiB\n", static_cast<double>(io::QuantizeReport::bytes(parts)) / (1 << 20));
}

}  // namespace

CLI::App* add_quantize(CLI::App& app, QuantizeOptions& o) {
    auto* c = app.add_subcommand("quantize", "store a language model's GGUF file in another type");
    c->add_option("from", o.from, "GGUF file")->required();
    c->add_option("to", o.to, "GGUF file to write")->required();
    c->add_option("--type", o.type, "of the matrices")->check(CLI::IsMember(type_names()));
    c->add_flag("--json", o.json, "print what was done as JSON");
    return c;
}

int quantize(const QuantizeOptions& options) {
    const auto names = type_names();
    const DType type = types[static_cast<std::size_t>(std::find(names.begin(), names.end(), options.type) - names.begin())];
    const io::QuantizeReport report = io::quantize_gguf(options.from, options.to, type);
    if (options.json) {
        std::printf("%s\n", io::dump(io::object({{"before", io::QuantizeReport::bytes(report.before)}, {"after", io::QuantizeReport::bytes(report.after)},
                                                 {"otherwise", report.otherwise}}), 2).c_str());
        return 0;
    }
    print("before", report.before);
    print("after ", report.after);
    for (std::size_t i = 0; i < report.otherwise.size() && i < 5; ++i) std::printf("  %s\n", report.otherwise[i].c_str());
    if (report.otherwise.size() > 5) std::printf("  and %zu more matrices in another type than %s\n", report.otherwise.size() - 5, options.type.c_str());
    return 0;
}

}  // namespace tool
