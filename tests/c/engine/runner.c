/* Counts, prints, goes on. */
#include "check.h"

#include <stddef.h>

static unsigned failed_checks;

static void put_number(int64_t value) {
    char digits[21];
    size_t at = sizeof digits - 1;
    uint64_t rest = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    digits[at] = 0;
    do {
        digits[--at] = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest);
    if (value < 0) kws_put("-");
    kws_put(digits + at);
}

void kws_check_equal(int64_t actual, int64_t expected, const char *text, const char *file,
                     int line) {
    if (actual == expected) return;
    failed_checks++;
    if (failed_checks > 50) return; /* enough to see what is wrong */
    kws_put("  FAILED ");
    kws_put(file);
    kws_put(":");
    put_number(line);
    kws_put(": ");
    kws_put(text);
    kws_put(": ");
    put_number(actual);
    kws_put(" instead of ");
    put_number(expected);
    kws_put("\n");
}

unsigned kws_run_tests(void) {
#define KWS_TEST(name) {#name, test_##name},
    static const struct {
        const char *name;
        void (*run)(void);
    } tests[] = {KWS_TESTS};
#undef KWS_TEST
    failed_checks = 0;
    for (size_t i = 0; i < sizeof tests / sizeof *tests; i++) {
        unsigned before = failed_checks;
        tests[i].run();
        kws_put(failed_checks == before ? "ok   " : "FAIL ");
        kws_put(tests[i].name);
        kws_put("\n");
    }
    put_number((int64_t)(sizeof tests / sizeof *tests));
    kws_put(" tests, ");
    put_number(failed_checks);
    kws_put(" failed checks\n");
    return failed_checks;
}
