/* A plugin for QEMU's translator: exact instructions of each region of a program, from mark to
 * mark.
 *
 *     qemu-system-arm ... -plugin counter.so,map=regions.txt,out=counts.txt
 *
 * The map has a line for each run of addresses, in hexadecimal, ascending: FIRST END REGION. Region
 * 0 is a routine that others share (a division, memcpy): it counts for the region that called it,
 * and so does what the map leaves out. Region 1 counts for nobody. The first instruction of region
 * 2 is the mark: each time it runs, a line of counts since the last mark is written, regions 3 and
 * upwards.
 *
 * The prototypes are written from QEMU's documentation of its plugin API, version 1, which QEMU 4.2
 * to 8 load (run with 7.2): Debian ships the emulators without a header. */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXPORT __attribute__((visibility("default")))
enum { SHARED = 0, NOBODY = 1, MARK = 2, FIRST = 3, MAX_REGIONS = 256, MAX_RUNS = 1 << 16 };
enum { NO_REGISTERS = 0 }; /* enum qemu_plugin_cb_flags */

typedef uint64_t plugin_id;
struct block;
struct instruction;
extern void qemu_plugin_register_vcpu_tb_trans_cb(plugin_id id,
                                                  void (*translated)(plugin_id id,
                                                                     struct block *block));
extern size_t qemu_plugin_tb_n_insns(const struct block *block);
extern struct instruction *qemu_plugin_tb_get_insn(const struct block *block, size_t index);
extern uint64_t qemu_plugin_insn_vaddr(const struct instruction *instruction);
extern void qemu_plugin_register_vcpu_insn_exec_cb(struct instruction *instruction,
                                                   void (*executed)(unsigned cpu, void *data),
                                                   int flags, void *data);
extern void qemu_plugin_register_atexit_cb(plugin_id id, void (*ended)(plugin_id id, void *data),
                                           void *data);

EXPORT int qemu_plugin_version = 1;
EXPORT int qemu_plugin_install(plugin_id id, const void *info, int argc, char **argv);

static struct {
    uint64_t first, end;
    unsigned region;
} runs[MAX_RUNS];
static size_t run_count;
static uint64_t counts[MAX_REGIONS];
static unsigned regions = FIRST, current = NOBODY;
static FILE *out;

static unsigned region_of(uint64_t address) {
    size_t low = 0, high = run_count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (runs[middle].end <= address) low = middle + 1;
        else high = middle;
    }
    return low < run_count && runs[low].first <= address ? runs[low].region : SHARED;
}

static void mark(void) {
    for (unsigned region = FIRST; region < regions; region++) {
        fprintf(out, "%llu%c", (unsigned long long)counts[region],
                region + 1 < regions ? ' ' : '\n');
        counts[region] = 0;
    }
}

static void executed(unsigned cpu, void *data) {
    unsigned region = (unsigned)(uintptr_t)data;
    (void)cpu;
    if (region != SHARED) current = region;
    counts[current]++;
}

static void marked(unsigned cpu, void *data) {
    executed(cpu, data);
    mark();
}

static void translated(plugin_id id, struct block *block) {
    (void)id;
    for (size_t i = 0; i < qemu_plugin_tb_n_insns(block); i++) {
        struct instruction *instruction = qemu_plugin_tb_get_insn(block, i);
        uint64_t address = qemu_plugin_insn_vaddr(instruction);
        unsigned region = region_of(address);
        int is_mark = region == MARK && region_of(address - 1) != MARK;
        qemu_plugin_register_vcpu_insn_exec_cb(instruction, is_mark ? marked : executed,
                                               NO_REGISTERS, (void *)(uintptr_t)region);
    }
}

static void ended(plugin_id id, void *data) {
    (void)id, (void)data;
    fclose(out);
}

static int read_map(const char *path) {
    FILE *map = fopen(path, "r");
    unsigned long long first, end;
    unsigned region;
    if (!map) return 0;
    while (run_count < MAX_RUNS && fscanf(map, "%llx %llx %u", &first, &end, &region) == 3 &&
           region < MAX_REGIONS) {
        runs[run_count].first = first;
        runs[run_count].end = end;
        runs[run_count++].region = region;
        if (region >= regions) regions = region + 1;
    }
    int whole = feof(map);
    fclose(map);
    return whole && run_count;
}

int qemu_plugin_install(plugin_id id, const void *info, int argc, char **argv) {
    (void)info;
    for (int i = 0; i < argc; i++) {
        if (!strncmp(argv[i], "map=", 4) && !read_map(argv[i] + 4)) {
            fprintf(stderr, "%s: no map of regions\n", argv[i] + 4);
            return 1;
        }
        if (!strncmp(argv[i], "out=", 4)) out = fopen(argv[i] + 4, "w");
    }
    if (!run_count || !out) {
        fprintf(stderr, "counter: needs map=FILE and out=FILE\n");
        return 1;
    }
    qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
    qemu_plugin_register_atexit_cb(id, ended, NULL);
    return 0;
}
