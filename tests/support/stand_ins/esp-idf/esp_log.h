#ifndef ESP_LOG_H
#define ESP_LOG_H
#include <stdio.h>
#define ESP_LOGI(tag, ...) ((void)tag, (void)printf(__VA_ARGS__), (void)putchar('\n'))
#define ESP_LOGE(tag, ...) ((void)tag, (void)fprintf(stderr, __VA_ARGS__))
#endif
