/* Included by scan.c once per instruction set; SCAN(name) makes the names differ.
 *
 * A "column" is one value (an input, a unit) of a group of clips: two vectors, side by side. */

#define GROUP (2 * LANES)
/* frames read and written together: long runs of memory that the processor foresees */
#define CHUNK 8

typedef float SCAN(vec) __attribute__((vector_size(4 * LANES)));
typedef int SCAN(ivec) __attribute__((vector_size(4 * LANES)));
typedef float SCAN(unaligned) __attribute__((vector_size(4 * LANES), aligned(4)));
#define V SCAN(vec)
#define IV SCAN(ivec)
#define LOAD(p) ((V) * (const SCAN(unaligned) *)(p))
#define STORE(p, v) (*(SCAN(unaligned) *)(p) = (SCAN(unaligned))(v))
#ifdef __clang__
#define SHUFFLE(a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)
#else
#define SHUFFLE(a, b, ...) __builtin_shuffle(a, b, (IV){__VA_ARGS__})
#endif
/* `count` floats, up to a whole number of vectors. */
#define WIDTH(count) (((size_t)(count) + LANES - 1) / LANES * LANES)
#define INLINE static inline __attribute__((always_inline))

INLINE V SCAN(pick)(IV mask, V a, V b) { return (V)((mask & (IV)a) | (~mask & (IV)b)); }
INLINE V SCAN(least)(V a, V b) { return SCAN(pick)(a < b, a, b); }
INLINE V SCAN(most)(V a, V b) { return SCAN(pick)(a > b, a, b); }

/* e^x for |x| <= 87: 2^n times a degree-6 polynomial on [-ln2/2, ln2/2] (Cephes expf), 1e-7
 * relative. */
INLINE V SCAN(exponential)(V x) {
    V zero = {0};
    /* positive: cut off is rounded down */
    IV n = __builtin_convertvector(x * 1.44269504f + 128.5f, IV);
    V whole = __builtin_convertvector(n - 128, V);
    x = x - whole * 0.693359375f + whole * 2.12194440e-4f;
    V y = zero + 1.9875691500e-4f;
    y = y * x + 1.3981999507e-3f;
    y = y * x + 8.3334519073e-3f;
    y = y * x + 4.1665795894e-2f;
    y = y * x + 1.6666665459e-1f;
    y = y * x + 5.0000001201e-1f;
    y = y * x * x + x + 1.0f;
    return y * (V)((n - 1) << 23);
}

/* z = sigmoid(a) and c = tanh(a + bias_update - bias_gate), with one exponential and one division:
 * with e = exp(-a) and skew = exp(2 (bias_gate - bias_update)), z = 1 / (1 + e) and
 * c = (1 - e e skew) / (1 + e e skew). The limits keep the product of the denominators finite, and
 * leave both values exact in float32 while the two biases are within 30 of each other. */
INLINE void SCAN(squash)(V a, float skew, V *z, V *c) {
    V zero = {0}, limit = zero + 40.0f;
    V e = SCAN(exponential)(SCAN(least)(SCAN(most)(-a, -limit), limit));
    V q = SCAN(least)(e * e * skew, zero + 1e18f);
    V reciprocal = 1.0f / ((1.0f + e) * (1.0f + q));
    *z = (1.0f + q) * reciprocal;
    *c = (1.0f - q) * (1.0f + e) * reciprocal;
}

INLINE V SCAN(tanh)(V a) {
    V limit = (V){0} + 20.0f;
    V q = SCAN(exponential)(-2.0f * SCAN(least)(SCAN(most)(a, -limit), limit));
    return (1.0f - q) / (1.0f + q);
}

INLINE V SCAN(clip)(V x, float low, float high) {
    V zero = {0};
    return SCAN(least)(SCAN(most)(x, zero + low), zero + high);
}

/* z and c of a unit; of a hard cell the skew is bias_update - bias_gate. */
INLINE void SCAN(gate)(int hard, V a, float skew, V *z, V *c) {
    if (!hard) {
        SCAN(squash)(a, skew, z, c);
        return;
    }
    *z = SCAN(clip)((a + 1.0f) * 0.5f, 0.0f, 1.0f);
    *c = SCAN(clip)(a + skew, -1.0f, 1.0f);
}

