// SPDX-License-Identifier: Apache-2.0
// Sums and copies between devices by NCCL. Host code only; left out of the library where NCCL is not found.
#include "context.cuh"

#include "svad/backend/cuda/nccl.hpp"

#include <nccl.h>

#include <cstring>

namespace svad::cuda {

namespace {

void check_nccl(ncclResult_t status, const char* what) {
    if (status != ncclSuccess) fail_cuda(std::string(what) + ": " + ncclGetErrorString(status) + "; " + ncclGetLastError(nullptr));
}

ncclDataType_t type_of(DType t) {
    if (t == DType::f32) return ncclFloat32;
    if (t == DType::bf16) return ncclBfloat16;
    fail_cuda("nccl: only f32 and bf16 are exchanged");
}

}  // namespace

struct Communicator::State {
    ncclComm_t comm = nullptr;
};

NcclId nccl_id() {
    static_assert(sizeof(ncclUniqueId) == sizeof(NcclId), "an id is what NCCL makes");
    ncclUniqueId id;
    check_nccl(ncclGetUniqueId(&id), "ncclGetUniqueId");
    NcclId bytes;
    std::memcpy(bytes.data(), &id, sizeof id);
    return bytes;
}

Communicator::Communicator(int rank, int size, const NcclId& id, int device) : state_(new State) {
    use(device);
    ncclUniqueId unique;
    std::memcpy(&unique, id.data(), sizeof unique);
    check_nccl(ncclCommInitRank(&state_->comm, size, unique, rank), "ncclCommInitRank");
}
Communicator::~Communicator() {
    if (state_->comm) (void)ncclCommDestroy(state_->comm);
}

void Communicator::sum(Ref x, Stream stream) {
    check_nccl(ncclAllReduce(x.data, x.data, static_cast<std::size_t>(x.numel()), type_of(x.dtype), ncclSum, state_->comm, stream), "ncclAllReduce");
}
void Communicator::broadcast(Ref x, int root, Stream stream) {
    check_nccl(ncclBroadcast(x.data, x.data, static_cast<std::size_t>(x.numel()), type_of(x.dtype), root, state_->comm, stream), "ncclBroadcast");
}

}  // namespace svad::cuda
