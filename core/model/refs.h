// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/model/identity.h"
#include "core/model/observation.h"
#include "core/model/subject.h"
#include "idtrail/idtrail.pb.h"

// The model as findings and stores carry it. Text of workloads becomes valid UTF-8 on the way.
namespace idtrail {

v1::IdentityRef to_ref(const Identity& identity);
Identity from_ref(const v1::IdentityRef& ref);
/// The id that the reference states, or else the one that its fields give.
std::uint64_t identity_id(const v1::IdentityRef& ref);

v1::InstanceRef to_ref(const Instance& instance);

/// Without what belongs to one process: session and pid.
v1::SubjectRef to_ref(const Subject& subject);
/// Enough for the display names; neither FileId nor hash.
Subject from_ref(const v1::SubjectRef& ref);

v1::CredentialRef to_ref(const Credential& credential);

}  // namespace idtrail
