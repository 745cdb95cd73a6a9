#pragma once

#include "esphome/core/automation.h"
#include "kws_component.h"

namespace esphome::kws {

template<typename... Ts> class StartAction : public Action<Ts...>, public Parented<Kws> {
 public:
  void play(const Ts &...x) override { this->parent_->start(); }
};

template<typename... Ts> class StopAction : public Action<Ts...>, public Parented<Kws> {
 public:
  void play(const Ts &...x) override { this->parent_->stop(); }
};

template<typename... Ts> class IsRunningCondition : public Condition<Ts...>, public Parented<Kws> {
 public:
  bool check(const Ts &...x) override { return this->parent_->is_running(); }
};

}  // namespace esphome::kws
