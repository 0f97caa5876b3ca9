#include "control/model/yaml_tree.hpp"

#include <algorithm>
#include <sstream>

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include "control/model/format.hpp"

namespace sluice::model {
namespace {

/// Ends the reading of a file from within the parser; never leaves this file.
struct Stop {};

class TreeBuilder : public YAML::EventHandler {
 public:
  TreeBuilder(const std::string& text, const std::string& file, Problems& problems)
      : text_(text), file_(file), problems_(problems) {
    line_starts_.push_back(0);
    for (std::size_t i = 0; i < text.size(); ++i) {
      if (text[i] == '\n') line_starts_.push_back(i + 1);
    }
  }

  std::vector<YamlNode> take() { return std::move(documents_); }

  /// The parser leaves what begins no value (',' or ']') where it stands, and would begin documents
  /// there for ever.
  void OnDocumentStart(const YAML::Mark& mark) override {
    if (mark.pos == document_) {
      refuse(mark, "YAML syntax: no value begins like this", "look at this line");
      throw Stop{};
    }
    document_ = mark.pos;
  }
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    add(node(YamlNode::Type::null, mark, anchor, ""));
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override {
    refuse(mark, "aliases ('*name') are not supported", "write the value out");
    add(node(YamlNode::Type::null, mark, 0, ""));
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    YamlNode scalar = node(YamlNode::Type::scalar, mark, anchor, tag);
    scalar.plain = tag == "?";
    scalar.block = !scalar.plain && at(mark) == '|';
    scalar.value = value;
    add(std::move(scalar));
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    open(node(YamlNode::Type::sequence, mark, anchor, tag), mark);
  }
  void OnSequenceEnd() override { close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    open(node(YamlNode::Type::map, mark, anchor, tag), mark);
  }
  void OnMapEnd() override { close(); }

 private:
  YamlNode node(YamlNode::Type type, const YAML::Mark& mark, YAML::anchor_t anchor,
                const std::string& tag) {
    if (anchor != 0) refuse(mark, "anchors ('&name') are not supported", "write the value out");
    if (!tag.empty() && tag != "?" && tag != "!") {
      refuse(mark, "tags (" + quoted(tag) + ") are not supported", "remove the tag");
    }
    if (++nodes_ > kYamlNodesMax) {
      refuse(mark, "the file has more than " + std::to_string(kYamlNodesMax) + " values",
             "split it, and put long lists into files of their own");
      throw Stop{};
    }
    YamlNode out;
    out.type = type;
    out.line = static_cast<std::uint32_t>(mark.line + 1);
    out.column = static_cast<std::uint32_t>(mark.column + 1);
    return out;
  }

  void refuse(const YAML::Mark& mark, std::string what, std::string fix) {
    problems_.add_at({file_, static_cast<std::uint32_t>(mark.line + 1),
                      static_cast<std::uint32_t>(mark.column + 1)},
                     {}, std::move(what), std::move(fix));
  }

  void open(YamlNode opened, const YAML::Mark& mark) {
    if (stack_.size() >= kYamlDepthMax) {
      refuse(mark, "nested more than " + std::to_string(kYamlDepthMax) + " levels deep",
             "no document needs that; look for stray brackets");
      throw Stop{};
    }
    stack_.push_back(std::move(opened));
  }

  void close() {
    YamlNode done = std::move(stack_.back());
    stack_.pop_back();
    add(std::move(done));
  }

  void add(YamlNode done) {
    if (!stack_.empty()) {
      stack_.back().items.push_back(std::move(done));
    } else if (done.type != YamlNode::Type::null) {
      documents_.push_back(std::move(done));
    }
  }

  /// The byte of the text at a mark; 0 outside of it.
  char at(const YAML::Mark& mark) const {
    const auto line = static_cast<std::size_t>(mark.line);
    if (line >= line_starts_.size()) return 0;
    const std::size_t position = line_starts_[line] + static_cast<std::size_t>(mark.column);
    return position < text_.size() ? text_[position] : '\0';
  }

  const std::string& text_;
  const std::string& file_;
  Problems& problems_;
  std::vector<std::size_t> line_starts_;
  std::vector<YamlNode> stack_;
  std::vector<YamlNode> documents_;
  std::size_t nodes_ = 0;
  int document_ = -1;  ///< where the last one began
};

/// The place of the byte at an offset; columns are bytes, as the parser counts them.
Place place_of(std::string_view text, std::size_t offset, const std::string& file) {
  const std::string_view before = text.substr(0, offset);
  const auto lines = std::count(before.begin(), before.end(), '\n');
  const std::size_t line_end = before.rfind('\n');
  const std::size_t start = line_end == std::string_view::npos ? 0 : line_end + 1;
  return {file, static_cast<std::uint32_t>(lines + 1),
          static_cast<std::uint32_t>(offset - start + 1)};
}

}  // namespace

std::vector<YamlNode> parse_yaml(const std::string& text, const std::string& file,
                                 Problems& problems) {
  if (const std::size_t good = std::min(utf8_prefix(text), text.find('\0')); good < text.size()) {
    problems.add_at(place_of(text, good, file), {}, "the file is not UTF-8 text",
                    "convert it, as with iconv");
    return {};
  }
  TreeBuilder builder(text, file, problems);
  try {
    std::istringstream stream(text);
    YAML::Parser parser(stream);
    while (parser.HandleNextDocument(builder)) {
    }
  } catch (const Stop&) {
    // The reason is among the problems.
  } catch (const YAML::Exception& e) {
    problems.add_at({file, static_cast<std::uint32_t>(e.mark.line + 1),
                     static_cast<std::uint32_t>(e.mark.column + 1)},
                    {}, "YAML syntax: " + as_utf8(e.msg),
                    "look at this line and the one before it");
  }
  return builder.take();
}

}  // namespace sluice::model
