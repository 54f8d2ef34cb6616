// SPDX-License-Identifier: Apache-2.0
#include "support/packet_layers.h"

namespace butterfly::test {
namespace {

std::string_view trim(std::string_view text) {
  const size_t first = text.find_first_not_of(" \t\n");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\n") - first + 1);
}

// The pieces of `text` between separators that stand outside quotes and parentheses.
std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> pieces;
  size_t start = 0;
  int depth = 0;
  bool quoted = false;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '"') quoted = !quoted;
    if (quoted) continue;
    if (text[i] == '(') ++depth;
    if (text[i] == ')') --depth;
    if (text[i] == separator && depth == 0) {
      pieces.push_back(trim(text.substr(start, i - start)));
      start = i + 1;
    }
  }
  pieces.push_back(trim(text.substr(start)));
  return pieces;
}

StatusOr<Field> parse_field(std::string_view text, const std::string& layer) {
  const size_t equals = text.find('=');
  if (equals == std::string_view::npos) {
    return invalid(layer + ": '" + std::string(text) + "' is no field (wanted name=value)");
  }
  std::string_view value = trim(text.substr(equals + 1));
  if (value.size() >= 2 && value.front() == '"' && value.back() == '"') {
    value = value.substr(1, value.size() - 2);
  }
  return Field{std::string(trim(text.substr(0, equals))), std::string(value)};
}

StatusOr<Layer> parse_layer(std::string_view text) {
  const size_t open = text.find('(');
  Layer layer{std::string(trim(text.substr(0, open))), {}};
  if (layer.name.empty()) {
    return invalid("'" + std::string(text) + "' is no layer (wanted name or name(field=value, …))");
  }
  if (open == std::string_view::npos) return layer;
  if (text.back() != ')') return invalid(layer.name + ": ')' is missing at the end");
  const std::string_view inside = trim(text.substr(open + 1, text.size() - open - 2));
  if (inside.empty()) return layer;
  for (const std::string_view piece : split(inside, ',')) {
    StatusOr<Field> field = parse_field(piece, layer.name);
    if (!field.ok()) return field.status();
    if (layer.find(field->name)) return invalid(layer.name + ": field " + field->name + " twice");
    layer.fields.push_back(*std::move(field));
  }
  return layer;
}

bool needs_quotes(const std::string& value) {
  return value.find_first_of(" ,()/") != std::string::npos;
}

}  // namespace

const std::string* Layer::find(std::string_view field) const {
  for (const Field& candidate : fields) {
    if (candidate.name == field) return &candidate.value;
  }
  return nullptr;
}

StatusOr<std::vector<Layer>> parse_layers(std::string_view text) {
  std::vector<Layer> layers;
  for (const std::string_view piece : split(trim(text), '/')) {
    StatusOr<Layer> layer = parse_layer(piece);
    if (!layer.ok()) return layer.status();
    layers.push_back(*std::move(layer));
  }
  return layers;
}

std::string to_text(const std::vector<Layer>& layers) {
  std::string text;
  for (const Layer& layer : layers) {
    if (!text.empty()) text += '/';
    text += layer.name;
    for (size_t i = 0; i < layer.fields.size(); ++i) {
      const Field& field = layer.fields[i];
      const bool quote = needs_quotes(field.value);
      text += i == 0 ? "(" : ", ";
      text += field.name + "=" + (quote ? "\"" + field.value + "\"" : field.value);
    }
    if (!layer.fields.empty()) text += ')';
  }
  return text;
}

}  // namespace butterfly::test
