#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "esphome/components/microphone/microphone_source.h"
#include "esphome/core/automation.h"
#include "esphome/core/component.h"
#include "kws.h"
#include "log_odds.h"

namespace esphome::kws {

/// One model with all the memory that it takes. The microphone's task alone calls `process`.
class Model {
 public:
  Model(const char *name, const uint8_t *bytes, size_t size, int16_t threshold_q10)
      : name_(name), bytes_(bytes), size_(size), threshold_q10_(threshold_q10) {}

  /// Has the engine check the bytes; what it refuses hears nothing.
  kws_status setup() { return kws_spotter_init(&this->spotter_, this->bytes_, this->size_); }

  /// Forgets all that was heard, unless nothing was.
  void reset();

  /// Takes samples as `kws_spotter_process` does.
  size_t process(const int16_t *samples, size_t count, kws_detection *detection);

  const char *get_name() const { return this->name_; }
  const char *word(uint8_t index) const { return kws_spotter_word(&this->spotter_, index); }
  size_t get_size() const { return this->size_; }

  /// From any task; it holds from the next samples on.
  void set_threshold_q10(int16_t threshold_q10) { this->threshold_q10_ = threshold_q10; }
  int16_t get_threshold_q10() const { return static_cast<int16_t>(this->threshold_q10_); }

 protected:
  const char *name_;
  const uint8_t *bytes_;
  size_t size_;
  std::atomic<int32_t> threshold_q10_;
  bool at_rest_{true};
  kws_spotter spotter_{};
};

struct Heard {
  Model *model;
  kws_detection detection;
};

/// Hears with every model what one microphone brings, in the microphone's own task, where a hop
/// takes a small part of its time. What was heard goes to the main loop, which runs the automation.
class Kws : public Component {
 public:
  void setup() override;
  void loop() override;
  void dump_config() override;
  float get_setup_priority() const override { return setup_priority::AFTER_CONNECTION; }

  void set_microphone_source(microphone::MicrophoneSource *source) { this->source_ = source; }
  void set_start_at_boot(bool start_at_boot) { this->start_at_boot_ = start_at_boot; }
  void add_model(Model *model) { this->models_.push_back(model); }
  Trigger<std::string, float> *get_wake_word_detected_trigger() { return &this->trigger_; }

  /// A stream begins: nothing of what was heard before counts.
  void start();
  void stop();
  bool is_running() const { return this->starting_ || this->listening_; }

  /// What the trigger runs for: class, score with 10 fractional bits, frame since the start.
  const kws_detection &get_last_detection() const { return this->last_; }

 protected:
  void hear_(const int16_t *samples, size_t count);
  void put_(Model *model, const kws_detection &detection);

  static constexpr uint32_t PLACES = 8;  // of what was heard and waits for the main loop

  microphone::MicrophoneSource *source_{nullptr};
  std::vector<Model *> models_;
  Trigger<std::string, float> trigger_;
  bool start_at_boot_{true};
  bool starting_{false};
  kws_detection last_{KWS_NO_WORD, 0, 0};
  Heard heard_[PLACES];
  std::atomic<uint32_t> written_{0};  // by the microphone's task
  std::atomic<uint32_t> taken_{0};    // by the main loop
  // The loop sets one and then reads the other; the microphone's task does it the other way round.
  std::atomic<bool> listening_{false};
  std::atomic<bool> hearing_{false};
};

}  // namespace esphome::kws
