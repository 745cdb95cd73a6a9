/* The front end of one frame: its stages, in the order in which data flows. Each has no other
 * caller and is compiled with it, and takes no time for a call. */
#include "kws_features.h"

#include "kws_window.c"

#include "kws_mel.c"

#include "kws_cepstrum.c"

void kws_features_of(kws_frames *frames, const kws_feature_settings *settings,
                     int16_t *features_q7) {
    const
        KWS_FLASH kws_mel_table *table = kws_mel_table_of(settings->frame_length, settings->n_mels);
    const int16_t *log_q10 = frames->samples;
    unsigned length = settings->frame_length, shift[KWS_LANES];
    if (KWS_OWN_SPECTRUM(length)) kws_fft_power_of_samples(frames, shift);
    if (!KWS_OWN_SPECTRUM(length)) {
        /* the pairs of 128 points take one bit more than the stages */
        unsigned magnitude = length == 512 ? 14 : 13;
        kws_window(frames->samples, length, magnitude, shift);
        kws_fft_power(frames, length, magnitude, shift);
    }
    kws_mel(frames, length, table, shift);
    if (settings->n_mfcc) {
        kws_dct(frames, table, settings->n_mfcc, features_q7);
    } else {
        for (unsigned i = 0; i < table->n_mels * KWS_LANES; i++)
            features_q7[i] = kws_natural_q7(log_q10[i]);
    }
}
