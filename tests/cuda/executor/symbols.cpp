// SPDX-License-Identifier: Apache-2.0
// Names for messages and budgets: of a kernel, from the program's own symbol table (kernels are in unnamed namespaces,
// which dladdr does not see); of a code address, by addr2line.
#include "engine.hpp"

#include <cxxabi.h>
#include <elf.h>
#include <link.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <map>
#include <vector>

namespace svad::executor {

namespace {

/// Where the program itself is mapped.
std::uintptr_t base_address() {
    std::uintptr_t base = 0;
    dl_iterate_phdr([](dl_phdr_info* info, std::size_t, void* to) {
        *static_cast<std::uintptr_t*>(to) = info->dlpi_addr;
        return 1;                                             // the first is the program
    }, &base);
    return base;
}

std::map<std::uintptr_t, std::string> read_functions() {
    std::map<std::uintptr_t, std::string> functions;
    std::ifstream file("/proc/self/exe", std::ios::binary);
    const std::vector<char> bytes{std::istreambuf_iterator<char>(file), {}};
    if (bytes.size() < sizeof(Elf64_Ehdr)) return functions;
    const auto* header = reinterpret_cast<const Elf64_Ehdr*>(bytes.data());
    const auto* sections = reinterpret_cast<const Elf64_Shdr*>(bytes.data() + header->e_shoff);
    for (int i = 0; i < header->e_shnum; ++i) {
        if (sections[i].sh_type != SHT_SYMTAB) continue;
        const auto* symbols = reinterpret_cast<const Elf64_Sym*>(bytes.data() + sections[i].sh_offset);
        const char* names = bytes.data() + sections[sections[i].sh_link].sh_offset;
        for (std::size_t s = 0; s < sections[i].sh_size / sizeof(Elf64_Sym); ++s)
            if (ELF64_ST_TYPE(symbols[s].st_info) == STT_FUNC) functions[symbols[s].st_value] = names + symbols[s].st_name;
    }
    return functions;
}

void erase_all(std::string& text, const std::string& part) {
    for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part)) text.erase(at, part.size());
}

}  // namespace

std::string name_of(const void* function) {
    static const std::uintptr_t base = base_address();
    static const std::map<std::uintptr_t, std::string> functions = read_functions();
    static std::map<const void*, std::string> known;
    std::string& name = known[function];
    if (!name.empty()) return name;
    const auto it = functions.find(reinterpret_cast<std::uintptr_t>(function) - base);
    if (it == functions.end()) return name = "?";
    int status = 0;
    char* readable = abi::__cxa_demangle(it->second.c_str(), nullptr, nullptr, &status);
    name = readable ? readable : it->second;
    std::free(readable);
    for (const char* part : {"void ", "(anonymous namespace)::", "svad::cuda::"}) erase_all(name, part);
    int depth = 0;
    for (std::size_t i = 0; i < name.size(); ++i) {          // cut the parameters, not the template's arguments
        depth += name[i] == '<' ? 1 : name[i] == '>' ? -1 : 0;
        if (name[i] == '(' && depth == 0) name.resize(i);
    }
    return name;
}

std::string line_of(const void* pc) {
    static std::map<const void*, std::string> known;
    std::string& line = known[pc];
    if (!line.empty()) return line;
    char command[128];
    std::snprintf(command, sizeof command, "addr2line -e /proc/%d/exe 0x%zx 2>/dev/null", static_cast<int>(::getpid()),
                  reinterpret_cast<std::size_t>(pc) - base_address() - 1);
    if (FILE* pipe = ::popen(command, "r")) {
        char text[512] = {};
        if (std::fgets(text, sizeof text, pipe)) line = text;
        ::pclose(pipe);
    }
    line.resize(std::min(line.find_first_of(" \n"), line.size()));            // without "(discriminator 1)"
    for (const char* part : {"kernels/", "tests/"})
        if (const std::size_t at = line.rfind(part); at != std::string::npos) line.erase(0, at);
    if (line.empty() || line[0] == '?') line = "an unknown line";
    return line;
}

}  // namespace svad::executor
