#include "kws_component.h"

#include "esphome/core/log.h"

namespace esphome::kws {

static const char *const TAG = "kws";

void Model::reset() {
  if (this->at_rest_)
    return;
  kws_spotter_reset(&this->spotter_);
  this->at_rest_ = true;
}

size_t Model::process(const int16_t *samples, size_t count, kws_detection *detection) {
  const auto threshold_q10 = static_cast<int16_t>(this->threshold_q10_);
  if (threshold_q10 != this->spotter_.model.detector.threshold_q10)
    kws_spotter_set_threshold(&this->spotter_, threshold_q10);
  this->at_rest_ = false;
  return kws_spotter_process(&this->spotter_, samples, count, detection);
}

void Kws::setup() {
  for (Model *model : this->models_) {
    const kws_status status = model->setup();
    if (status != KWS_OK) {
      ESP_LOGE(TAG, "%s: %s", model->get_name(), kws_status_text(status));
      this->mark_failed();
      return;
    }
  }
  this->source_->add_data_callback([this](const std::vector<uint8_t> &data) {
    this->hear_(reinterpret_cast<const int16_t *>(data.data()), data.size() / sizeof(int16_t));
  });
  if (this->start_at_boot_)
    this->start();
}

void Kws::dump_config() {
  ESP_LOGCONFIG(TAG, "kws:");
  for (const Model *model : this->models_) {
    ESP_LOGCONFIG(TAG, "  %s: %u bytes, threshold %.4f", model->get_name(),
                  static_cast<unsigned>(model->get_size()),
                  posterior_of(model->get_threshold_q10()));
  }
}

void Kws::start() {
  if (!this->is_failed() && !this->listening_)
    this->starting_ = true;
}

void Kws::stop() {
  this->starting_ = false;
  if (this->listening_.exchange(false))
    this->source_->stop();
}

void Kws::loop() {
  if (this->starting_ && !this->hearing_) {  // no task is within a model
    for (Model *model : this->models_)
      model->reset();
    this->starting_ = false;
    this->listening_ = true;
    this->source_->start();
  }
  while (this->taken_ != this->written_) {
    const Heard heard = this->heard_[this->taken_ % PLACES];
    this->taken_++;
    this->last_ = heard.detection;
    const char *word = heard.model->word(heard.detection.word);
    const float score = posterior_of(heard.detection.score_q10);
    ESP_LOGD(TAG, "%s in frame %u, score %.4f", word, static_cast<unsigned>(this->last_.frame),
             score);
    this->trigger_.trigger(word, score);
  }
}

void Kws::hear_(const int16_t *samples, size_t count) {
  this->hearing_ = true;
  if (this->listening_) {
    for (Model *model : this->models_) {
      for (size_t at = 0; at < count;) {
        kws_detection detection;
        at += model->process(samples + at, count - at, &detection);
        if (detection.word != KWS_NO_WORD)
          this->put_(model, detection);
      }
    }
  }
  this->hearing_ = false;
}

void Kws::put_(Model *model, const kws_detection &detection) {
  if (this->written_ - this->taken_ == PLACES)
    return;  // the main loop has stood still for seconds
  this->heard_[this->written_ % PLACES] = {model, detection};
  this->written_++;
}

}  // namespace esphome::kws
