#include "kws_detector.h"

#include <string.h>

#include "kws_fixed.h"
#include "kws_model.h"

static int32_t best_other(const int16_t *logits_q10, unsigned classes, unsigned word) {
    int32_t best = INT16_MIN;
    if (classes == 1) return 0; /* a lone class stands against an implicit logit of 0 */
    for (unsigned i = 0; i < classes; i++)
        if (i != word && logits_q10[i] > best) best = logits_q10[i];
    return best;
}

static int16_t odds_q10(const kws_model *model, const int16_t *logits_q10, unsigned word) {
    return kws_sat16(logits_q10[word] - best_other(logits_q10, model->classes, word));
}

void kws_detector_reset(kws_detector *detector, const kws_model *model, const int16_t *logits_q10) {
    memset(detector, 0, sizeof *detector);
    for (unsigned i = 0; i < model->classes; i++) {
        detector->score_q10[i] = odds_q10(model, logits_q10, i);
        detector->armed[i] = 1;
    }
}

void kws_detector_smooth(kws_detector *detector, const kws_model *model,
                         const int16_t *logits_q10) {
    for (unsigned i = 0; i < model->classes; i++) {
        int32_t change = (int32_t)odds_q10(model, logits_q10, i) - detector->score_q10[i];
        int32_t step = kws_round_shift(change, model->detector.smoothing_shift);
        detector->score_q10[i] = (int16_t)(detector->score_q10[i] + step); /* at most the odds */
    }
}

uint8_t kws_detector_decide(kws_detector *detector, const kws_model *model) {
    const kws_detector_settings *settings = &model->detector;
    uint8_t fired = KWS_NO_WORD, waiting = detector->refractory;
    if (waiting) detector->refractory--;
    for (uint8_t i = 0; i < model->classes; i++) {
        int16_t score = detector->score_q10[i];
        if (score < settings->release_q10) detector->armed[i] = 1;
        if (!detector->armed[i] || score < settings->threshold_q10 || !kws_model_is_word(model, i))
            continue;
        if (fired == KWS_NO_WORD || score > detector->score_q10[fired]) fired = i;
    }
    if (fired == KWS_NO_WORD || waiting) return KWS_NO_WORD;
    detector->armed[fired] = 0;
    detector->refractory = settings->refractory_frames;
    return fired;
}
