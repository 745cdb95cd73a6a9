/* Zephyr's interface of digital microphones. */
#ifndef ZEPHYR_DMIC_H
#define ZEPHYR_DMIC_H

#include <stdio.h>
#include <zephyr/kernel.h>

enum dmic_trigger { DMIC_TRIGGER_STOP, DMIC_TRIGGER_START };
enum pdm_lr { PDM_CHAN_LEFT, PDM_CHAN_RIGHT };
struct pcm_stream_cfg {
    uint32_t pcm_rate;
    uint8_t pcm_width;
    uint16_t block_size;
    struct k_mem_slab *mem_slab;
};
struct pdm_io_cfg {
    uint32_t min_pdm_clk_freq, max_pdm_clk_freq;
    uint8_t min_pdm_clk_dc, max_pdm_clk_dc;
};
struct pdm_chan_cfg {
    uint32_t req_chan_map_lo, req_chan_map_hi;
    uint8_t req_num_chan, req_num_streams;
};
struct dmic_cfg {
    struct pdm_io_cfg io;
    struct pcm_stream_cfg *streams;
    struct pdm_chan_cfg channel;
};

static struct pcm_stream_cfg stream_in_use;

static inline uint32_t dmic_build_channel_map(uint8_t channel, uint8_t pdm, enum pdm_lr lr) {
    return ((uint32_t)pdm << 1 | (uint32_t)lr) << (channel * 4u);
}
static inline int dmic_configure(const struct device *device, struct dmic_cfg *config) {
    (void)device;
    stream_in_use = *config->streams;
    return config->streams->pcm_width == 16 && config->channel.req_num_chan == 1 ? 0 : -22;
}
static inline int dmic_trigger(const struct device *device, enum dmic_trigger command) {
    (void)device;
    return command == DMIC_TRIGGER_START ? 0 : -22;
}
static inline int dmic_read(const struct device *device, uint8_t stream, void **buffer,
                            uint32_t *size, int32_t timeout_ms) {
    struct k_mem_slab *slab = stream_in_use.mem_slab;
    (void)device, (void)stream, (void)timeout_ms;
    if (slab->used == slab->blocks) return -12; /* none was given back */
    *buffer = slab->memory + slab->used * slab->block_size;
    *size = (uint32_t)fread(*buffer, 1, stream_in_use.block_size, stdin);
    if (*size == 0) return -11;
    slab->used++;
    return 0;
}

#endif
