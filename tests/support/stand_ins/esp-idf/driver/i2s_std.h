/* The part of ESP-IDF's I2S driver that the example calls. */
#ifndef I2S_STD_H
#define I2S_STD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "esp_err.h"

typedef enum { GPIO_NUM_NC = -1, GPIO_NUM_14 = 14, GPIO_NUM_15 = 15, GPIO_NUM_32 = 32 } gpio_num_t;
#define I2S_GPIO_UNUSED GPIO_NUM_NC
typedef enum { I2S_NUM_0 = 0, I2S_NUM_AUTO = 3 } i2s_port_t;
typedef enum { I2S_ROLE_MASTER, I2S_ROLE_SLAVE } i2s_role_t;
typedef enum { I2S_DATA_BIT_WIDTH_16BIT = 16, I2S_DATA_BIT_WIDTH_32BIT = 32 } i2s_data_bit_width_t;
typedef enum { I2S_SLOT_MODE_MONO = 1, I2S_SLOT_MODE_STEREO = 2 } i2s_slot_mode_t;
typedef enum {
    I2S_STD_SLOT_LEFT = 1,
    I2S_STD_SLOT_RIGHT = 2,
    I2S_STD_SLOT_BOTH = 3
} i2s_std_slot_mask_t;
typedef struct i2s_channel *i2s_chan_handle_t;
typedef struct {
    i2s_port_t id;
    i2s_role_t role;
    uint32_t dma_desc_num, dma_frame_num;
    bool auto_clear;
} i2s_chan_config_t;
typedef struct {
    uint32_t sample_rate_hz;
} i2s_std_clk_config_t;
typedef struct {
    i2s_data_bit_width_t data_bit_width;
    i2s_slot_mode_t slot_mode;
    i2s_std_slot_mask_t slot_mask;
} i2s_std_slot_config_t;
typedef struct {
    gpio_num_t mclk, bclk, ws, dout, din;
    struct {
        uint32_t mclk_inv : 1, bclk_inv : 1, ws_inv : 1;
    } invert_flags;
} i2s_std_gpio_config_t;
typedef struct {
    i2s_std_clk_config_t clk_cfg;
    i2s_std_slot_config_t slot_cfg;
    i2s_std_gpio_config_t gpio_cfg;
} i2s_std_config_t;
#define I2S_CHANNEL_DEFAULT_CONFIG(port, i2s_role) \
    {.id = port, .role = i2s_role, .dma_desc_num = 6, .dma_frame_num = 240}
#define I2S_STD_CLK_DEFAULT_CONFIG(rate) {.sample_rate_hz = rate}
#define I2S_STD_PHILIPS_SLOT_DEFAULT_CONFIG(bits, mode) \
    {.data_bit_width = bits, .slot_mode = mode, .slot_mask = I2S_STD_SLOT_BOTH}

static int is_enabled;

static inline esp_err_t i2s_new_channel(const i2s_chan_config_t *config, i2s_chan_handle_t *tx,
                                        i2s_chan_handle_t *rx) {
    *rx = NULL;
    return tx == NULL && config->dma_frame_num ? ESP_OK : ESP_FAIL;
}
static inline esp_err_t i2s_channel_init_std_mode(i2s_chan_handle_t channel,
                                                  const i2s_std_config_t *config) {
    (void)channel;
    return config->slot_cfg.slot_mask == I2S_STD_SLOT_LEFT ? ESP_OK : ESP_FAIL;
}
static inline esp_err_t i2s_channel_enable(i2s_chan_handle_t channel) {
    (void)channel;
    is_enabled = 1;
    return ESP_OK;
}
/* A microphone of 24 bits, 12 dB below the recording. */
static inline esp_err_t i2s_channel_read(i2s_chan_handle_t channel, void *slots, size_t size,
                                         size_t *bytes, uint32_t ticks) {
    int16_t sample;
    (void)channel, (void)ticks;
    for (*bytes = 0; is_enabled && *bytes < size && fread(&sample, 2, 1, stdin) == 1; *bytes += 4)
        ((int32_t *)slots)[*bytes / 4] = (int32_t)((uint32_t)(int32_t)sample << 14);
    return *bytes ? ESP_OK : ESP_FAIL;
}

#endif