INLINE V SCAN(candidate)(int hard, V a) {
    return hard ? SCAN(clip)(a, -1.0f, 1.0f) : SCAN(tanh)(a);
}

/* The slopes of z and of c, by their values. */
INLINE V SCAN(gate_slope)(int hard, V z) {
    V zero = {0};
    return hard ? SCAN(pick)((z > 0.0f) & (z < 1.0f), zero + 0.5f, zero) : z * (1.0f - z);
}

INLINE V SCAN(candidate_slope)(int hard, V c) {
    V zero = {0};
    return hard ? SCAN(pick)((c > -1.0f) & (c < 1.0f), zero + 1.0f, zero) : 1.0f - c * c;
}

static void SCAN(skews)(const kws_scan *s, float *skews) {
    V limit = (V){0} + 60.0f;
    for (int j = 0; s->hard && j < s->units; j++) skews[j] = s->bias_update[j] - s->bias_gate[j];
    if (s->hard) return;
    for (int j = 0; j < s->units; j++) {
        V apart = (V){0} + 2.0f * (s->bias_gate[j] - s->bias_update[j]);
        skews[j] = SCAN(exponential)(SCAN(least)(SCAN(most)(apart, -limit), limit))[0];
    }
}

INLINE void SCAN(transpose)(V *tile) {
    V turned[LANES];
    for (int stage = 1; stage < LANES; stage *= 2) {
        for (int i = 0; i < LANES / 2; i++) {
            turned[2 * i] = SHUFFLE(tile[i], tile[i + LANES / 2], LOW_HALVES);
            turned[2 * i + 1] = SHUFFLE(tile[i], tile[i + LANES / 2], HIGH_HALVES);
        }
        for (int i = 0; i < LANES; i++) tile[i] = turned[i];
    }
}

/* Rows of `count` values, `stride` apart, one a clip -> columns; clips that there are none of give
 * 0. */
static void SCAN(load)(V *restrict columns, const float *rows, size_t stride, int count,
                       int clips) {
    if (count < LANES) {
        memset(columns, 0, sizeof(V) * 2 * (size_t)count);
        for (int j = 0; j < count; j++)
            for (int k = 0; k < clips; k++)
                columns[2 * j + k / LANES][k % LANES] = rows[(size_t)k * stride + j];
        return;
    }
    for (int half = 0; half < 2; half++)
        for (int j = 0; j < count; j += LANES) {
            /* the last tile overlaps the one before */
            int first = j + LANES <= count ? j : count - LANES;
            V tile[LANES];
            for (int k = 0; k < LANES; k++) {
                int clip = half * LANES + k;
                tile[k] = clip < clips ? LOAD(rows + (size_t)clip * stride + first) : (V){0};
            }
            SCAN(transpose)(tile);
            for (int k = 0; k < LANES; k++) columns[2 * (first + k) + half] = tile[k];
        }
}

/* The other way round. */
static void SCAN(store)(float *rows, size_t stride, const V *columns, int count, int clips) {
    if (count < LANES) {
        for (int j = 0; j < count; j++)
            for (int k = 0; k < clips; k++)
                rows[(size_t)k * stride + j] = columns[2 * j + k / LANES][k % LANES];
        return;
    }
    for (int half = 0; half < 2; half++)
        for (int j = 0; j < count; j += LANES) {
            int first = j + LANES <= count ? j : count - LANES;
            V tile[LANES];
            for (int k = 0; k < LANES; k++) tile[k] = columns[2 * (first + k) + half];
            SCAN(transpose)(tile);
            for (int k = 0; k < LANES && half * LANES + k < clips; k++)
                STORE(rows + (size_t)(half * LANES + k) * stride + first, tile[k]);
        }
}

/* Rows of `count` values -> rows of whole vectors; clips that there are none of stay as they
 * are. */
