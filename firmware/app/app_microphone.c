/* Is a microphone there, and does it fit its input? Judged over each second. */
#include "app.h"

#define FULL_SCALE KWS_PORT_FULL_SCALE

static uint8_t judge(const kws_app *app) {
    if ((int32_t)app->highest - app->lowest <= (int32_t)(KWS_PORT_FLAT_RANGE)) return KWS_MICROPHONE_FLAT;
    if (app->clipped > KWS_PORT_SAMPLE_RATE_HZ / 100) return KWS_MICROPHONE_SATURATED;
    return KWS_MICROPHONE_OK;
}

uint8_t kws_app_check_microphone(kws_app *app, const int16_t *samples, size_t count) {
    uint8_t before = app->microphone;
    for (; count > 0; count--, samples++) {
        if (app->checked == 0) {
            app->lowest = app->highest = *samples;
            app->clipped = 0;
        }
        if (*samples < app->lowest) app->lowest = *samples;
        if (*samples > app->highest) app->highest = *samples;
        if (*samples >= FULL_SCALE || *samples <= -FULL_SCALE) app->clipped++;
        if (++app->checked == KWS_PORT_SAMPLE_RATE_HZ) {
            app->microphone = judge(app);
            app->checked = 0;
        }
    }
    return app->microphone != before;
}
