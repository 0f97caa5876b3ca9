#include "dataplane/packet/verdict.hpp"

#include <array>

namespace sluice {
namespace {

constexpr std::array<std::string_view, kDropReasons> kNames{
    "none",
#define DROP_REASON(name, meaning) #name,
#include "dataplane/packet/drop_reasons.def"
#undef DROP_REASON
};

constexpr std::array<std::string_view, kDropReasons> kMeanings{
    "not dropped",
#define DROP_REASON(name, meaning) meaning,
#include "dataplane/packet/drop_reasons.def"
#undef DROP_REASON
};

constexpr std::array<std::string_view, 7> kVerdicts{"none",   "sent", "dropped", "answered",
                                                    "punted", "held", "handed"};

}  // namespace

std::string_view name_of(Verdict verdict) {
  return kVerdicts[static_cast<unsigned>(verdict)];
}
std::string_view name_of(DropReason reason) {
  return kNames[static_cast<unsigned>(reason)];
}
std::string_view meaning_of(DropReason reason) {
  return kMeanings[static_cast<unsigned>(reason)];
}

}  // namespace sluice
