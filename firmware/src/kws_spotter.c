/* The whole way of the data, in one function. */
#include <string.h>

#include "kws_detector.h"
#include "kws_fastgrnn.h"
#include "kws_framing.h"
#include "kws_model.h"

kws_status kws_spotter_init_checked(kws_spotter *spotter, const KWS_FLASH void *model, size_t size,
                                    uint32_t abi) {
    kws_status status = abi == KWS_ABI ? kws_model_read(&spotter->model, model, size)
                                       : KWS_ERROR_ABI;
    if (status == KWS_OK) kws_spotter_reset(spotter);
    return status;
}

void kws_spotter_reset(kws_spotter *spotter) {
    int16_t silence_q7[KWS_MAX_FEATURES], logits_q10[KWS_MAX_CLASSES];
    if (spotter->model.bytes == NULL) return; /* no model was ever accepted */
    kws_framing_reset(&spotter->framing, &spotter->model.features, silence_q7);
    kws_fastgrnn_rest(&spotter->fastgrnn, &spotter->model, silence_q7, logits_q10);
    kws_detector_reset(&spotter->detector, &spotter->model, logits_q10);
    spotter->frames = 0;
}

size_t kws_spotter_process(kws_spotter *spotter, const int16_t *samples, size_t count,
                           kws_detection *detection) {
    int16_t features_q7[KWS_MAX_FEATURES], logits_q10[KWS_MAX_CLASSES];
    size_t used = 0;
    detection->word = KWS_NO_WORD;
    detection->frame = 0;
    if (spotter->model.bytes == NULL) used = count; /* no model was ever accepted */
    while (used < count) {
        /* after a detection, only what cannot complete another frame */
        if (detection->word != KWS_NO_WORD &&
            count - used >= kws_framing_lacking(&spotter->framing))
            break;
        used += kws_framing_fill(&spotter->framing, samples + used, count - used);
        if (kws_framing_lacking(&spotter->framing)) break;
        kws_framing_features(&spotter->framing, &spotter->model.features, features_q7);
        kws_fastgrnn_step(&spotter->fastgrnn, &spotter->model, features_q7, logits_q10);
        kws_detector_smooth(&spotter->detector, &spotter->model, logits_q10);
        detection->word = kws_detector_decide(&spotter->detector, &spotter->model);
        detection->frame = spotter->frames++;
    }
    detection->score_q10 =
        detection->word == KWS_NO_WORD ? 0 : spotter->detector.score_q10[detection->word];
    return used;
}

void kws_spotter_set_threshold(kws_spotter *spotter, int16_t threshold_q10) {
    if (spotter->model.bytes != NULL) kws_model_set_threshold(&spotter->model, threshold_q10);
}

const KWS_FLASH char *kws_spotter_word(const kws_spotter *spotter, uint8_t word) {
    static const KWS_FLASH char none[] = "";
    return word < spotter->model.classes ? kws_model_name(&spotter->model, word) : none;
}
