#include "dataplane/runtime/counters.hpp"

#include <gtest/gtest.h>

namespace sluice {
namespace {

TEST(SlotRegistry, ANameKeepsItsSlot) {
  SlotRegistry registry(16);
  const Slot a = registry.slot_of("a");
  const Slot b = registry.slot_of("b");
  EXPECT_NE(a, b);
  EXPECT_EQ(a, registry.slot_of("a"));
  EXPECT_EQ(2U, registry.all().size());
}

TEST(SlotRegistry, WhenFullNamesShareTheSlotNobodyReads) {
  SlotRegistry registry(3);
  EXPECT_NE(kNoSlot, registry.slot_of("a"));
  EXPECT_NE(kNoSlot, registry.slot_of("b"));
  EXPECT_EQ(kNoSlot, registry.slot_of("c"));
  EXPECT_EQ(1U, registry.exhausted());
}

TEST(CounterBlock, CountsEventsAndUnitsAndIgnoresForeignSlots) {
  CounterBlock block(4);
  block.add(2, 100);
  block.add(2, 60);
  block.add(99, 1);
  EXPECT_EQ(2U, block.read(2).events);
  EXPECT_EQ(160U, block.read(2).units);
  EXPECT_EQ(0U, block.read(99).events);
}

}  // namespace
}  // namespace sluice
