// SPDX-License-Identifier: Apache-2.0
// A module whose type is not known any more: what freezes, counts, trains, saves and adapts modules takes it as it takes
// the module itself. It can do so because all these walk a module for its parameters or for its Linears, and for nothing else.
// Rejected: a std::variant of all systems, which every reader of one of them would have to name.
#pragma once

#include "svad/nn/linear.hpp"

#include <functional>
#include <memory>

namespace svad {

class AnyModule {
public:
    AnyModule() = default;
    /// Shares the module.
    template <Module M>
    explicit AnyModule(std::shared_ptr<M> module)
        : parameters_([module](detail::Walker<Parameter>& walker) { walker.enter(*module); }),
          linears_([module](detail::Walker<Linear>& walker) { walker.enter(*module); }) {}

    void visit(detail::Walker<Parameter>& walker) const {
        if (parameters_) parameters_(walker);
    }
    void visit(detail::Walker<Linear>& walker) const {
        if (linears_) linears_(walker);
    }
    void visit(detail::AnyVisitor) const {}         // what makes it a Module

private:
    std::function<void(detail::Walker<Parameter>&)> parameters_;
    std::function<void(detail::Walker<Linear>&)> linears_;
};

}  // namespace svad
