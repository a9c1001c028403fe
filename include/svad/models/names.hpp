// SPDX-License-Identifier: Apache-2.0
// The tensor names of published checkpoints: the door to names_language.hpp, names_systems.hpp and names_vision.hpp.
// Sizes are in hub.hpp.
#pragma once

#include "svad/models/names_language.hpp"
#include "svad/models/names_systems.hpp"
#include "svad/models/names_vision.hpp"
