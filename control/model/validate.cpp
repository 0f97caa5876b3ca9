#include "control/model/validate.hpp"

#include <cctype>
#include <map>

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

#include "control/model/compile.hpp"
#include "control/model/format.hpp"
#include "control/model/kinds.hpp"
#include "control/model/rules.hpp"
#include "control/model/validate_health.hpp"
#include "control/model/validate_network.hpp"
#include "dataplane/packet/snapshot.hpp"

namespace sluice::model {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

/// Named counters of a trial compilation; what a data plane's default holds.
constexpr std::uint32_t kTrialSlots = 65'536;

/// The name as it is compared: zones without case and final dot (RFC 4343).
std::string folded_name(const v1::Document& document) {
  std::string name = document.name();
  if (!document.has_zone()) return name;
  for (char& c : name) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  if (!name.empty() && name.back() == '.') name.pop_back();
  return name;
}

void check_names(const v1::DesiredState& state, Problems& problems) {
  std::map<std::string, std::string> seen;
  for (const v1::Document& document : state.documents()) {
    const std::string key = key_of(document);
    if (spec_of(document) == nullptr) {
      problems.add("document " + quoted(document.name()), "it has no spec",
                   "give a kind and a spec");
      continue;
    }
    const auto format = document.has_zone() ? v1::DOMAIN : v1::NAME;
    if (auto complaint = check_format(format, document.name())) {
      problems.add(key + ": name", complaint->what, complaint->fix);
    }
    const auto [first, added] = seen.emplace(kind_of(document) + "/" + folded_name(document), key);
    if (!added) {
      problems.add(key, "there are two documents of this kind and name",
                   "remove or rename one; the other is " + first->second);
    }
  }
}

void check_reference(const v1::DesiredState& state, const std::string& kind,
                     const std::string& name, const std::string& path, Problems& problems) {
  if (name.empty() || find_document(state, kind, name) != nullptr) return;
  std::vector<std::string> names;
  for (const v1::Document& document : state.documents()) {
    if (kind_of(document) == kind) names.push_back(document.name());
  }
  const std::string near = nearest(name, names);
  problems.add(path, "there is no " + kind + " " + quoted(name),
               near.empty() ? "add one of that name" : "did you mean " + near + "?");
}

/// Walks a message for fields that refer to documents.
void check_references(const v1::DesiredState& state, const Message& message,
                      const std::string& path, Problems& problems) {
  const auto& reflection = *message.GetReflection();
  for (int i = 0; i < message.GetDescriptor()->field_count(); ++i) {
    const FieldDescriptor& field = *message.GetDescriptor()->field(i);
    const std::string& kind = rules_of(field).refers_to();
    const std::string field_path = path_to(path, field.name());
    const bool is_message = field.cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE;
    if (kind.empty() && !is_message) continue;
    if (!field.is_repeated()) {
      if (!is_message) {
        check_reference(state, kind, reflection.GetString(message, &field), field_path, problems);
      } else if (reflection.HasField(message, &field)) {
        check_references(state, reflection.GetMessage(message, &field), field_path, problems);
      }
      continue;
    }
    for (int j = 0; j < reflection.FieldSize(message, &field); ++j) {
      const std::string item_path = path_to(field_path, static_cast<std::size_t>(j));
      if (is_message) {
        check_references(state, reflection.GetRepeatedMessage(message, &field, j), item_path,
                         problems);
      } else {
        check_reference(state, kind, reflection.GetRepeatedString(message, &field, j), item_path,
                        problems);
      }
    }
  }
}

void check_zones(const v1::DesiredState& state, Problems& problems) {
  for (const v1::Document& document : state.documents()) {
    if (document.has_zone() && document.zone().text().empty()) {
      problems.add(key_of(document) + ": spec", "the zone has no records",
                   "give a master file in `file`, or records in `text`");
    }
  }
}

void check_tracking(const v1::DesiredState& state, Problems& problems) {
  std::string first;
  for (const v1::Document& document : state.documents()) {
    if (!document.has_firewall() || !document.firewall().has_tracking()) continue;
    if (!first.empty()) {
      problems.add(key_of(document) + ": spec.tracking", first + " sets tracking already",
                   "set it in one Firewall only; it holds for all");
    }
    first = key_of(document);
  }
}

/// What only the compilers of the data plane's rooms find, run as a data plane runs them.
void check_compiles(const v1::DesiredState& state, const Places* places, Problems& problems) {
  const Sources sources = compile_sources(state, facts_of(state), problems, places);
  if (!problems.empty()) return;
  SlotRegistry slots(kTrialSlots);
  const auto compiled = compile(sources, 1, slots);
  if (compiled) return;
  for (const Error& error : compiled.error()) problems.add(problem_of(error));
}

}  // namespace

void validate(const v1::DesiredState& state, Problems& problems, const Places* places) {
  check_names(state, problems);
  for (const v1::Document& document : state.documents()) {
    const Message* spec = spec_of(document);
    if (spec == nullptr) continue;
    const std::string path = key_of(document) + ": spec";
    check_message(*spec, path, problems);
    check_references(state, *spec, path, problems);
  }
  check_zones(state, problems);
  check_tracking(state, problems);
  check_ports(state, problems);
  check_routes(state, problems);
  check_services(state, problems);
  check_health_checks(state, problems);
  if (problems.empty()) check_compiles(state, places, problems);
  if (places != nullptr) problems.locate(*places);
}

}  // namespace sluice::model
