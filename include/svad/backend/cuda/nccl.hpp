// SPDX-License-Identifier: Apache-2.0
// NCCL: sums and copies between the devices of several processes, behind plain functions, so that no header of NCCL is seen.
// Present where svad::cuda was built with NCCL (SVAD_NCCL).
#pragma once

#include "svad/backend/kernel.hpp"

#include <array>
#include <memory>

namespace svad::cuda {

/// What the ranks of one world share before they meet: rank 0 makes it, the others are told.
using NcclId = std::array<char, 128>;

[[nodiscard]] NcclId nccl_id();

/// This process among `size`; making it waits for the others.
class Communicator {
public:
    Communicator(int rank, int size, const NcclId& id, int device);
    ~Communicator();
    Communicator(const Communicator&) = delete;
    Communicator& operator=(const Communicator&) = delete;

    /// x (f32, contiguous) becomes the sum over all ranks, on the stream.
    void sum(Ref x, Stream stream);
    /// x (f32 or bf16, contiguous) becomes what rank `root` has.
    void broadcast(Ref x, int root, Stream stream);

private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace svad::cuda
