#include "stand_in_microphone.h"

#include <cstdio>
#include <cstdlib>
#include <new>
#include <thread>
#include <unistd.h>

static thread_local bool counts = false;
static thread_local unsigned allocations = 0;

void *operator new(size_t size) {
    allocations += counts;
    void *memory = std::malloc(size);
    if (memory == nullptr) std::abort();
    return memory;
}
void operator delete(void *memory) noexcept { std::free(memory); }
void operator delete(void *memory, size_t) noexcept { std::free(memory); }

namespace esphome::stand_in {

static size_t environment(const char *name, size_t otherwise) {
    const char *value = std::getenv(name);
    return value ? std::strtoul(value, nullptr, 10) : otherwise;
}

StandInMicrophone::StandInMicrophone(uint32_t rate_hz, size_t block_samples, size_t wait_samples)
    : block_bytes_(2 * environment("BLOCK_SAMPLES", block_samples)),
      wait_bytes_(2 * environment("WAIT_SAMPLES", wait_samples)) {
    this->audio_stream_info_ = audio::AudioStreamInfo(16, 1, rate_hz);
}

void StandInMicrophone::start() {
    this->state_ = microphone::STATE_RUNNING;
    if (!this->started_) std::thread(&StandInMicrophone::give_, this).detach();
    this->started_ = true;
}

void StandInMicrophone::give_() {
    std::vector<uint8_t> block;
    for (size_t given = 0, waited = 0;; given += block.size()) {
        if (given - waited >= this->wait_bytes_) {
            this->wait_for_the_loop_();
            waited = given;
        }
        block.resize(this->block_bytes_);
        block.resize(fread(block.data(), 1, block.size(), stdin));
        if (block.empty()) break;
        counts = given > 0; // the first block makes ESPHome's buffer
        this->data_callbacks_.call(block);
        counts = false;
    }
    this->wait_for_the_loop_();
    printf("allocations: %u\n", allocations);
    fflush(stdout);
    _exit(0);
}

void StandInMicrophone::wait_for_the_loop_() {
    const uint32_t since = this->loops_;
    while (this->loops_ - since < 3) usleep(500);
}

} // namespace esphome::stand_in
