#include "dataplane/start/questions.hpp"

#include <algorithm>
#include <iterator>

#include <fmt/format.h>

namespace sluice::start {
namespace {

void add_problem(v1::QueryResult& result, const Error& error) {
  v1::Problem& problem = *result.add_problems();
  problem.set_path(error.where);
  problem.set_what(error.what);
  problem.set_fix(error.fix);
}

v1::FromDataplane failure(std::uint64_t id, const Error& error) {
  v1::FromDataplane out;
  out.mutable_result()->set_id(id);
  out.mutable_result()->set_last(true);
  add_problem(*out.mutable_result(), error);
  return out;
}

}  // namespace

Questions::Questions(std::vector<QuestionChannel*> channels) : channels_(std::move(channels)) {}

void Questions::ask(std::uint64_t id, std::unique_ptr<Inquiry> inquiry) {
  if (waiting_.size() == kWaitingMax)
    return refuse(id, {"too many questions wait for an answer", {}, "ask again in a moment"});
  waiting_.push_back({id, std::move(inquiry)});
}

void Questions::turn(Nanoseconds now, const Live& live, const Sink& sink) {
  for (const auto& [id, error] : std::exchange(refused_, {})) sink(failure(id, error));
  take_answers(live);
  while (!waiting_.empty()) {
    if (!begun_) begin(now, live);
    if (!error_ && !asked_.empty()) {
      if (now < deadline_) return;
      fail_with({fmt::format("worker {} does not answer", asked_.front().worker),
                 {},
                 "see `sluice status`"});
    }
    finish(sink);
  }
}

void Questions::begin(Nanoseconds now, const Live& live) {
  begun_ = true;
  error_.reset();
  deadline_ = now + kPatience;
  if (live == nullptr) return fail_with({"no state is in force yet", {}, "apply one"});
  auto questions = waiting_.front().inquiry->begin(live);
  if (!questions) return fail_with(std::move(questions.error()));
  put(*std::move(questions));
}

void Questions::put(std::vector<WorkerQuestion> questions) {
  for (WorkerQuestion& one : questions) {
    if (!channels_[one.worker]->asked.put(one.question.get())) {
      return fail_with({fmt::format("worker {} has not answered earlier questions", one.worker),
                        {},
                        "see `sluice status`"});
    }
    asked_.push_back(std::move(one));
  }
}

void Questions::take_answers(const Live& live) {
  const auto workers = static_cast<std::uint16_t>(channels_.size());
  for (std::uint16_t worker = 0; worker < workers; ++worker) {
    Question* question = nullptr;
    while (channels_[worker]->answered.take(question)) take_answer(worker, question, live);
  }
}

void Questions::take_answer(std::uint16_t worker, const Question* question, const Live& live) {
  const auto is_it = [&](const WorkerQuestion& one) {
    return one.worker == worker && one.question.get() == question;
  };
  const auto old = std::find_if(abandoned_.begin(), abandoned_.end(), is_it);
  if (old != abandoned_.end()) {
    abandoned_.erase(old);
    return;
  }
  const auto found = std::find_if(asked_.begin(), asked_.end(), is_it);
  if (found == asked_.end()) return;
  WorkerQuestion answer = std::move(*found);
  asked_.erase(found);
  put(waiting_.front().inquiry->take(std::move(answer), live));
}

void Questions::finish(const Sink& sink) {
  const Waiting done = std::move(waiting_.front());
  waiting_.pop_front();
  begun_ = false;
  std::move(asked_.begin(), asked_.end(), std::back_inserter(abandoned_));
  asked_.clear();
  if (error_) return sink(failure(done.id, *error_));
  std::vector<v1::QueryResult> results = done.inquiry->results();
  for (std::size_t i = 0; i < results.size(); ++i) {
    v1::FromDataplane out;
    *out.mutable_result() = std::move(results[i]);
    out.mutable_result()->set_id(done.id);
    out.mutable_result()->set_last(i + 1 == results.size());
    sink(std::move(out));
  }
}

}  // namespace sluice::start
