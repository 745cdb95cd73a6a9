/* Reading a .kws file in place: every field is checked before anything uses it. */
#ifndef KWS_MODEL_H
#define KWS_MODEL_H

#include "kws.h"

KWS_MUST_USE kws_status kws_model_read(kws_model *model, const KWS_FLASH void *bytes, size_t size);

/* Another threshold; the release level stays the file's, or comes down to the threshold. */
void kws_model_set_threshold(kws_model *model, int16_t threshold_q10);

/* CRC-32 (IEEE 802.3) of the bytes. */
uint32_t kws_model_crc32(const KWS_FLASH uint8_t *bytes, size_t size);

/* NUL-terminated name of a class; the class must exist. */
const KWS_FLASH char *kws_model_name(const kws_model *model, unsigned class_index);

/* Whether a class is a word to detect; a name that opens with '_' is background. */
int kws_model_is_word(const kws_model *model, unsigned class_index);

#endif