static void SCAN(copy)(float *restrict to, const float *restrict rows, size_t stride, size_t count,
                       int clips) {
    for (size_t k = 0; k < (size_t)clips; k++) {
        float *row = to + k * WIDTH(count);
        const float *from = rows + k * stride;
        if (count < LANES) {
            memcpy(row, from, sizeof(float) * count);
            continue;
        }
        for (size_t j = 0; j + LANES <= count; j += LANES) STORE(row + j, LOAD(from + j));
        STORE(row + count - LANES, LOAD(from + count - LANES));
    }
}

INLINE void SCAN(multiply_rows)(V *restrict out, const float *restrict m, const V *restrict in,
                                int ins, int outs, int rows) {
    V sum[2 * MAX_ROWS];
#pragma GCC unroll 26
    for (int k = 0; k < 2 * rows; k++) sum[k] = out[k];
    for (int i = 0; i < ins; i++) {
        V a = in[2 * i], b = in[2 * i + 1];
        const float *weight = m + (size_t)i * (size_t)outs;
        for (int k = 0; k < rows; k++) {
            sum[2 * k] += weight[k] * a;
            sum[2 * k + 1] += weight[k] * b;
        }
    }
#pragma GCC unroll 26
    for (int k = 0; k < 2 * rows; k++) out[k] = sum[k];
}

/* out[j] += sum_i m[i][j] in[i]: rows in blocks of nearly the same size, so that no small one is
 * left. */
static void SCAN(multiply)(V *restrict out, const float *restrict m, const V *restrict in, int ins,
                           int outs) {
    int blocks = (outs + MAX_ROWS - 1) / MAX_ROWS;
    for (int block = 0; block < blocks; block++) {
        int j = outs * block / blocks;
        switch (outs * (block + 1) / blocks - j) {
#define DO(n) \
    case n: SCAN(multiply_rows)(out + 2 * j, m + j, in, ins, outs, n); break;
            EACH_ROWS
#undef DO
        }
    }
}

INLINE void SCAN(outer_rows)(float *restrict sums, size_t width, const float *restrict columns,
                             const float *restrict rows, int count, int vectors) {
    V sum[MAX_ROWS][2];
    for (int k = 0; k < count; k++)
        for (int v = 0; v < vectors; v++) sum[k][v] = LOAD(sums + (size_t)k * width + v * LANES);
    for (int clip = 0; clip < GROUP; clip++)
        for (int v = 0; v < vectors; v++) {
            V row = LOAD(rows + (size_t)clip * width + v * LANES);
            for (int k = 0; k < count; k++) sum[k][v] += columns[k * GROUP + clip] * row;
        }
    for (int k = 0; k < count; k++)
        for (int v = 0; v < vectors; v++) STORE(sums + (size_t)k * width + v * LANES, sum[k][v]);
}

/* sums[j][i] += the sum over a group's clips of columns[j] rows[i]; sums and rows are `width`
 * wide. */
static void SCAN(outer)(float *restrict sums, size_t width, const V *restrict columns,
                        const float *restrict rows, int count) {
    int blocks = (count + MAX_ROWS - 1) / MAX_ROWS;
    for (int block = 0; block < blocks; block++) {
        int j = count * block / blocks;
        float *sum = sums + (size_t)j * width;
        const float *column = (const float *)(columns + 2 * j);
        for (size_t i = 0; i < width; i += 2 * LANES) {
            int vectors = width - i < 2 * LANES ? 1 : 2;
            switch (2 * (count * (block + 1) / blocks - j) + vectors - 1) {
#define DO(n)                                                                    \
    case 2 * n: SCAN(outer_rows)(sum + i, width, column, rows + i, n, 1); break; \
    case 2 * n + 1: SCAN(outer_rows)(sum + i, width, column, rows + i, n, 2); break;
                EACH_ROWS
#undef DO
            }
        }
    }
}

static float *SCAN(zeros)(size_t count) {
    size_t bytes = sizeof(float) * WIDTH(count + 1);
    return memset(aligned_alloc(sizeof(V), bytes), 0, bytes);
}

