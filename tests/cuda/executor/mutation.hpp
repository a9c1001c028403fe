// SPDX-License-Identifier: Apache-2.0
// Taking one synchronisation away at run time, which is what deleting its line would do: see SVAD_SYNC_SKIP in engine.hpp.
#pragma once

#include "engine.hpp"

namespace svad::executor {

/// True if the synchronisation at `where` in the running kernel is to do nothing. Notes the place if a trace is asked for.
bool skipped(Where where);

}  // namespace svad::executor
