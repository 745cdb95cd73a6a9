/* Included by scan.c once per instruction set; SCAN(name) makes the names differ. */

#define LANES 16
#define BLOCK 8 /* output units whose sums stay in registers */

typedef float SCAN(vec) __attribute__((vector_size(4 * LANES)));
typedef int SCAN(ivec) __attribute__((vector_size(4 * LANES)));
typedef float SCAN(unaligned) __attribute__((vector_size(4 * LANES), aligned(4)));
#define V SCAN(vec)
#define IV SCAN(ivec)
#define LOAD(p) ((V) * (const SCAN(unaligned) *)(p))
#define STORE(p, v) (*(SCAN(unaligned) *)(p) = (SCAN(unaligned))(v))

static inline V SCAN(pick)(IV mask, V a, V b) { return (V)((mask & (IV)a) | (~mask & (IV)b)); }

/* e^x for |x| <= 87: 2^n times a degree-6 polynomial on [-ln2/2, ln2/2] (Cephes expf), 1e-7 relative. */
static inline V SCAN(exponential)(V x) {
    V zero = {0};
    x = SCAN(pick)(x > 87.0f, zero + 87.0f, x);
    x = SCAN(pick)(x < -87.0f, zero - 87.0f, x);
    V scaled = x * 1.44269504f;
    IV n = __builtin_convertvector(scaled + SCAN(pick)(scaled < 0.0f, zero - 0.5f, zero + 0.5f), IV);
    V whole = __builtin_convertvector(n, V);
    x = x - whole * 0.693359375f + whole * 2.12194440e-4f;
    V y = zero + 1.9875691500e-4f;
    y = y * x + 1.3981999507e-3f;
    y = y * x + 8.3334519073e-3f;
    y = y * x + 4.1665795894e-2f;
    y = y * x + 1.6666665459e-1f;
    y = y * x + 5.0000001201e-1f;
    y = y * x * x + x + 1.0f;
    return y * (V)((n + 127) << 23);
}

static inline V SCAN(sigmoid)(V x) { return 1.0f / (1.0f + SCAN(exponential)(-x)); }

/* out[j] += sum_i m[i][j] in[i]: a matrix with `units` rows and columns, vectors of LANES clips. */
static inline void SCAN(multiply)(V *restrict out, const float *restrict m, const V *restrict in, int units) {
    int j = 0;
    for (; j + BLOCK <= units; j += BLOCK) {
        V sum[BLOCK];
        for (int k = 0; k < BLOCK; k++) sum[k] = out[j + k];
        for (int i = 0; i < units; i++) {
            V x = in[i];
            const float *row = m + (size_t)i * (size_t)units + j;
            for (int k = 0; k < BLOCK; k++) sum[k] += row[k] * x;
        }
        for (int k = 0; k < BLOCK; k++) out[j + k] = sum[k];
    }
    for (; j < units; j++) {
        V sum = out[j];
        for (int i = 0; i < units; i++) sum += m[(size_t)i * (size_t)units + j] * in[i];
        out[j] = sum;
    }
}

static void SCAN(forward)(const kws_scan *s, const float *wx, float *states, float *gates, float *candidates) {
    int units = s->units;
    size_t clips = (size_t)s->clips, frame_size = (size_t)units * clips;
    V bound = s->bound + (V){0};
    V *h = aligned_alloc(64, sizeof(V) * (size_t)units), *pre = aligned_alloc(64, sizeof(V) * (size_t)units);
    for (int clip = s->first; clip < s->last; clip += LANES) {
        memset(h, 0, sizeof(V) * (size_t)units);
        for (int t = 0; t < s->frames; t++) {
            size_t at = (size_t)t * frame_size + (size_t)clip;
            for (int j = 0; j < units; j++) pre[j] = LOAD(wx + at + (size_t)j * clips);
            if (t) SCAN(multiply)(pre, s->u, h, units);
            for (int j = 0; j < units; j++) {
                size_t here = at + (size_t)j * clips;
                V c = 2.0f * SCAN(sigmoid)(2.0f * (pre[j] + s->bias_update[j])) - 1.0f;
                if (s->gated) {
                    V z = SCAN(sigmoid)(pre[j] + s->bias_gate[j]);
                    h[j] = z * h[j] + (s->zeta * (1.0f - z) + s->nu) * c;
                    STORE(gates + here, z);
                } else {
                    h[j] = s->nu * h[j] + s->zeta * c;
                }
                h[j] = SCAN(pick)(h[j] > bound, bound, SCAN(pick)(h[j] < -bound, -bound, h[j]));
                STORE(states + here, h[j]);
                STORE(candidates + here, c);
            }
        }
    }
    free(h);
    free(pre);
}

static void SCAN(backward)(const kws_scan *s, const float *state_grads, const float *states, const float *gates,
                           const float *candidates, float *wx_grads, float *sums) {
    int units = s->units;
    size_t clips = (size_t)s->clips, frame_size = (size_t)units * clips, bytes = sizeof(V) * (size_t)units;
    V *dh = aligned_alloc(64, bytes), *dpre = aligned_alloc(64, bytes), *sum = aligned_alloc(64, 2 * bytes);
    V dzeta = {0}, dnu = {0}, bound = s->bound + (V){0}, zero = {0};
    memset(sum, 0, 2 * bytes);
    for (int clip = s->first; clip < s->last; clip += LANES) {
        memset(dh, 0, bytes);
        for (int t = s->frames - 1; t >= 0; t--) {
            size_t at = (size_t)t * frame_size + (size_t)clip;
            for (int j = 0; j < units; j++) {
                size_t here = at + (size_t)j * clips;
                V c = LOAD(candidates + here), before = {0};
                V h = LOAD(states + here);
                V g = dh[j] + LOAD(state_grads + here);
                g = SCAN(pick)((h >= bound) | (h <= -bound), zero, g);
                if (t) before = LOAD(states + here - frame_size);
                V keep, write, dgate = {0};
                if (s->gated) {
                    V z = LOAD(gates + here);
                    keep = z;
                    write = s->zeta * (1.0f - z) + s->nu;
                    dgate = g * (before - s->zeta * c) * z * (1.0f - z);
                    dzeta += g * (1.0f - z) * c;
                    dnu += g * c;
                } else {
                    keep = s->nu + (V){0};
                    write = s->zeta + (V){0};
                    dzeta += g * c;
                    dnu += g * before;
                }
                V dupdate = g * write * (1.0f - c * c);
                sum[j] += dgate;
                sum[units + j] += dupdate;
                dpre[j] = dgate + dupdate;
                dh[j] = g * keep;
                STORE(wx_grads + here, dpre[j]);
            }
            if (t) SCAN(multiply)(dh, s->u, dpre, units);
        }
    }
    for (int lane = 0; lane < LANES; lane++) {
        for (int j = 0; j < 2 * units; j++) sums[j] += sum[j][lane];
        sums[2 * units] += dzeta[lane];
        sums[2 * units + 1] += dnu[lane];
    }
    free(dh);
    free(dpre);
    free(sum);
}

#undef V
#undef IV
#undef LOAD
#undef STORE
#undef LANES
#undef BLOCK