/* Zeroed columns, up to a whole number of tiles. */
static V *SCAN(columns)(int count) { return (V *)SCAN(zeros)(WIDTH(count) * GROUP); }

/* The next state, from the sums of one frame and the state before. */
INLINE void SCAN(advance_as)(int hard, const kws_scan *s, const float *skews, const V *a,
                             const V *before, V *restrict h) {
    V bound = s->bound + (V){0};
    for (size_t i = 0; i < 2 * (size_t)s->units; i++) {
        V next;
        if (s->gated) {
            V z, c;
            SCAN(gate)(hard, a[i], skews[i / 2], &z, &c);
            next = z * before[i] + (s->zeta * (1.0f - z) + s->nu) * c;
        } else {
            next = s->nu * before[i] + s->zeta * SCAN(candidate)(hard, a[i]);
        }
        h[i] = SCAN(least)(SCAN(most)(next, -bound), bound);
    }
}

static void SCAN(advance)(const kws_scan *s, const float *skews, const V *a, const V *before,
                          V *restrict h) {
    if (s->hard) SCAN(advance_as)(1, s, skews, a, before, h);
    else SCAN(advance_as)(0, s, skews, a, before, h);
}

/* The state before the first frame, the same for all clips. */
static void SCAN(begin)(const kws_scan *s, V *h) {
    for (size_t j = 0; j < (size_t)s->units; j++)
        h[2 * j] = h[2 * j + 1] = (s->initial ? s->initial[j] : 0.0f) + (V){0};
}

static void SCAN(forward)(const kws_scan *s) {
    size_t units = (size_t)s->units, frames = (size_t)s->frames, inputs = (size_t)s->inputs;
    size_t width = WIDTH(s->rank);
    V *x = SCAN(columns)(CHUNK * s->inputs), *h = SCAN(columns)((CHUNK + 1) * s->units);
    V *middle = SCAN(columns)(s->rank), *sums = s->kept ? NULL : SCAN(columns)(s->units);
    float *skews = SCAN(zeros)(units);
    const float *bias = s->gated ? s->bias_gate : s->bias_update;
    if (s->gated) SCAN(skews)(s, skews);
    for (int clip = s->first; clip < s->last; clip += GROUP) {
        int clips = s->last - clip < GROUP ? s->last - clip : GROUP;
        float *kept = s->kept ? s->kept + (size_t)clip * frames * (units + width) : NULL;
        SCAN(begin)(s, h);
        for (int t = 0; t < s->frames; t += CHUNK) {
            int count = s->frames - t < CHUNK ? s->frames - t : CHUNK;
            size_t at = (size_t)clip * frames + (size_t)t;
            SCAN(load)(x, s->x + at * inputs, frames * inputs, count * s->inputs, clips);
            V *next = h + 2 * units;
            if (s->given)
                SCAN(load)(next, s->given + at * units, frames * units, count * s->units, clips);
            for (int k = 0; k < count; k++) {
                V *a = kept ? (V *)kept : sums, *before = h + 2 * units * (size_t)k;
                for (size_t j = 0; j < units; j++) a[2 * j] = a[2 * j + 1] = bias[j] + (V){0};
                SCAN(multiply)(a, s->w, x + 2 * inputs * (size_t)k, s->inputs, s->units);
                if (s->rank) {
                    memset(middle, 0, sizeof(V) * 2 * (size_t)s->rank);
                    SCAN(multiply)(middle, s->u_right, before, s->units, s->rank);
                    SCAN(multiply)(a, s->u, middle, s->rank, s->units);
                    if (kept) SCAN(store)(kept + GROUP * units, width, middle, (int)width, GROUP);
                } else {
                    SCAN(multiply)(a, s->u, before, s->units, s->units);
                }
                if (!s->given) SCAN(advance)(s, skews, a, before, before + 2 * units);
                if (kept) kept += GROUP * (units + width);
            }
            if (!s->given)
                SCAN(store)(s->states + at * units, frames * units, next, count * s->units, clips);
            memcpy(h, h + 2 * units * (size_t)count, sizeof(V) * 2 * units);
        }
    }
    free(x);
    free(h);
    free(middle);
    free(sums);
    free(skews);
}

