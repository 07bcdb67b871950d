// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/model/observation.h"
#include "idtrail/idtrail.pb.h"

// What a behaviour is: which events take part, by which key they are found, how people read them.
namespace idtrail {

/// The family that an event takes part in; kNone where it takes none.
Family family_of(const Event& event, const Credential* credential);

/// Key of the behaviour. Exec: the new subject. Credential: subject and file, by volume.
/// Destination: protocol, address, port, whoever connects. Syscalls: table and number, whoever
/// calls.
std::uint64_t behaviour_key(Family family, const Who& who, const Event& event,
                            const Credential* credential);
/// Key of the family kEntry: a command that enters the container.
std::uint64_t entry_key(const Subject& subject);

/// What the behaviour acts on, as it is stored: "tcp 10.96.0.1:443".
std::string object_text(Family family, const Who& who, const Event& event,
                        const Credential* credential);
std::string entry_text(const Subject& subject);

/// The behaviour as a sentence's part: "/app/server reads service-account-token …/token".
std::string behaviour_text(Family family, const Subject& subject, std::string_view object);

/// The subject as it is stored; what a workload chooses freely is cut to a bound.
std::string stored_subject(const Subject& subject);

/// A subject of which only a part was seen (its start came before ours) may be the stored one: same
/// program, and the ancestors that were seen are the stored one's nearest.
bool may_be(const Subject& partly_seen, const v1::SubjectRef& stored);

}  // namespace idtrail
