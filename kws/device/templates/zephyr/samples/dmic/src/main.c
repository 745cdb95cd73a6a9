/* Hears @WORDS@ with the digital microphone that the devicetree labels dmic_dev. */
#include <zephyr/audio/dmic.h>
#include <zephyr/kernel.h>
#include <zephyr/sys/printk.h>

#include "@NAME@.h"

#define HOP @HOP@ /* samples, @HOP_MS@ ms */
#define BLOCK_BYTES (HOP * sizeof(int16_t))
#define BLOCKS 4
#define TIMEOUT_MS 1000

/* The driver fills one block while another is analysed. */
K_MEM_SLAB_DEFINE_STATIC(blocks, BLOCK_BYTES, BLOCKS, 4);

static kws_spotter spotter;

static int start_microphone(const struct device *microphone) {
    struct pcm_stream_cfg stream = {
        .pcm_rate = @RATE_HZ@,
        .pcm_width = 16,
        .block_size = BLOCK_BYTES,
        .mem_slab = &blocks,
    };
    struct dmic_cfg config = {
        .io = {.min_pdm_clk_freq = 1000000, .max_pdm_clk_freq = 3500000, .min_pdm_clk_dc = 40, .max_pdm_clk_dc = 60},
        .streams = &stream,
        .channel = {.req_num_streams = 1, .req_num_chan = 1},
    };
    config.channel.req_chan_map_lo = dmic_build_channel_map(0, 0, PDM_CHAN_LEFT);
    int error = dmic_configure(microphone, &config);
    return error ? error : dmic_trigger(microphone, DMIC_TRIGGER_START);
}

int main(void) {
    const struct device *const microphone = DEVICE_DT_GET(DT_NODELABEL(dmic_dev));
    kws_status status = kws_spotter_init(&spotter, @NAME@, @NAME@_size);
    if (status != KWS_OK) {
        printk("%s\n", kws_status_text(status));
        return 0;
    }
    int error = device_is_ready(microphone) ? start_microphone(microphone) : -1;
    printk(error ? "the microphone does not start\n" : "listening for @WORDS@\n");
    while (!error) {
        void *block;
        uint32_t bytes;
        kws_detection detection;
        error = dmic_read(microphone, 0, &block, &bytes, TIMEOUT_MS);
        if (error) break;
        (void)kws_spotter_process(&spotter, block, bytes / sizeof(int16_t), &detection); /* one hop: all used */
        k_mem_slab_free(&blocks, block);
        if (detection.word != KWS_NO_WORD)
            printk("%s in frame %u\n", kws_spotter_word(&spotter, detection.word), (unsigned)detection.frame);
    }
    printk("no more samples: error %d\n", error);
    return 0;
}