/* Where a share of the clips sums its gradients up. */
typedef struct {
    V *bias, zeta, nu; /* bias: [units][gate, update] */
    float *w, *u, *u_right;
} SCAN(totals);

static SCAN(totals) SCAN(new_totals)(const kws_scan *s) {
    size_t units = (size_t)s->units;
    return (SCAN(totals)){
        .bias = SCAN(columns)(s->units),
        .w = SCAN(zeros)(units * WIDTH(s->inputs)),
        .u = SCAN(zeros)(units * WIDTH(s->rank ? s->rank : s->units)),
        .u_right = SCAN(zeros)((size_t)s->rank * WIDTH(units)),
    };
}

static float *SCAN(put)(float *to, float *sums, size_t rows, size_t count) {
    for (size_t j = 0; j < rows; j++)
        memcpy(to + j * count, sums + j * WIDTH(count), sizeof(float) * count);
    free(sums);
    return to + rows * count;
}

static void SCAN(put_totals)(const kws_scan *s, SCAN(totals) * totals) {
    size_t units = (size_t)s->units, rank = (size_t)s->rank;
    float *to = SCAN(put)(s->weight_grads, totals->w, units, (size_t)s->inputs);
    to = SCAN(put)(to, totals->u, units, rank ? rank : units);
    to = SCAN(put)(to, totals->u_right, rank, units);
    memset(to, 0, sizeof(float) * (2 * units + 2));
    for (int lane = 0; lane < LANES; lane++) {
        for (size_t j = 0; j < units; j++) {
            to[j] += totals->bias[2 * j][lane];
            to[units + j] += totals->bias[2 * j + 1][lane];
        }
        to[2 * units] += totals->zeta[lane];
        to[2 * units + 1] += totals->nu[lane];
    }
    free(totals->bias);
}

/* Through the gates of one frame: from the gradient of its state, which is `grad` and what came
 * back from later frames, to that of the state before without U's part (both in dh), and to da. */
INLINE void SCAN(gates_as)(int hard, const kws_scan *s, const float *skews, const V *a,
                           const V *before, const V *grad, V *restrict dh, V *restrict da,
                           SCAN(totals) * totals) {
    const V *h = before + 2 * (size_t)s->units;
    V bound = s->bound + (V){0}, zero = {0}, dzeta = {0}, dnu = {0};
    /* to the frame before: backward is not foreseen */
    size_t ahead = 2 * ((size_t)s->units + WIDTH(s->rank));
    for (size_t i = 0; i < 2 * (size_t)s->units; i++) {
        __builtin_prefetch(a + i - ahead);
        V g = SCAN(pick)((h[i] >= bound) | (h[i] <= -bound), zero, dh[i] + grad[i]);
        if (s->gated) {
            V z, c;
            SCAN(gate)(hard, a[i], skews[i / 2], &z, &c);
            V dgate = g * (before[i] - s->zeta * c) * SCAN(gate_slope)(hard, z);
            V dupdate = g * (s->zeta * (1.0f - z) + s->nu) * SCAN(candidate_slope)(hard, c);
            dzeta += g * (1.0f - z) * c;
            dnu += g * c;
            totals->bias[i & ~(size_t)1] += dgate;
            totals->bias[i | 1] += dupdate;
            da[i] = dgate + dupdate;
            dh[i] = g * z;
        } else {
            V c = SCAN(candidate)(hard, a[i]);
            dzeta += g * c;
            dnu += g * before[i];
            da[i] = g * s->zeta * SCAN(candidate_slope)(hard, c);
            totals->bias[i | 1] += da[i];
            dh[i] = g * s->nu;
        }
    }
    totals->zeta += dzeta;
    totals->nu += dnu;
}

static void SCAN(gates)(const kws_scan *s, const float *skews, const V *a, const V *before,
                        const V *grad, V *restrict dh, V *restrict da, SCAN(totals) * totals) {
    if (s->hard) SCAN(gates_as)(1, s, skews, a, before, grad, dh, da, totals);
    else SCAN(gates_as)(0, s, skews, a, before, grad, dh, da, totals);
}

