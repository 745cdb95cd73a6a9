/* The recurrence of FastGRNN and FastRNN over a batch of sequences, forward and backward, in
 * float32.
 *
 *     a = W x + U h,  U full or left * right
 *     z = sigmoid(a + bias_gate), c = tanh(a + bias_update)
 *     h' = z h + (zeta (1 - z) + nu) c                       (FastGRNN: `gated`)
 *     h' = nu h + zeta c                                     (FastRNN)
 * and h' is clamped to [-bound, bound], as the engine's state is, and passes no gradient where it
 * was.
 *
 * Sequences are [clip][frame][value], as everywhere else. Inside, a vector holds one value of
 * several clips, and two vectors (a group of kws_scan_group() clips) go through all frames
 * together. A call does the clips first..last-1, first being a multiple of the group: callers split
 * a batch among threads. The best vector instructions are chosen at run time. */
#ifndef KWS_SCAN_H
#define KWS_SCAN_H

#include <stddef.h>

typedef struct {
    int frames, inputs, units, first, last, gated;
    int hard;       /* z = clip((x + 1) / 2, 0, 1) and c = clip(x, -1, 1) */
    int rank;       /* of U; 0: full */
    const float *w; /* forward: W as [inputs][units] */
    /* forward: U or left as [units or rank][units]; backward: the transpose */
    const float *u;
    /* with a rank, forward: right as [units][rank]; backward: the transpose */
    const float *u_right;
    const float *bias_gate, *bias_update;
    float zeta, nu, bound;
    const float *x;           /* [clips][frames][inputs] */
    const float *given;       /* NULL, or states to go along in place of the float ones */
    const float *initial;     /* NULL for zeros, or the state before the first frame, [units] */
    float *states;            /* [clips][frames][units] */
    float *kept;              /* kws_scan_kept() floats, for the way back; NULL: forward alone */
    const float *state_grads; /* [clips][frames][units] */
    float *sum_grads;         /* NULL, or to write: of W x + U h, [clips][frames][units] */
    /* to write: of W, U or left, right (all [out][in]), bias_gate, bias_update, zeta and nu, over
     * these clips */
    float *weight_grads;
} kws_scan;

void kws_scan_forward(const kws_scan *scan);
void kws_scan_backward(const kws_scan *scan);

/* Clips in a group; floats that a batch keeps for the way back. */
int kws_scan_group(void);
size_t kws_scan_kept(const kws_scan *scan, int clips);

/* The instruction set in use ("avx512f", "avx2" or "baseline"), and the compiler that built this.
 * The limit (2, 1, 0) is for tests of the lesser sets; what is kept by then must not be used any
 * more. */
const char *kws_scan_isa(void);
const char *kws_scan_compiler(void);
void kws_scan_limit(int level);

#endif
