// Commands that show documents, with their live numbers beside them.
#include <iostream>
#include <map>

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

#include "control/cli/client.hpp"
#include "control/cli/commands.hpp"
#include "control/cli/print.hpp"
#include "control/model/format.hpp"
#include "control/model/kinds.hpp"
#include "control/model/rules.hpp"
#include "control/model/yaml_out.hpp"

namespace sluice::cli {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

constexpr std::size_t kListedMax = 4;  // values of a list in one cell

std::string upper(std::string text) {
  for (char& c : text) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return text;
}

std::string value_text(const Message& message, const FieldDescriptor& field) {
  const auto& reflection = *message.GetReflection();
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_STRING: {
      const std::string text = reflection.GetString(message, &field);
      const auto lines = std::count(text.begin(), text.end(), '\n');
      return lines > 1 ? std::to_string(lines) + " lines" : text;
    }
    case FieldDescriptor::CPPTYPE_BOOL:
      return reflection.GetBool(message, &field) ? "true" : "";
    case FieldDescriptor::CPPTYPE_ENUM:
      return reflection.GetEnum(message, &field)->name();
    default: {
      const std::uint32_t value = reflection.GetUInt32(message, &field);
      if (value != 0 || reflection.HasField(message, &field)) return std::to_string(value);
      return model::rules_of(field).default_value();
    }
  }
}

/// A list of values, or the names of a list of messages.
std::string list_text(const Message& message, const FieldDescriptor& field) {
  const auto& reflection = *message.GetReflection();
  const auto size = static_cast<std::size_t>(reflection.FieldSize(message, &field));
  std::string out;
  for (std::size_t i = 0; i < std::min(size, kListedMax); ++i) {
    const int index = static_cast<int>(i);
    std::string text;
    if (field.cpp_type() == FieldDescriptor::CPPTYPE_STRING) {
      text = reflection.GetRepeatedString(message, &field, index);
    } else {
      const Message& item = reflection.GetRepeatedMessage(message, &field, index);
      text = value_text(item, *item.GetDescriptor()->field(0));
    }
    out += (out.empty() ? "" : ",") + text;
  }
  if (size > kListedMax) out += ",+" + std::to_string(size - kListedMax);
  return out;
}

/// The labels of a sample that the document's own name does not say: "telnet-alt", "be1".
std::string part_of(const v1::Sample& sample, const std::string& name) {
  std::string part;
  for (const v1::Label& label : sample.labels()) {
    if (label.value() == name || label.name() == "node") continue;
    part += (part.empty() ? "" : "/") + label.value();
  }
  return part;
}

/// "service_packets_total" of a service is what "packets" alone says.
std::string short_name(const v1::Sample& sample) {
  constexpr std::string_view kEnding = "_total";
  std::string what = sample.name();
  if (what.ends_with(kEnding)) what.resize(what.size() - kEnding.size());
  return what.substr(what.find('_') + 1);
}

/// One cell has room for what happened to the whole document: its packets, flows, queries. Bytes,
/// replies and the numbers of its parts are in `describe`.
bool is_detail(const v1::Sample& sample) {
  return sample.value() == 0 || sample.name().starts_with("replies_") ||
         sample.name().find("_bytes") != std::string::npos;
}

std::string facts_text(const v1::DocumentFacts& facts, const std::string& name) {
  std::string whole, parts;
  for (const v1::Sample& sample : facts.samples()) {
    if (is_detail(sample)) continue;
    const std::string part = part_of(sample, name);
    std::string& out = part.empty() ? whole : parts;
    out += (out.empty() ? "" : " ") + (part.empty() ? short_name(sample) : part) + "=" +
           number_text(sample.value());
  }
  // Only where there is no sum, as of a firewall's counters, do the parts speak.
  return whole.empty() ? parts : whole;
}

/// "2/3": backends that live, of those that are checked; empty where none are.
std::string health_text(const v1::DocumentFacts& facts) {
  std::map<std::string, bool> lives;  // at each of its addresses
  for (const v1::BackendFacts& one : facts.backends()) {
    const bool well = one.health() != "unhealthy";
    const auto [known, fresh] = lives.emplace(one.backend(), well);
    if (!fresh) known->second = known->second && well;
  }
  if (lives.empty()) return {};
  const auto well =
      std::count_if(lives.begin(), lives.end(), [](const auto& each) { return each.second; });
  return std::to_string(well) + "/" + std::to_string(lives.size());
}

std::string health_table(const v1::DocumentFacts& facts) {
  Table table({"BACKEND", "ADDRESS", "HEALTH", "SINCE", "LAST CHECK", "REASON"});
  const auto time = [](std::uint64_t unix) { return unix == 0 ? "" : time_text(unix); };
  for (const v1::BackendFacts& one : facts.backends()) {
    table.add({one.backend(), one.address(), one.health(), time(one.since_unix()),
               time(one.checked_unix()), one.reason()});
  }
  return table.text();
}

