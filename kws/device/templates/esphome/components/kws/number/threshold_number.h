#pragma once

#include "esphome/components/kws/kws_component.h"
#include "esphome/components/number/number.h"
#include "esphome/core/component.h"
#include "esphome/core/preferences.h"

namespace esphome::kws {

/// The posterior from which on a word of one model counts as heard.
class ThresholdNumber : public number::Number, public Component {
 public:
  void setup() override;
  void dump_config() override;
  void set_model(Model *model) { this->model_ = model; }
  void set_restore_value(bool restore_value) { this->restore_value_ = restore_value; }

 protected:
  void control(float value) override;

  Model *model_{nullptr};
  bool restore_value_{false};
  ESPPreferenceObject preference_;
};

}  // namespace esphome::kws
