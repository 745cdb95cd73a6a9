/* The part of Zephyr's kernel and device model that the sample calls: a slab is blocks of static
 * memory. */
#ifndef ZEPHYR_KERNEL_H
#define ZEPHYR_KERNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct k_mem_slab {
    char *memory;
    size_t block_size;
    uint32_t blocks, used;
};
#define K_MEM_SLAB_DEFINE_STATIC(name, size, count, align)                       \
    static char name##_memory[(size) * (count)] __attribute__((aligned(align))); \
    static struct k_mem_slab name = {name##_memory, size, count, 0}

static inline void k_mem_slab_free(struct k_mem_slab *slab, void *block) {
    (void)block;
    slab->used--;
}

struct device {
    const char *name;
};
static const struct device dmic_dev = {"dmic"};
#define DT_NODELABEL(label) label
#define DEVICE_DT_GET(node) (&node)
static inline bool device_is_ready(const struct device *device) { return device != NULL; }

#endif
