// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include <google/protobuf/message.h>
#include <google/protobuf/repeated_field.h>

#include "cli/commands.h"
#include "core/common/result.h"
#include "idtrail/idtrail.pb.h"

namespace idtrail {

/// Says it on standard error, escaped, and returns kExitError.
int fail(const Error& error);

/// Prints a reply as json, jsonl or yaml; false where another format was asked for. `rows` is the
/// repeated field that jsonl prints an entry a line.
bool print_machine(const CommonOptions& common, const google::protobuf::Message& reply,
                   const char* rows);

/// Whether to colour what goes to standard output: --no-color, NO_COLOR, TERM=dumb, no terminal.
bool use_colour(const CommonOptions& common);

/// "critical" is 4, "info" 0, anything else -1.
int severity_rank(std::string_view severity);

/// kExitFindings where one of the findings is at least as severe as `fail_on`; empty: never.
int exit_code_for(const google::protobuf::RepeatedPtrField<v1::Finding>& findings,
                  const std::string& fail_on);

/// The findings as a table.
std::string findings_table(const google::protobuf::RepeatedPtrField<v1::Finding>& findings,
                           bool wide, bool colour);

/// The rows of `idtrail top`, and what `idtrail coverage` says.
std::string top_table(const v1::TopReply& reply, bool wide, bool colour);
std::string coverage_text(const v1::CoverageReply& reply, bool wide, bool colour);

/// "shop/cart-7d9f4-x2k4q/server", or the identity's own name where there is no pod.
std::string place_of(const v1::IdentityRef& identity, const v1::InstanceRef& instance);

/// "sh < node", as core/model/subject.h shows it.
std::string subject_text(const v1::SubjectRef& subject);

}  // namespace idtrail
