/// What a name server answers (RFC 1034 section 4.3.2), rendered ahead of the question.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "dataplane/dns/answer_writer.hpp"
#include "dataplane/dns/zone/catalog.hpp"

namespace sluice::dns {

/// Aliases followed for one answer; what was found until then is the answer.
inline constexpr unsigned kChainMax = 18;

/// The answers of one node. A type that is neither in `by_type` nor covered by `otherwise` has no
/// data.
struct NodeAnswers {
  std::vector<RenderedAnswer> answers;
  /// Type and 1 + index into answers; 0 says that the type has no data whatever `otherwise` says.
  std::vector<std::pair<std::uint16_t, std::uint32_t>> by_type;
  std::uint32_t otherwise = 0;  ///< 1 + index into answers; 0: no data
};

/// Answers for a node that is neither occluded nor hidden by a zone below. Error: one fits no
/// message.
[[nodiscard]] Result<NodeAnswers> answers_of(const Catalog& catalog, const Zone& zone,
                                             const ZoneNode& node);

/// NODATA of a zone; with another response code also its NXDOMAIN. The question is the origin.
[[nodiscard]] RenderedAnswer negative_answer_of(const Zone& zone);

}  // namespace sluice::dns
