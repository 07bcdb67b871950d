// SPDX-License-Identifier: Apache-2.0
#include "core/sink/jsonl_reader.h"

#include <cerrno>
#include <cstring>
#include <fstream>
#include <istream>
#include <optional>
#include <utility>

#include <fmt/format.h>
#include <google/protobuf/util/json_util.h>

#include "core/common/text.h"

namespace idtrail {
namespace {

/// One line without its line feed, into `line`; bytes beyond the bound are read past. Nullopt at
/// the end of the input, else whether the whole line fitted.
std::optional<bool> next_line(std::istream& in, std::string& line) {
  line.clear();
  bool any = false;
  bool fitted = true;
  for (int byte = in.get(); byte != std::istream::traits_type::eof(); byte = in.get()) {
    any = true;
    if (byte == '\n') return fitted;
    if (line.size() < JsonlReport::kMaxLineBytes) {
      line += static_cast<char>(byte);
    } else {
      fitted = false;
    }
  }
  if (!any) return std::nullopt;
  return fitted;
}

/// Empty where the line is a finding.
std::string parse(const std::string& line, v1::Finding& finding) {
  // protobuf's parser takes some texts that are no UTF-8; nobody downstream should have to.
  if (!is_valid_utf8(line)) return "not UTF-8";
  google::protobuf::util::JsonParseOptions options;
  options.ignore_unknown_fields = true;
  const auto status = google::protobuf::util::JsonStringToMessage(line, &finding, options);
  if (!status.ok()) return printable(std::string(status.message())).substr(0, 200);
  if (finding.id().empty() || finding.rule().empty()) return "no finding: id or rule is missing";
  return {};
}

}  // namespace

JsonlReport read_findings(std::istream& in, const std::function<void(v1::Finding)>& each) {
  JsonlReport report;
  std::string line;
  std::uint64_t number = 0;
  while (const std::optional<bool> fitted = next_line(in, line)) {
    ++number;
    if (line.find_first_not_of(" \t\r") == std::string::npos) continue;
    v1::Finding finding;
    std::string why = *fitted ? parse(line, finding)
                              : fmt::format("longer than {} bytes", JsonlReport::kMaxLineBytes);
    if (why.empty()) {
      ++report.findings;
      each(std::move(finding));
      continue;
    }
    ++report.malformed;
    if (report.first_bad.size() < JsonlReport::kBadLinesKept) {
      report.first_bad.push_back({number, std::move(why)});
    }
  }
  return report;
}

Result<JsonlReport> read_findings(const std::filesystem::path& file,
                                  const std::function<void(v1::Finding)>& each) {
  std::ifstream in(file, std::ios::binary);
  if (!in) {
    const int why = errno;
    const Errc code = why == ENOENT   ? Errc::kNotFound
                      : why == EACCES ? Errc::kPermission
                                      : Errc::kUnavailable;
    return Error{code, fmt::format("read findings from {}: {}", file.string(), std::strerror(why))};
  }
  return read_findings(in, each);
}

}  // namespace idtrail
