/* The recurrence of FastGRNN and FastRNN over a batch, forward and backward, in float32.
 *
 * Layout [time][unit][clip], clips innermost and a multiple of 16, so that one vector holds one unit
 * of 16 clips. Each call does the clips first..last-1 (multiples of 16): callers split a batch among
 * threads. wx is W x; U is [unit in][unit out]. With `gated` (FastGRNN)
 *     z = sigmoid(wx + U h + bias_gate), c = tanh(wx + U h + bias_update)
 *     h' = z h + (zeta (1 - z) + nu) c
 * and without (FastRNN) h' = nu h + zeta c; then h' is clamped to [-bound, bound], as the engine's
 * state is, and passes no gradient where it was. The best vector instructions are chosen at run time. */
#ifndef KWS_SCAN_H
#define KWS_SCAN_H

#include <stddef.h>

typedef struct {
    int frames, units, clips, first, last, gated;
    const float *u;      /* [units][units] forward; its transpose backward */
    const float *bias_gate, *bias_update;
    float zeta, nu, bound;
} kws_scan;

/* states, gates, candidates: [frames][units][clips]; the last two are kept for the way back. */
void kws_scan_forward(const kws_scan *scan, const float *wx, float *states, float *gates, float *candidates);

/* state_grads -> wx_grads [frames][units][clips], and into sums [2 units + 2] the gradients of
 * bias_gate, bias_update, zeta and nu over these clips. */
void kws_scan_backward(const kws_scan *scan, const float *state_grads, const float *states,
                       const float *gates, const float *candidates, float *wx_grads, float *sums);

/* The instruction set in use: "avx512f", "avx2" or "baseline". */
const char *kws_scan_isa(void);

#endif
