// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string_view>

#include "agent/identity/place.h"
#include "agent/identity/subjects.h"
#include "core/model/event.h"
#include "idtrail/recording.pb.h"

namespace idtrail {

/// What an exec says of the subject: program, applet, script, origin and terminal.
SubjectParts parts_of(const Exec& exec, const Place& place, Entry entry);
/// The same for a process that ran when the agent started. Views into the fact.
SubjectParts parts_of(const v1::ProcessFact& fact, const Place& place);
/// Everything but the lineage, to make another from it. Views into the subject.
SubjectParts parts_of(const Subject& subject);

/// Of the program and the arguments that an entered tree began with; never 0.
std::uint64_t entry_hash_of(std::string_view executable, std::string_view arguments);

}  // namespace idtrail
