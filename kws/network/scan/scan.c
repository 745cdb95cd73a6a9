#include "scan.h"

#include <stdlib.h>
#include <string.h>

/* scan_body.h once per instruction set, each with its own suffix, the floats in a vector, the rows
 * of a matrix whose sums fit into the registers, and the order that interleaves two vectors'
 * halves. */
#define UP_TO_6 DO(1) DO(2) DO(3) DO(4) DO(5) DO(6)
#define SCAN(name) name##_baseline
#define LANES 4
#define MAX_ROWS 6
#define EACH_ROWS UP_TO_6
#define LOW_HALVES 0, 4, 1, 5
#define HIGH_HALVES 2, 6, 3, 7
#include "scan_body.h"

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#define HAS_X86 1
#pragma GCC push_options
#pragma GCC target("avx2,fma")
#define SCAN(name) name##_avx2
#define LANES 8
#define MAX_ROWS 6
#define EACH_ROWS UP_TO_6
#define LOW_HALVES 0, 8, 1, 9, 2, 10, 3, 11
#define HIGH_HALVES 4, 12, 5, 13, 6, 14, 7, 15
#include "scan_body.h"
#pragma GCC pop_options
#pragma GCC push_options
#pragma GCC target("avx512f,avx2,fma,prefer-vector-width=512")
#define SCAN(name) name##_avx512
#define LANES 16
#define MAX_ROWS 13
#define EACH_ROWS UP_TO_6 DO(7) DO(8) DO(9) DO(10) DO(11) DO(12) DO(13)
#define LOW_HALVES 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23
#define HIGH_HALVES 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31
#include "scan_body.h"
#pragma GCC pop_options
#endif

enum { BASELINE, AVX2, AVX512 };

static int best = AVX512;

void kws_scan_limit(int level) { best = level; }

static int isa(void) {
#ifdef HAS_X86
    if (best >= AVX512 && __builtin_cpu_supports("avx512f")) return AVX512;
    if (best >= AVX2 && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        return AVX2;
#endif
    return BASELINE;
}

const char *kws_scan_isa(void) {
    static const char *const names[] = {"baseline", "avx2", "avx512f"};
    return names[isa()];
}

const char *kws_scan_compiler(void) {
#ifdef __clang__
    return __VERSION__; /* names itself */
#else
    return "gcc " __VERSION__;
#endif
}

static int lanes(void) {
    static const int lanes[] = {4, 8, 16};
    return lanes[isa()];
}

int kws_scan_group(void) { return 2 * lanes(); }

size_t kws_scan_kept(const kws_scan *scan, int clips) {
    int lane = lanes(), group = 2 * lane, padded_rank = (scan->rank + lane - 1) / lane * lane;
    size_t padded_clips = (size_t)((clips + group - 1) / group * group);
    return padded_clips * (size_t)scan->frames * (size_t)(scan->units + padded_rank);
}

#ifdef HAS_X86
#define DISPATCH(name, scan)                 \
    switch (isa()) {                         \
    case AVX512: name##_avx512(scan); break; \
    case AVX2: name##_avx2(scan); break;     \
    default: name##_baseline(scan);          \
    }
#else
#define DISPATCH(name, scan) name##_baseline(scan)
#endif

void kws_scan_forward(const kws_scan *scan) { DISPATCH(forward, scan); }

void kws_scan_backward(const kws_scan *scan) { DISPATCH(backward, scan); }
