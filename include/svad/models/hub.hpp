// SPDX-License-Identifier: Apache-2.0
// config.json of published checkpoints to our configurations: the door to hub_language.hpp, hub_systems.hpp and hub_vision.hpp.
// Names of tensors are in names.hpp.
#pragma once

#include "svad/models/hub_language.hpp"
#include "svad/models/hub_systems.hpp"
#include "svad/models/hub_vision.hpp"
