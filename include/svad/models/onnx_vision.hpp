// SPDX-License-Identifier: Apache-2.0
// DINOv2 from an ONNX file that PyTorch exported and that holds it as "backbone", with its own head or another's behind
// it. The file has no config.json: the sizes are those of the tensors, the width of a head is the family's, 64.
#pragma once

#include "svad/io/onnx.hpp"
#include "svad/models/vit.hpp"
#include "svad/nn/weights.hpp"

namespace svad {

namespace names {

/// DINOv2's initialisers in an exported graph: Vit, without its positions.
[[nodiscard]] inline NameTable dinov2_onnx() {
    const std::string layer = "backbone.encoder.layer.*.";
    NameTable t{{{"backbone.embeddings.cls_token", "class_token"},
                 {"backbone.embeddings.patch_embeddings.projection.*", "patch.*"},
                 {layer + "norm1.*", "blocks.*.norm1.*"},
                 {layer + "norm2.*", "blocks.*.norm2.*"},
                 {layer + "layer_scale1.lambda1", "blocks.*.scale1"},
                 {layer + "layer_scale2.lambda1", "blocks.*.scale2"},
                 {"backbone.layernorm.*", "norm.*"}}};
    for (const auto& [theirs, ours] : {std::pair{"attention.attention.query", "attn.q"}, {"attention.attention.key", "attn.k"},
                                       {"attention.attention.value", "attn.v"}, {"attention.output.dense", "attn.out"},
                                       {"mlp.fc1", "mlp.up"}, {"mlp.fc2", "mlp.down"}}) {
        t.rules.push_back({layer + theirs + ".bias", join("blocks.*.", ours, ".bias")});
        t.rules.push_back({layer + theirs + ".MatMul", join("blocks.*.", ours, ".weight"), true});
    }
    t.elsewhere = {"positions"};
    return t;
}

}  // namespace names

namespace hub {

/// The DINOv2 in an ONNX file. `unused` receives the names of tensors outside the backbone. Throws FileError, or
/// FormatError for a file that holds no such ViT, and for a tensor of the backbone that is unknown or misshaped.
[[nodiscard]] inline Vit dinov2_of_onnx(const std::string& path, std::vector<std::string>* unused = nullptr) {
    const io::SafeTensors file = io::open_onnx(path);
    const std::string patch = "backbone.embeddings.patch_embeddings.projection.weight";
    const std::string first = "backbone.embeddings.Concat_6", rest = "backbone.embeddings.Reshape_1";     // rows of the positions
    for (const std::string& name : {patch, first, rest, std::string("backbone.encoder.layer.0.mlp.fc1.bias")})
        if (!file.contains(name)) fail<io::FormatError>(path, ": has no '", name, "'; it is no DINOv2 as PyTorch exports it");
    const Shape kernel = file.info(patch).shape, table = file.info(rest).shape;
    const auto side = static_cast<Index>(std::llround(std::sqrt(static_cast<double>(table.numel()) / static_cast<double>(std::max<Index>(1, kernel[0])))));
    if (kernel.rank() != 4 || kernel[2] != kernel[3] || kernel[0] < 64 || kernel[0] % 64 != 0 || kernel[0] > 65536 || kernel[2] < 1 || kernel[2] > 1024 ||
        side < 1 || table.rank() != 3 || table != Shape{1, side * side, kernel[0]} || file.info(first).shape != Shape{1, 1, kernel[0]})
        fail<io::FormatError>(path, ": patches ", kernel, " and positions ", table, " are no DINOv2");
    VitConfig c{.image = side * kernel[2], .patch = kernel[2], .channels = kernel[1], .width = kernel[0], .depth = 0, .heads = kernel[0] / 64,
                .hidden = file.info("backbone.encoder.layer.0.mlp.fc1.bias").shape.numel(), .pool = VitPool::token, .layer_scale = true};
    while (file.contains(join("backbone.encoder.layer.", c.depth, ".norm1.weight"))) ++c.depth;
    Vit vit(c);
    NameTable table_of_names = names::dinov2_onnx();
    table_of_names.ignored = {first, rest};
    for (const std::string& name : file.names())
        if (!name.starts_with("backbone.")) {
            table_of_names.ignored.push_back(name);
            if (unused) unused->push_back(name);
        }
    load(vit, file, table_of_names);
    const Tensor<float> a = file.load<float>(first), b = file.load<float>(rest);
    std::vector<float> positions(a.begin(), a.end());
    positions.insert(positions.end(), b.begin(), b.end());
    vit.positions.set(Tensor<float>({1 + side * side, c.width}, positions));
    return vit;
}

}  // namespace hub

}  // namespace svad
