#ifndef ZEPHYR_PRINTK_H
#define ZEPHYR_PRINTK_H
#include <stdio.h>
#define printk(...) ((void)printf(__VA_ARGS__))
#endif
