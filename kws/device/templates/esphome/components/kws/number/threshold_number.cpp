#include "threshold_number.h"

#include "esphome/core/log.h"

namespace esphome::kws {

static const char *const TAG = "kws.number";

void ThresholdNumber::setup() {
  float posterior = 0.0f;
  if (this->restore_value_) {
    this->preference_ = this->make_entity_preference<float>();
    if (this->preference_.load(&posterior))
      this->model_->set_threshold_q10(log_odds_q10(posterior));
  }
  // What was not changed stays the very integer that the model was measured with.
  this->publish_state(posterior_of(this->model_->get_threshold_q10()));
}

void ThresholdNumber::control(float value) {
  this->model_->set_threshold_q10(log_odds_q10(value));
  if (this->restore_value_)
    this->preference_.save(&value);
  this->publish_state(value);
}

void ThresholdNumber::dump_config() { LOG_NUMBER("", "Threshold", this); }

}  // namespace esphome::kws
