// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace idtrail {

enum class Tone : unsigned char { kPlain, kGood, kWarn, kBad, kDim };

/// A tone for a severity, or for the state of a check or baseline.
Tone tone_of(std::string_view word);

/// The text between the escapes of the tone; the text alone without colour.
std::string toned(std::string_view text, Tone tone, bool colour);

/// Columns under upper-case headers, as kubectl has them. Text is escaped on its way in, so that no
/// workload can write to the terminal.
class Table {
 public:
  explicit Table(std::vector<std::string> headers) : headers_(std::move(headers)) {}

  struct Cell {
    Cell(std::string_view text_in,
         Tone tone_in = Tone::kPlain);  // NOLINT(google-explicit-constructor)
    Cell(const char* text_in) : Cell(std::string_view(text_in)) {}
    Cell(const std::string& text_in) : Cell(std::string_view(text_in)) {}
    std::string text;
    Tone tone;
  };
  /// As many cells as there are headers.
  void add(std::vector<Cell> cells) { rows_.push_back(std::move(cells)); }

  [[nodiscard]] std::string render(bool colour) const;
  [[nodiscard]] bool empty() const { return rows_.empty(); }

 private:
  std::vector<std::string> headers_;
  std::vector<std::vector<Cell>> rows_;
};

/// "" becomes "-", so that a column never looks as if it were missing.
std::string_view or_dash(std::string_view text);

/// At most `max` characters, the last of them "…".
std::string shorten(std::string_view text, std::size_t max);

}  // namespace idtrail
