#pragma once

#include <atomic>

#include "esphome/components/microphone/microphone.h"
#include "esphome/core/component.h"

namespace esphome::stand_in {

/// Gives blocks of stdin to its listeners from a thread of its own, as an I2S microphone does, and
/// ends the program when the last has been heard. It waits for the main loop now and then, so that
/// minutes of sound take seconds, and says how often it saw the heap used while others listened.
class StandInMicrophone : public microphone::Microphone, public Component {
  public:
    StandInMicrophone(uint32_t rate_hz, size_t block_samples, size_t wait_samples);
    void start() override;
    void stop() override { this->state_ = microphone::STATE_STOPPED; }
    void loop() override { this->loops_++; }

  protected:
    void give_();
    void wait_for_the_loop_();

    size_t block_bytes_;
    size_t wait_bytes_;
    bool started_{false};
    std::atomic<uint32_t> loops_{0};
};

} // namespace esphome::stand_in
