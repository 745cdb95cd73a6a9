#include "scan.h"

#include <stdlib.h>
#include <string.h>

/* scan_body.h once per instruction set, each with its own suffix. */
#define SCAN(name) name##_baseline
#include "scan_body.h"
#undef SCAN

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#define HAS_X86 1
#pragma GCC push_options
#pragma GCC target("avx2,fma")
#define SCAN(name) name##_avx2
#include "scan_body.h"
#undef SCAN
#pragma GCC pop_options
#pragma GCC push_options
#pragma GCC target("avx512f,avx2,fma")
#define SCAN(name) name##_avx512
#include "scan_body.h"
#undef SCAN
#pragma GCC pop_options
#endif

enum { BASELINE, AVX2, AVX512 };

static int isa(void) {
#ifdef HAS_X86
    if (__builtin_cpu_supports("avx512f")) return AVX512;
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return AVX2;
#endif
    return BASELINE;
}

const char *kws_scan_isa(void) {
    static const char *const names[] = {"baseline", "avx2", "avx512f"};
    return names[isa()];
}

#ifdef HAS_X86
#define DISPATCH(name, ...)                            \
    switch (isa()) {                                   \
    case AVX512: name##_avx512(__VA_ARGS__); break;    \
    case AVX2: name##_avx2(__VA_ARGS__); break;        \
    default: name##_baseline(__VA_ARGS__);             \
    }
#else
#define DISPATCH(name, ...) name##_baseline(__VA_ARGS__)
#endif

void kws_scan_forward(const kws_scan *scan, const float *wx, float *states, float *gates, float *candidates) {
    DISPATCH(forward, scan, wx, states, gates, candidates);
}

void kws_scan_backward(const kws_scan *scan, const float *state_grads, const float *states,
                       const float *gates, const float *candidates, float *wx_grads, float *sums) {
    DISPATCH(backward, scan, state_grads, states, gates, candidates, wx_grads, sums);
}
