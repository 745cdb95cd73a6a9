# The engine's sources, for makefiles; ENGINE is this folder. An image's bytes depend on the order in
# which it is linked, so the order is kept here: a new source comes last by itself.
ENGINE_FIRST := kws_detector.c kws_fastgrnn.c kws_features.c kws_fft.c cortex_m4/kws_fft_m4.c \
                kws_matrix.c kws_framing.c kws_model.c kws_spotter.c kws_tables.c \
                cortex_m0/kws_window_m0.c cortex_m0/kws_mel_m0.c cortex_m0/kws_fft_m0.c
ENGINE_C := $(ENGINE_FIRST:%=$(ENGINE)/%)
ENGINE_C += $(filter-out $(ENGINE_C),$(sort $(wildcard $(ENGINE)/*.c $(ENGINE)/*/*.c)))
ENGINE_S := $(sort $(wildcard $(ENGINE)/avr/*.S))
ENGINE_H := $(wildcard $(ENGINE)/*.h $(ENGINE)/*/*.h $(ENGINE)/*/*.inc $(ENGINE)/../include/*.h)