/// One table for documents of one kind; columns are the fields that any of them uses.
std::string table_of(const v1::GetResponse& response, const std::string& kind) {
  const auto& spec = *model::field_of_kind(kind)->message_type();
  std::vector<const FieldDescriptor*> fields;
  for (int i = 0; i < spec.field_count(); ++i) {
    const FieldDescriptor& field = *spec.field(i);
    const bool nested =
        !field.is_repeated() && field.cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE;
    if (nested || model::rules_of(field).secret()) continue;
    for (const v1::Document& document : response.documents()) {
      if (model::kind_of(document) != kind) continue;
      if (!model::is_set(*model::spec_of(document), field) && field.enum_type() == nullptr)
        continue;
      fields.push_back(&field);
      break;
    }
  }
  std::vector<std::string> headings{"NAME"};
  for (const FieldDescriptor* field : fields) headings.push_back(upper(field->name()));
  const bool checked =
      std::any_of(response.facts().begin(), response.facts().end(),
                  [](const v1::DocumentFacts& facts) { return facts.backends_size() != 0; });
  const bool health = checked && kind == "Service";
  if (health) headings.emplace_back("HEALTHY");
  headings.emplace_back("COUNTERS");
  Table table(headings);
  for (int i = 0; i < response.documents_size(); ++i) {
    const v1::Document& document = response.documents(i);
    if (model::kind_of(document) != kind) continue;
    const Message& message = *model::spec_of(document);
    std::vector<std::string> row{document.name()};
    for (const FieldDescriptor* field : fields) {
      row.push_back(field->is_repeated() ? list_text(message, *field)
                                         : value_text(message, *field));
    }
    if (health) row.push_back(health_text(response.facts(i)));
    row.push_back(facts_text(response.facts(i), document.name()));
    table.add(row);
  }
  return table.text();
}

void print_tables(const v1::GetResponse& response) {
  bool first = true;
  for (const std::string& kind : model::kind_names()) {
    const bool any =
        std::any_of(response.documents().begin(), response.documents().end(),
                    [&](const v1::Document& document) { return model::kind_of(document) == kind; });
    if (!any) continue;
    if (!first) std::cout << '\n';
    std::cout << kind << "\n" << table_of(response, kind);
    first = false;
  }
}

v1::DesiredState state_of(const v1::GetResponse& response) {
  v1::DesiredState state;
  *state.mutable_documents() = response.documents();
  return state;
}

/// Asks for documents; `kind` is one, or empty for all.
Result<v1::GetResponse> fetch(const Invocation& invocation, const std::string& kind) {
  const auto client = Client::connect(invocation.target);
  if (!client) return tl::unexpected(client.error());
  v1::GetRequest request;
  request.set_kind(kind);
  request.set_name(invocation.name);
  request.set_revision(invocation.revision);
  auto response = (*client)->get(request);
  if (response && !invocation.name.empty() && response->documents_size() == 0) {
    return fail("there is no " + kind + " " + model::quoted(invocation.name), {},
                "see `sluice get " + kind + "`");
  }
  return response;
}

/// Live tables of the data plane, beside the kinds of documents.
const std::map<std::string, std::string>& live_tables() {
  static const std::map<std::string, std::string> kTables{{"flows", "flows"},
                                                          {"flow-counts", "flow-counts"},
                                                          {"connections", "connections"},
                                                          {"neighbours", "neighbours"},
                                                          {"route-table", "routes"}};
  return kTables;
}

Exit unknown_kind(const std::string& kind) {
  std::vector<std::string> words = model::kind_names();
  for (const auto& [word, table] : live_tables()) words.push_back(word);
  words.emplace_back("counters");
  words.emplace_back("all");
  const std::string near = model::nearest(kind, words);
  return wrong_usage("there is no kind " + model::quoted(kind) + "; " +
                     (near.empty() ? "use " + model::one_of(words) : "did you mean " + near + "?"));
}

}  // namespace

Exit get(const Invocation& invocation) {
  const std::string kind = model::kind_by_word(invocation.kind);
  const auto live = live_tables().find(invocation.kind);
  if (live != live_tables().end()) {
    if (!invocation.name.empty())
      return wrong_usage("get " + invocation.kind + " takes no name, but --limit");
    return show_table(invocation, live->second);
  }
  if (invocation.kind == "counters") return show_counters(invocation);
  if (kind.empty() && invocation.kind != "all") return unknown_kind(invocation.kind);
  const auto response = fetch(invocation, kind);
  if (!response) return failed(response.error());
  if (invocation.output == Output::yaml) {
    std::cout << model::to_yaml(state_of(*response));
  } else if (invocation.output == Output::json) {
    std::cout << (invocation.name.empty() ? model::to_json(state_of(*response))
                                          : model::to_json(response->documents(0)))
              << '\n';
  } else if (kind.empty()) {
    print_tables(*response);
  } else {
    std::cout << table_of(*response, kind);
  }
  return Exit::done;
}

Exit describe(const Invocation& invocation) {
  const std::string kind = model::kind_by_word(invocation.kind);
  if (kind.empty()) return unknown_kind(invocation.kind);
  const auto response = fetch(invocation, kind);
  if (!response) return failed(response.error());
  const v1::Document& document = response->documents(0);
  const v1::DocumentFacts& facts = response->facts(0);
  if (invocation.output == Output::json) {
    std::cout << "{\n  \"revision\": " << response->revision()
              << ",\n  \"document\": " << model::to_json(document, 2)
              << ",\n  \"facts\": " << model::message_to_json(facts, 2, model::Absent::shown)
              << "\n}\n";
    return Exit::done;
  }
  std::cout << model::to_yaml(document);
  if (facts.backends_size() != 0) std::cout << '\n' << health_table(facts);
  if (facts.samples_size() == 0) return Exit::done;
  Table table({"COUNTER", "LABELS", "VALUE"});
  for (const v1::Sample& sample : facts.samples()) {
    table.add({sample.name(), labels_text(sample), number_text(sample.value())});
  }
  std::cout << '\n' << table.text();
  return Exit::done;
}

}  // namespace sluice::cli
