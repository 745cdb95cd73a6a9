/* Functions that are assembly from end to end: they leave no choice to a compiler, are the same at
 * any -O, and their arguments are in registers. To be included by the files that hold them. */
#ifndef KWS_BY_HAND_H
#define KWS_BY_HAND_H

#include "kws_arch.h"

#if KWS_ARM
#if defined(__clang__)
#pragma clang diagnostic ignored "-Wunused-parameter"
#else
#pragma GCC diagnostic ignored "-Wunused-parameter" /* they are in registers */
#pragma GCC diagnostic ignored "-Wreturn-type"
#endif
#define KWS_BY_HAND __attribute__((naked, noinline))
#endif

#endif
