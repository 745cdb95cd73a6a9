/* Which model listens, with which settings. */
#include <string.h>

#include "app.h"

#define MODEL_SIZE_AT 6 /* FORMAT.md */
#define MODEL_RATE_AT 8
#define MODEL_LEAST 30

#if KWS_APP_TEXT
const char *kws_app_model_reason(uint8_t status) {
    if (status == KWS_APP_NO_MODEL) return "there is no model in flash: write one with kws deploy";
    if (status == KWS_APP_OTHER_RATE)
        return "the model is for another sample rate than this board's";
    return kws_status_text((kws_status)status);
}
#else
const char *kws_app_model_reason(uint8_t status) { return (void)status, ""; }
#endif

static uint8_t open_model(kws_app *app, uint8_t index, uint16_t *checksum) {
    uint32_t capacity = 0;
    const KWS_FLASH uint8_t *bytes = kws_port_model(index, &capacity);
    if (bytes == NULL || capacity < MODEL_LEAST) return KWS_APP_NO_MODEL;
    if (bytes[0] == bytes[1] && (bytes[0] == 0xff || bytes[0] == 0)) return KWS_APP_NO_MODEL;
    uint32_t size = bytes[MODEL_SIZE_AT] | (uint32_t)bytes[MODEL_SIZE_AT + 1] << 8;
    kws_status status =
        kws_spotter_init(&app->spotter, bytes, (size_t)(size < capacity ? size : capacity));
    if (status != KWS_OK) return (uint8_t)status;
    *checksum = (uint16_t)(bytes[size - 4] | (uint16_t)bytes[size - 3] << 8);
    return bytes[MODEL_RATE_AT] == KWS_PORT_SAMPLE_RATE_HZ / 1000 ? KWS_OK : KWS_APP_OTHER_RATE;
}

void kws_app_apply_settings(kws_app *app) {
    const kws_app_model_settings *own = &app->settings.models[app->model];
    if (own->is_set & 1) kws_spotter_set_threshold(&app->spotter, own->threshold_q10);
    if (own->is_set & 2) app->spotter.model.detector.refractory_frames = own->refractory_frames;
}

static void at_sample_0(kws_app *app) {
    app->waiting.word = KWS_NO_WORD;
    app->samples = 0;
}

void kws_app_start_stream(kws_app *app) {
    if (app->status == KWS_OK) kws_spotter_reset(&app->spotter);
    at_sample_0(app);
}

/* Settings that were made for another model in this place are forgotten. */
void kws_app_use_model(kws_app *app, uint8_t index) {
    kws_app_model_settings *own = &app->settings.models[index];
    uint16_t checksum = 0;
    app->model = index;
    app->status = open_model(app, index, &checksum);
    if (app->status == KWS_OK && own->checksum != checksum) {
        memset(own, 0, sizeof *own);
        own->checksum = checksum;
    }
    if (app->status == KWS_OK) kws_app_apply_settings(app);
    at_sample_0(app); /* at rest already: once more would take a board's time twice */
}
