/// Targets as the tests of this room use them.
#pragma once

#include <google/protobuf/text_format.h>
#include <gtest/gtest.h>

#include "control/health/target.hpp"
#include "control/model/rules.hpp"

namespace sluice::health {

/// A check from protobuf's text form, defaults filled in.
inline std::shared_ptr<const v1::HealthCheck> check_of(const std::string& text) {
  auto check = std::make_shared<v1::HealthCheck>();
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, check.get())) << text;
  model::fill_defaults(*check);
  return check;
}

inline Target target_of(const std::string& backend, const std::string& check = "tcp {}",
                        const std::string& address = "127.0.0.1", std::uint16_t port = 0) {
  Target target;
  target.key = {"web", backend, *IpAddress::parse(address)};
  target.port = port;
  target.source =
      IpAddress::parse(address.find(':') == std::string::npos ? "127.0.0.1" : "::1").value();
  target.check = check_of(check);
  return target;
}

}  // namespace sluice::health
