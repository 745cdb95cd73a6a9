/* Hears @WORDS@ with an I2S microphone (INMP441, ICS-43434, SPH0645) on an ESP32:
 *
 *     SCK -> GPIO 14, WS -> GPIO 15, SD -> GPIO 32, L/R -> GND, VDD -> 3V3, GND -> GND
 *
 * The driver's DMA fills buffers while a hop is analysed; i2s_channel_read sleeps until there is one. */
#include <driver/i2s_std.h>
#include <esp_err.h>
#include <esp_log.h>
#include <freertos/FreeRTOS.h>

#include "@NAME@.h"

#define BIT_CLOCK GPIO_NUM_14
#define WORD_SELECT GPIO_NUM_15
#define DATA GPIO_NUM_32
#define HOP @HOP@ /* samples, @HOP_MS@ ms */
#define GAIN_SHIFT 2 /* such microphones are quiet: speech has 12 dB to spare */

static const char *TAG = "kws";
static kws_spotter spotter;
static int32_t slots[HOP]; /* 24 bits at the top of 32 */
static int16_t samples[HOP];

static i2s_chan_handle_t start_microphone(void) {
    i2s_chan_handle_t microphone;
    i2s_chan_config_t channel = I2S_CHANNEL_DEFAULT_CONFIG(I2S_NUM_AUTO, I2S_ROLE_MASTER);
    channel.dma_desc_num = 4;
    channel.dma_frame_num = HOP;
    ESP_ERROR_CHECK(i2s_new_channel(&channel, NULL, &microphone));
    i2s_std_config_t standard = {
        .clk_cfg = I2S_STD_CLK_DEFAULT_CONFIG(@RATE_HZ@),
        .slot_cfg = I2S_STD_PHILIPS_SLOT_DEFAULT_CONFIG(I2S_DATA_BIT_WIDTH_32BIT, I2S_SLOT_MODE_MONO),
        .gpio_cfg = {.mclk = I2S_GPIO_UNUSED, .bclk = BIT_CLOCK, .ws = WORD_SELECT, .dout = I2S_GPIO_UNUSED, .din = DATA},
    };
    standard.slot_cfg.slot_mask = I2S_STD_SLOT_LEFT; /* L/R is at GND */
    ESP_ERROR_CHECK(i2s_channel_init_std_mode(microphone, &standard));
    ESP_ERROR_CHECK(i2s_channel_enable(microphone));
    return microphone;
}

/* The 16 bits below the top GAIN_SHIFT, saturated. */
static int16_t sample_of(int32_t slot) {
    int32_t value = slot >> (16 - GAIN_SHIFT);
    return (int16_t)(value > INT16_MAX ? INT16_MAX : value < INT16_MIN ? INT16_MIN : value);
}

void app_main(void) {
    kws_status status = kws_spotter_init(&spotter, @NAME@, @NAME@_size);
    if (status != KWS_OK) {
        ESP_LOGE(TAG, "%s", kws_status_text(status));
        return;
    }
    i2s_chan_handle_t microphone = start_microphone();
    ESP_LOGI(TAG, "listening for @WORDS@");
    for (;;) {
        size_t bytes = 0;
        kws_detection detection;
        if (i2s_channel_read(microphone, slots, sizeof slots, &bytes, portMAX_DELAY) != ESP_OK) {
            ESP_LOGE(TAG, "the microphone gives no samples");
            return;
        }
        size_t count = bytes / sizeof slots[0];
        for (size_t i = 0; i < count; i++) samples[i] = sample_of(slots[i]);
        (void)kws_spotter_process(&spotter, samples, count, &detection); /* all used, as count <= a hop */
        if (detection.word != KWS_NO_WORD)
            ESP_LOGI(TAG, "%s in frame %lu", kws_spotter_word(&spotter, detection.word), (unsigned long)detection.frame);
    }
}