static void SCAN(backward)(const kws_scan *s) {
    size_t units = (size_t)s->units, frames = (size_t)s->frames, inputs = (size_t)s->inputs;
    size_t width = WIDTH(s->rank);
    V *h = SCAN(columns)((CHUNK + 1) * s->units), *grads = SCAN(columns)(CHUNK * s->units);
    V *dh = SCAN(columns)(s->units), *da = SCAN(columns)(s->units),
      *dmiddle = SCAN(columns)(s->rank);
    float *x_rows = SCAN(zeros)(GROUP * WIDTH(inputs)),
          *before_rows = SCAN(zeros)(GROUP * WIDTH(units));
    float *skews = SCAN(zeros)(units);
    SCAN(totals) totals = SCAN(new_totals)(s);
    if (s->gated) SCAN(skews)(s, skews);
    for (int clip = s->first; clip < s->last; clip += GROUP) {
        int clips = s->last - clip < GROUP ? s->last - clip : GROUP;
        const float *kept = s->kept + ((size_t)clip + GROUP) * frames * (units + width);
        memset(dh, 0, sizeof(V) * 2 * units);
        for (int t = (s->frames - 1) / CHUNK * CHUNK; t >= 0; t -= CHUNK) {
            int count = s->frames - t < CHUNK ? s->frames - t : CHUNK;
            size_t start = (size_t)clip * frames + (size_t)t;
            SCAN(begin)(s, h);
            SCAN(load)(h + (t ? 0 : 2 * units), s->states + (start - (t > 0)) * units,
                       frames * units, (count + (t > 0)) * s->units, clips);
            SCAN(load)(grads, s->state_grads + start * units, frames * units, count * s->units,
                       clips);
            for (int k = count - 1; k >= 0; k--) {
                size_t at = start + (size_t)k;
                V *before = h + 2 * units * (size_t)k, *grad = grads + 2 * units * (size_t)k;
                kept -= GROUP * (units + width);
                SCAN(gates)(s, skews, (const V *)kept, before, grad, dh, da, &totals);
                if (s->sum_grads)
                    SCAN(store)(s->sum_grads + at * units, frames * units, da, s->units, clips);
                SCAN(copy)(x_rows, s->x + at * inputs, frames * inputs, inputs, clips);
                SCAN(outer)(totals.w, WIDTH(inputs), da, x_rows, s->units);
                if (t + k > 0)
                    SCAN(copy)(before_rows, s->states + (at - 1) * units, frames * units, units,
                               clips);
                else if (!s->initial) break;
                else SCAN(copy)(before_rows, s->initial, 0, units, clips);
                if (s->rank) {
                    memset(dmiddle, 0, sizeof(V) * 2 * (size_t)s->rank);
                    SCAN(multiply)(dmiddle, s->u, da, s->units, s->rank);
                    SCAN(multiply)(dh, s->u_right, dmiddle, s->rank, s->units);
                    SCAN(outer)(totals.u, width, da, kept + GROUP * units, s->units);
                    SCAN(outer)(totals.u_right, WIDTH(units), dmiddle, before_rows, s->rank);
                } else {
                    SCAN(multiply)(dh, s->u, da, s->units, s->units);
                    SCAN(outer)(totals.u, WIDTH(units), da, before_rows, s->units);
                }
            }
        }
    }
    SCAN(put_totals)(s, &totals);
    free(h);
    free(grads);
    free(dh);
    free(da);
    free(dmiddle);
    free(x_rows);
    free(before_rows);
    free(skews);
}

#undef V
#undef IV
#undef LOAD
#undef STORE
#undef SHUFFLE
#undef INLINE
#undef GROUP
#undef CHUNK
#undef SCAN
#undef LANES
#undef MAX_ROWS
#undef EACH_ROWS
#undef WIDTH
#undef LOW_HALVES
#undef HIGH_HALVES
