// SPDX-License-Identifier: Apache-2.0
// libFuzzer entry: any text as the config.json of every kind of model gives a configuration, or one of our errors.
#include "svad/infer/svad_config.hpp"
#include "svad/models/hub.hpp"

template <class F>
static void tried(F read) {
    try {
        (void)read();
    } catch (const svad::Error&) {
    }
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace svad;
    io::Json json;
    try {
        json = io::parse_json({reinterpret_cast<const char*>(data), size}, "config.json");
    } catch (const io::FormatError&) {
        return 0;
    }
    const std::string where = "config.json";
    tried([&] { return hub::decoder(json, where); });
    tried([&] { return hub::bert(json, where); });
    tried([&] { return hub::vit(json, where, true); });
    tried([&] { return hub::dinov2(json, where); });
    tried([&] { return hub::siglip(json, where); });
    tried([&] { return hub::clip_vision(json, where); });
    tried([&] { return svad_config(json, where); });
    return 0;
}
