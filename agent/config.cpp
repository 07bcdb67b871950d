// SPDX-License-Identifier: Apache-2.0
#include "agent/config.h"

#include <algorithm>
#include <fstream>

#include <fmt/format.h>
#include <yaml-cpp/yaml.h>

namespace idtrail {
namespace {

constexpr std::size_t kMaxFile = 1U << 20U;
constexpr int kMaxDepth = 2;

/// Lays one YAML document over a configuration. Stops at the first thing that is wrong.
class Overlay {
 public:
  Overlay(std::string_view file, Config& config) : file_(file), config_(config) {}

  Result<void> apply(const YAML::Node& node, const std::string& prefix = "", int depth = 0) {
    if (node.IsNull() && prefix.empty()) return {};
    if (!node.IsMap())
      return wrong(node, prefix.empty() ? "the file" : prefix, "a mapping of keys");
    for (const auto& entry : node) {
      if (!entry.first.IsScalar()) return wrong(entry.first, "a key", "plain text");
      const std::string key = prefix + entry.first.Scalar();
      if (std::find(seen_.begin(), seen_.end(), key) != seen_.end()) {
        return wrong(entry.first, key, "one value: the key stands twice");
      }
      seen_.push_back(key);
      if (auto done = apply_key(entry.first, entry.second, key, depth); !done) return done;
    }
    return {};
  }

 private:
  Result<void> apply_key(const YAML::Node& at, const YAML::Node& value, const std::string& key,
                         int depth) {
    const auto all = settings();
    const auto found = std::find_if(all.begin(), all.end(),
                                    [&](const Setting& setting) { return setting.key == key; });
    if (found != all.end()) return set(*found, value);
    const std::string level = key + ".";
    const bool is_level = std::any_of(all.begin(), all.end(), [&](const Setting& setting) {
      return setting.key.starts_with(level);
    });
    if (is_level && depth < kMaxDepth) return apply(value, level, depth + 1);
    return Error{Errc::kInvalid, fmt::format("{}:{}: unknown key \"{}\"; allowed: {}", file_,
                                             at.Mark().line + 1, key, known_keys())};
  }

  Result<void> set(const Setting& setting, const YAML::Node& value) {
    std::string text;
    if (setting.list) {
      if (!value.IsSequence()) return wrong(value, setting.key, setting.allowed);
      for (const auto& item : value) {
        if (!item.IsScalar() || item.Scalar().find('\n') != std::string::npos) {
          return wrong(item, setting.key, setting.allowed);
        }
        text += item.Scalar() + "\n";
      }
    } else {
      if (!value.IsScalar()) return wrong(value, setting.key, setting.allowed);
      text = value.Scalar();
    }
    if (!setting.set(config_, text)) return wrong(value, setting.key, setting.allowed);
    return {};
  }

  Error wrong(const YAML::Node& at, std::string_view key, std::string_view allowed) const {
    std::string got = at.IsScalar() ? fmt::format(", not \"{}\"", at.Scalar().substr(0, 80)) : "";
    return Error{Errc::kInvalid, fmt::format("{}:{}: {} must be {}{}", file_, at.Mark().line + 1,
                                             key, allowed, got)};
  }

  static std::string known_keys() {
    std::string keys;
    for (const auto& setting : settings()) {
      keys += (keys.empty() ? "" : ", ") + std::string(setting.key);
    }
    return keys;
  }

  std::string_view file_;
  Config& config_;
  std::vector<std::string> seen_;
};

/// yaml-cpp throws; here and nowhere else it is caught.
Result<YAML::Node> parse_yaml(std::string_view text, std::string_view name) {
  try {
    return YAML::Load(std::string(text));
  } catch (const YAML::Exception& error) {
    return Error{Errc::kInvalid,
                 fmt::format("{}:{}: no valid YAML: {}", name, error.mark.line + 1, error.msg)};
  }
}

}  // namespace

Result<Config> parse_config(std::string_view yaml, std::string_view name, Config base) {
  auto root = parse_yaml(yaml, name);
  if (!root) return root.error();
  Overlay overlay(name, base);
  if (auto done = overlay.apply(*root); !done) return done.error();
  return base;
}

Result<Config> load_config(const std::filesystem::path& file, Config base) {
  std::ifstream in(file, std::ios::binary);
  if (!in) {
    const Errc code = errno == EACCES ? Errc::kPermission : Errc::kNotFound;
    return Error{code, fmt::format("read configuration {}: {}", file.string(),
                                   std::generic_category().message(errno))};
  }
  std::string text(kMaxFile + 1, '\0');
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(in.gcount()));
  if (text.size() > kMaxFile) {
    return Error{Errc::kInvalid,
                 fmt::format("read configuration {}: larger than 1 MiB", file.string())};
  }
  return parse_config(text, file.string(), std::move(base));
}

std::string config_yaml(const Config& config) {
  YAML::Node root;
  for (const auto& setting : settings()) {
    const std::string key(setting.key);
    const auto dot = key.find('.');
    YAML::Node node = dot == std::string::npos ? root : root[key.substr(0, dot)];
    YAML::Node value;
    const std::string text = setting.get(config);
    if (setting.list) {
      value = YAML::Node(YAML::NodeType::Sequence);
      for (std::size_t at = 0; at < text.size();) {
        const auto end = text.find('\n', at);
        value.push_back(text.substr(at, end - at));
        at = end + 1;
      }
    } else {
      value = text;
    }
    node[dot == std::string::npos ? key : key.substr(dot + 1)] = value;
  }
  YAML::Emitter out;
  out << root;
  return std::string(out.c_str()) + "\n";
}

}  // namespace idtrail
