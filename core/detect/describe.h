// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "core/common/time.h"
#include "core/model/observation.h"
#include "idtrail/idtrail.pb.h"

// An observation as findings carry it and as people read it. Text for people is escaped.
namespace idtrail {

/// The probe's word for the event's kind: "exec", "credential", "connect".
std::string_view event_class(const Event& event);

/// Hash of the record's header: the same over replays.
std::string event_id(const Event& event);

/// What was acted on; the text of workloads is valid UTF-8.
v1::Object object_of(const Observation& seen);

/// The event itself, as evidence. The observation has a subject.
v1::Evidence evidence_of(const Observation& seen, const ClockOffset& clock);

/// "shop/cart/server", with the pod where there is one: "shop/cart/server (pod cart-7d9-x2x)".
std::string place_text(const Who& who);

/// "the service account token of shop/cart-7d9-x2x".
std::string credential_phrase(const Credential& credential);

/// The acting tree is known to be an exec session. While learning, an entered tree without a
/// terminal may still prove to be a probe.
bool in_session(const Observation& seen);

}  // namespace idtrail
